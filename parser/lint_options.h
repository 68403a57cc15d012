/* The rules of the linter, and which of them are wanted. */
#ifndef PARSER_LINT_OPTIONS_H
#define PARSER_LINT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/error.h"

enum lint_rule {
	LINT_STAGE_NAME_CASING,
	LINT_FROM_AS_CASING,
	LINT_NO_EMPTY_CONTINUATION,
	LINT_CONSISTENT_INSTRUCTION_CASING,
	LINT_DUPLICATE_STAGE_NAME,
	LINT_RESERVED_STAGE_NAME,
	LINT_JSON_ARGS_RECOMMENDED,
	LINT_MAINTAINER_DEPRECATED,
	LINT_UNDEFINED_ARG_IN_FROM,
	LINT_WORKDIR_RELATIVE_PATH,
	LINT_UNDEFINED_VAR,
	LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	LINT_LEGACY_KEY_VALUE_FORMAT,
	LINT_INVALID_BASE_IMAGE_PLATFORM,
	LINT_REDUNDANT_TARGET_PLATFORM,
	LINT_SECRETS_USED_IN_ARG_OR_ENV,
	LINT_INVALID_DEFAULT_ARG_IN_FROM,
	LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
	LINT_COPY_IGNORED_FILE,
	LINT_EXPOSE_PROTO_CASING,
	LINT_EXPOSE_INVALID_FORMAT,
	LINT_INVALID_DEFINITION_DESCRIPTION,
	/* Ours; the reference has those above. */
	LINT_UNPINNED_BASE_IMAGE,
	LINT_APT_LISTS_IN_LAYER,
	LINT_MISSING_USER,
	LINT_SECRET_IN_VALUE,
	LINT_BROKEN_JSON_FORM,
	LINT_RULES,
};

/* What a finding means; of a rule: when no option speaks of it. */
enum lint_level {
	LINT_OFF,
	LINT_ADVICE,	   /* told by --check, fails nothing */
	LINT_WARNING,	   /* told by every build; --check fails */
	LINT_EXPERIMENTAL, /* of rules only: off, a warning when asked for */
};

struct lint_rule_info {
	const char *name;
	const char *url;
	enum lint_level level;
	const char *description;
	const char *help; /* what to do about a finding */
};

const struct lint_rule_info *lint_rule_info(enum lint_rule rule);

/* Sets of rules have a bit for each. */
struct lint_options {
	uint32_t skip;
	uint32_t experimental;
	bool error; /* findings make the build fail */
};

/*
 * Read "skip=A,B;error=true;experimental=all"; NULL and "" are no options.
 * Names of no rule are ignored, "all" asks for no advice. ERROR_DOCKERFILE:
 * `invalid check option "x"`.
 */
int lint_options_parse(const char *text, struct lint_options *ret,
		       struct error *err);

/* LINT_OFF, LINT_ADVICE or LINT_WARNING. */
enum lint_level lint_options_level(const struct lint_options *o,
				   enum lint_rule rule);

#endif
