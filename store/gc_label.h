/* Which images without a name a filter by labels is about. Private to gc.c. */
#ifndef STORE_GC_LABEL_H
#define STORE_GC_LABEL_H

#include "store/gc.h"
#include "store/gc_mark.h"

/*
 * Mark in `keep` what images lead to that do not match all of `labels`. When
 * one of those asks for a label to be there, `*only` gets marks of what the
 * matching images lead to: nothing else is garbage then. Else it is NULL.
 */
int gc_label_select(struct store *s, const struct gc_label *labels, size_t n,
		    struct gc_marks *keep, struct gc_marks **only,
		    struct error *err);

#endif
