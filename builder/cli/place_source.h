/* A place opened to be copied from or looked at. */
#ifndef BUILDER_CLI_PLACE_SOURCE_H
#define BUILDER_CLI_PLACE_SOURCE_H

#include "builder/cli/place.h"
#include "builder/cli/session.h"
#include "registry/copy.h"

/*
 * Archives are unpacked into the session's batch; an image of the store, and of
 * docker's archives without an index, gets a manifest there, the one it came
 * with if it has one.
 */
int place_source(struct session *s, const struct place *p,
		 struct copy_source **ret, struct error *err);

#endif
