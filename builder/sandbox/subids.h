/* Subordinate ids: the ranges /etc/subuid and /etc/subgid give a user. */
#ifndef BUILDER_SANDBOX_SUBIDS_H
#define BUILDER_SANDBOX_SUBIDS_H

#include <stddef.h>
#include <stdint.h>

/* The kernel takes 340 lines per map; one is the user's own id. */
#define SUBIDS_MAX 339

struct subids {
	struct {
		uint32_t start;
		uint32_t count;
	} ranges[SUBIDS_MAX];
	size_t n;
};

/*
 * Add to `ret` every range that `text` (of "who:start:count" lines) gives to
 * `name` (NULL: unknown) or to the number `id`. Broken lines, ranges that
 * overlap earlier ones and ranges holding `own` (mapped already) are skipped.
 */
void subids_parse(const char *text, const char *name, uint32_t id, uint32_t own,
		  struct subids *ret);

#endif
