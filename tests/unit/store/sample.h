/* Small images for tests. */
#ifndef TESTS_UNIT_STORE_SAMPLE_H
#define TESTS_UNIT_STORE_SAMPLE_H

#include "store/image.h"
#include "tests/unit/store/place.h"

/* One file of a sample layer; NULL contents make a directory. */
struct sample_file {
	const char *path;
	const char *contents;
};

/* A layer of these files (in canonical order), all of one time. */
struct layer *sample_layer(struct place *p, const struct sample_file *files,
			   size_t n);

/*
 * A saved image of two layers:
 *   below: etc/ etc/os "one" gone "x"
 *   above: bin/ bin/app "program" bin/link -> app, gone removed, etc/os "two"
 */
struct image *sample_image(struct place *p);

#endif
