/* What RUN --mount=type=bind shows: files of a context, stage or image. */
#ifndef BUILDER_BIND_SOURCE_H
#define BUILDER_BIND_SOURCE_H

#include "builder/step.h"

struct bind_source {
	int fd; /* O_PATH, of the file or directory itself */
	bool is_dir;
	char *copy; /* in the batch's folder; NULL: the layer's own tree */
};

#define BIND_SOURCE_INIT                                                       \
	{                                                                      \
		.fd = -1                                                       \
	}

/*
 * Open what `r` reads; its files have been found. Where one layer has all of
 * it, that layer's tree is used; else the files are put together in the
 * batch's folder, so that what a context hides stays hidden, owners of the
 * builder's machine do not show, and no write can reach the original.
 */
int bind_source_open(struct step_job *job, struct step_read *r,
		     struct bind_source *ret, struct error *err);

/* Removes the copy, if one was made. */
void bind_source_release(struct bind_source *b, struct batch *batch);

/* Put the files that `r` reads into the directory `dir` (borrowed). */
int bind_source_fill(struct step_job *job, struct step_read *r, int dir,
		     struct error *err);

#endif
