/*
 * A small laboratory for builds without containers: a context, a base image
 * "base" made of a few entries, a store, and a function that builds a
 * Dockerfile's text and shows what the last step's layer holds.
 */
#ifndef TESTS_UNIT_BUILDER_LAB_H
#define TESTS_UNIT_BUILDER_LAB_H

#include "builder/solve.h"
#include "store/batch.h"
#include "store/entry.h"
#include "tests/unit/base/scratch.h"

struct lab_entry {
	const char *path;
	enum entry_type type;
	mode_t mode;
	uint32_t uid;
	uint32_t gid;
	const char *text; /* contents, or a link's target */
};

struct lab {
	struct scratch *dir;   /* the build context */
	struct scratch *shelf; /* where the store is */
	struct store *store;
	struct batch *batch;
	struct image *base;
	struct strv no_cache_stages;
	struct registry *registry; /* what ADD downloads with; borrowed */
	char *output; /* plain progress of the last build */
};

/* For cmocka: setup and teardown with a struct lab as the state. */
int lab_setup(void **state);
int lab_teardown(void **state);

/* Make the image "base" of one layer. */
void lab_make_base(struct lab *lab, const struct lab_entry *entries, size_t n);

/*
 * Build `dockerfile`. 0 and the listing of the last step's layer, for the
 * caller to free; -1 with `err`. One line per entry, blanks between:
 *
 *   dir/  file=contents  link->target  name==other  gone!
 *
 * Behind each name, unless they are usual (0:0, 644 for files, 755 for
 * directories): "(600,1:2)".
 */
int lab_build(struct lab *lab, const char *dockerfile, char **listing,
	      struct error *err);

/* The same, failing the test unless it builds and lists `expected`. */
void lab_expect(struct lab *lab, const char *dockerfile, const char *expected);

/* The same, failing the test unless the error's message holds `text`. */
void lab_expect_error(struct lab *lab, const char *dockerfile,
		      const char *text);

/* How many steps of the last build came from the cache. */
unsigned lab_cached(const struct lab *lab);

/* How many were run. */
unsigned lab_ran(const struct lab *lab);

#endif
