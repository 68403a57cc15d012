/*
 * A root that files are read from: a build context or the merged layers of a
 * stage or image. COPY, ADD and bind mounts see both through this, so that
 * they need one code path. Links are followed inside the root; what a context
 * hides does not exist.
 */
#ifndef BUILDER_FILE_ROOT_H
#define BUILDER_FILE_ROOT_H

#include <stdbool.h>

#include "builder/context.h"
#include "builder/file_node.h"
#include "store/base/strv.h"
#include "store/layer.h"

struct file_root;

/* `name` is for messages, "the build context"; copied. `c` is borrowed. */
int file_root_from_context(struct context *c, const char *name,
			   struct file_root **ret, struct error *err);

/*
 * Layers bottom first; references are taken. Nothing is fetched or read
 * before the first lookup. `name`: `stage "build"`; copied.
 */
int file_root_from_layers(struct layer *const *layers, size_t n,
			  const char *name, struct file_root **ret,
			  struct error *err);
void file_root_free(struct file_root *r);
DEFINE_CLEANUP(struct file_root *, file_root_free);

/* Does a copy keep the owners found here? Those of a context mean nothing. */
bool file_root_keeps_owners(const struct file_root *r);

const char *file_root_name(const struct file_root *r);

/* The context, or NULL when it is none. */
struct context *file_root_context(const struct file_root *r);

/*
 * The layer `i` of a root of layers (borrowed), and whether it has `n` and all
 * below it to itself: nothing of lower layers is merged or hidden there.
 */
struct layer *file_root_layer(const struct file_root *r, size_t i);
int file_root_is_alone(struct file_root *r, const struct file_node *n,
		       struct error *err);

/*
 * Look `path` up, all links followed. 1 with `*ret` for the caller to free, 0
 * when there is no such file, -1.
 */
int file_root_lookup(struct file_root *r, const char *path,
		     struct file_node **ret, struct error *err);

/*
 * ERROR_NOT_FOUND for `path`, saying why as far as it is known: hidden by
 * which line of which ignore file, or spelled differently. Returns -1.
 */
int file_root_missing(struct file_root *r, const char *path, struct error *err);

/* Is there a reason to hide `path`, whether it exists or not? */
bool file_root_hides(struct file_root *r, const char *path);

/* Names in the directory `path` (resolved), sorted by bytes. */
int file_root_list(struct file_root *r, const char *path, struct strv *ret,
		   struct error *err);

/*
 * Visit everything below the directory `path` (resolved) in canonical order.
 * The callback owns `n`. It returns 0 or -1.
 */
int file_root_walk(struct file_root *r, const char *path,
		   int (*visit)(void *ctx, struct file_node *n,
				struct error *err),
		   void *ctx, struct error *err);

/*
 * Contents of a regular file: a descriptor and where its bytes start. A file
 * of a context that changed since it was found is ERROR_INTEGRITY: the key
 * would promise other contents. Thread-safe.
 */
int file_root_open(struct file_root *r, const struct file_node *n,
		   off_t *offset, struct error *err);

/*
 * Set the digests of the regular files among `nodes`, on several threads;
 * remembered ones are not read.
 */
int file_root_digest(struct file_root *r, struct file_node **nodes, size_t n,
		     struct error *err);

#endif
