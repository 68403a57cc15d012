/*
 * Mount points that an image lacks, without litter in its layers.
 *
 * Nearly all come from a stub layer below the image: directories and empty
 * files made by the plain text of their paths. Where links or whiteouts of
 * the image hide those, the point is made in the upper directory and taken
 * out again after the run, unless the run changed it.
 */
#ifndef BUILDER_SANDBOX_STUBS_H
#define BUILDER_SANDBOX_STUBS_H

#include "builder/sandbox/sandbox.h"

/* Fill the empty directory `dir` with the mount points `sb` will need. */
int stubs_fill_layer(int dir, const struct sandbox *sb, struct error *err);

struct stub;

/* What was made in the upper directory. */
struct stubs {
	int upper; /* -1 while there is nothing to remove */
	struct stub *items;
	size_t n;
	size_t capacity;
};

#define STUBS_INIT                                                             \
	{                                                                      \
		.upper = -1                                                    \
	}

/*
 * Remember all that the directory `upper` (absolute path, just set up)
 * holds. The descriptor kept on it is closed by stubs_release().
 */
int stubs_record(struct stubs *s, const char *upper, struct error *err);

/*
 * Remove what was recorded and has not been touched since; nothing may run in
 * the container any more. Failures leave a stub behind and are not told.
 */
void stubs_remove(struct stubs *s);
void stubs_release(struct stubs *s);
DEFINE_RELEASE(struct stubs, stubs_release);

#endif
