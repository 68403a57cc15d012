/*
 * What a build leaves behind besides the image: its outputs and small files,
 * and what it tells.
 */
#ifndef BUILDER_CLI_BUILD_REPORT_H
#define BUILDER_CLI_BUILD_REPORT_H

#include "builder/cli/build_command.h"

/* Write the outputs, --iidfile and --metadata-file; print the id if quiet. */
int build_report_outputs(struct session *s, const struct build_command *c,
			 const struct build_result *result, struct error *err);

/*
 * Print the error's line and, under it, `report`: excerpts of the Dockerfile.
 * Returns the exit status, which says that all has been told.
 */
int build_report_failure(struct session *s, const struct buf *report,
			 const struct error *err);

void build_report_warnings(struct session *s, const struct buf *warnings);
void build_report_explanation(struct session *s, const struct buf *text);

#endif
