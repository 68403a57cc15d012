/*
 * The outputs of a build, as its command line names them, and what they share:
 * blobs of the layers.
 */
#ifndef BUILDER_CLI_BUILD_OUTPUTS_H
#define BUILDER_CLI_BUILD_OUTPUTS_H

#include "builder/cli/build_command.h"

/* Parse `c->outputs` and --push, after the tags; appends to `c->names`. */
int build_outputs_parse(struct build_command *c, struct error *err);

/* What the first output made of blobs wants them to be, or NULL. Borrowed. */
const struct layer_format *build_outputs_format(const struct build_command *c);

/*
 * Have nothing compressed twice: what several outputs, or caches to be
 * exported, are made of is kept in the store.
 */
void build_outputs_share(struct build_command *c);

/* The output that alone is made of the layers' blobs, if that is a push. */
struct output *build_outputs_sole_push(struct build_command *c);

#endif
