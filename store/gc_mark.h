/* Which objects of a store are reachable. Private to gc.c. */
#ifndef STORE_GC_MARK_H
#define STORE_GC_MARK_H

#include <stdbool.h>

#include "store/digest.h"
#include "store/store.h"

/* What can be marked; each by the name of its file or folder. */
enum gc_kind { GC_LAYER, GC_SNAPSHOT, GC_BLOB };

#define GC_KINDS 3

struct gc_marks;

/*
 * Mark all that names lead to and, unless `wanted` is NULL, what living batches
 * have pinned and those remembered steps for which `wanted(ctx, file)` is true.
 */
int gc_mark(struct store *s, bool (*wanted)(void *ctx, const char *file),
	    void *ctx, struct gc_marks **ret, struct error *err);

/* None marked yet. */
int gc_marks_new(struct store *s, struct gc_marks **ret, struct error *err);

/* What the image of that config leads to. */
int gc_mark_image(struct gc_marks *m, const struct digest *id,
		  struct error *err);

void gc_marks_free(struct gc_marks *m);
DEFINE_CLEANUP(struct gc_marks *, gc_marks_free);

bool gc_is_marked(const struct gc_marks *m, enum gc_kind kind,
		  const char *name);

#endif
