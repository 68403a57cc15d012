/*
 * Where each source of a COPY or ADD goes (Dockerfile reference, "COPY",
 * destinations and metadata).
 */
#ifndef BUILDER_COPY_PLACE_H
#define BUILDER_COPY_PLACE_H

#include "builder/copy_dest.h"
#include "builder/copy_source.h"
#include "builder/copy_unpack.h"

struct copy_placing {
	const struct copy_args *args;
	const char *keyword;	   /* for messages: "COPY" */
	struct copy_policy policy; /* of the files copied */
	bool archive_owners;	   /* ADD: archives keep their owners */
	struct copy_spool *unpack; /* ADD: archives go here; NULL: copied */
};

/* Place all of `sources` in `d`. */
int copy_place(struct copy_dest *d, const struct copy_sources *sources,
	       const struct copy_placing *how, struct error *err);

#endif
