/*
 * Source words of COPY and ADD as paths: Go's filepath.Match per component
 * and, with --parents, "**" for any number of directories.
 */
#ifndef BUILDER_COPY_GLOB_H
#define BUILDER_COPY_GLOB_H

#include "builder/file_root.h"

struct copy_match {
	char *path; /* cleaned, as written or matched; links not resolved */
	size_t pivot_len; /* --parents: what of it does not reach the copy */
	struct file_node *node; /* all links followed */
};

struct copy_matches {
	struct copy_match *items;
	size_t len;
	size_t capacity;
};

void copy_matches_release(struct copy_matches *m);
DEFINE_RELEASE(struct copy_matches, copy_matches_release);

/*
 * Append what `word` names in `root`, in byte order. A word without pattern
 * characters must exist, else ERROR_NOT_FOUND; a pattern may match nothing.
 */
int copy_glob(struct file_root *root, const char *word, bool parents,
	      struct copy_matches *ret, struct error *err);

#endif
