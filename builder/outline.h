/* What a Dockerfile offers, without building it: its targets and inputs. */
#ifndef BUILDER_OUTLINE_H
#define BUILDER_OUTLINE_H

#include <jansson.h>

#include "parser/dockerfile.h"
#include "store/base/buf.h"

/*
 * {"targets": [{"name", "default", "description", "base", "line"}]}: every
 * stage, the one built by default marked. NULL: no memory.
 */
json_t *outline_targets(const struct dockerfile *df);

/*
 * {"name", "description", "args": [{"name", "description", "value"}],
 *  "secrets": [{"name", "required"}], "ssh": [...], "cache": [...]}: what the
 * stage `target` (NULL: the last) and those it stands on take.
 * ERROR_DOCKERFILE when there is no such stage.
 */
int outline_target(const struct dockerfile *df, const char *target,
		   const struct strv *build_args, json_t **ret,
		   struct error *err);

/* The same as text for people. */
void outline_append_targets(struct buf *out, const json_t *targets);
void outline_append_target(struct buf *out, const json_t *outline);

#endif
