/*
 * What a Dockerfile offers, without building it: its targets and inputs. The
 * documents have the members that the reference's have, and members that say
 * nothing are left out as there. A "location" holds ranges of lines.
 */
#ifndef BUILDER_OUTLINE_H
#define BUILDER_OUTLINE_H

#include <jansson.h>

#include "builder/plan.h"
#include "store/base/buf.h"

/*
 * {"targets": [{"name", "default", "description", "base", "platform",
 * "location"}]}: every stage, the one built by default marked. NULL: no
 * memory.
 */
json_t *outline_targets(const struct dockerfile *df);

/*
 * {"name", "description", "args": [{"name", "description", "value",
 * "location"}], "secrets": [{"name", "required", "location"}], "ssh": [...],
 * "cache": [{"ID", "location"}]}: what the target and all stages it needs
 * take. Global arguments count when one of them reads them. No image is asked
 * for, so what its ENV would say is not known. ERROR_DOCKERFILE with lines.
 */
int outline_target(const struct dockerfile *df,
		   const struct plan_options *options, json_t **ret,
		   struct error *err);

/* The Dockerfile itself as "sources", as the reference has it: in base64. */
int outline_add_source(json_t *doc, const struct buf *text);

/* The same as text for people. */
void outline_append_targets(struct buf *out, const json_t *targets);
void outline_append_target(struct buf *out, const json_t *outline);

#endif
