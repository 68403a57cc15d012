#include "parser/lint_options.h"

#include <string.h>

#include "parser/mount_value.h"
#include "store/base/cleanup.h"
#include "store/base/quote.h"
#include "store/base/rune.h"

#define PAGE(page)     "https://docs.docker.com/go/dockerfile/rule/" page "/"
#define OWN_PAGE(name) "docs/lint.md#" name

/* clang-format off */
static const struct lint_rule_info rules[] = {
	[LINT_STAGE_NAME_CASING] = {
		"StageNameCasing", PAGE("stage-name-casing"), LINT_WARNING,
		"Stage names are written in lower case",
		"write the name in lower case",
	},
	[LINT_FROM_AS_CASING] = {
		"FromAsCasing", PAGE("from-as-casing"), LINT_WARNING,
		"AS is written in the same case as FROM",
		"write FROM and AS in the same case",
	},
	[LINT_NO_EMPTY_CONTINUATION] = {
		"NoEmptyContinuation", PAGE("no-empty-continuation"), LINT_WARNING,
		"A continued line is not followed by an empty one",
		"remove the empty line, or make it a comment",
	},
	[LINT_CONSISTENT_INSTRUCTION_CASING] = {
		"ConsistentInstructionCasing", PAGE("consistent-instruction-casing"), LINT_WARNING,
		"All instructions are written in the same case",
		"write it like the others",
	},
	[LINT_DUPLICATE_STAGE_NAME] = {
		"DuplicateStageName", PAGE("duplicate-stage-name"), LINT_WARNING,
		"No two stages have the same name",
		"give one of the stages another name",
	},
	[LINT_RESERVED_STAGE_NAME] = {
		"ReservedStageName", PAGE("reserved-stage-name"), LINT_WARNING,
		"Names with a meaning of their own name no stage",
		"give the stage another name",
	},
	[LINT_JSON_ARGS_RECOMMENDED] = {
		"JSONArgsRecommended", PAGE("json-args-recommended"), LINT_WARNING,
		"A shell around CMD or ENTRYPOINT swallows signals",
		"write [\"program\", \"argument\"], or set SHELL where a shell is meant",
	},
	[LINT_MAINTAINER_DEPRECATED] = {
		"MaintainerDeprecated", PAGE("maintainer-deprecated"), LINT_WARNING,
		"A label says who maintains an image",
		"write LABEL org.opencontainers.image.authors=\"...\"",
	},
	[LINT_UNDEFINED_ARG_IN_FROM] = {
		"UndefinedArgInFrom", PAGE("undefined-arg-in-from"), LINT_WARNING,
		"FROM only uses arguments declared above it",
		"declare it with ARG before the first FROM",
	},
	[LINT_WORKDIR_RELATIVE_PATH] = {
		"WorkdirRelativePath", PAGE("workdir-relative-path"), LINT_WARNING,
		"A relative WORKDIR stands on an absolute one",
		"begin the path with \"/\"",
	},
	[LINT_UNDEFINED_VAR] = {
		"UndefinedVar", PAGE("undefined-var"), LINT_WARNING,
		"Variables are set before they are used",
		"set it with ARG or ENV in this stage, or write \"\\$\" for a dollar sign",
	},
	[LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {
		"MultipleInstructionsDisallowed", PAGE("multiple-instructions-disallowed"), LINT_WARNING,
		"What counts once in a stage is written once",
		"remove this one",
	},
	[LINT_LEGACY_KEY_VALUE_FORMAT] = {
		"LegacyKeyValueFormat", PAGE("legacy-key-value-format"), LINT_WARNING,
		"Names and values are joined by an equals sign",
		"write NAME=\"value\"",
	},
	[LINT_INVALID_BASE_IMAGE_PLATFORM] = {
		"InvalidBaseImagePlatform", PAGE("invalid-base-image-platform"), LINT_WARNING,
		"A base image is of the platform that is built",
		"use an image for this platform, or say FROM --platform",
	},
	[LINT_REDUNDANT_TARGET_PLATFORM] = {
		"RedundantTargetPlatform", PAGE("redundant-target-platform"), LINT_WARNING,
		"The target platform is what FROM uses anyway",
		"remove --platform",
	},
	[LINT_SECRETS_USED_IN_ARG_OR_ENV] = {
		"SecretsUsedInArgOrEnv", PAGE("secrets-used-in-arg-or-env"), LINT_WARNING,
		"Arguments and variables stay readable in the image",
		"use RUN --mount=type=secret,id=...,env=NAME",
	},
	[LINT_INVALID_DEFAULT_ARG_IN_FROM] = {
		"InvalidDefaultArgInFrom", PAGE("invalid-default-arg-in-from"), LINT_WARNING,
		"Defaults of arguments give valid image names",
		"give the ARG a default with which FROM works",
	},
	[LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {
		"FromPlatformFlagConstDisallowed", PAGE("from-platform-flag-const-disallowed"), LINT_WARNING,
		"FROM leaves the choice of a platform to the build",
		"remove --platform, use $BUILDPLATFORM, or name the stage after the platform",
	},
	[LINT_COPY_IGNORED_FILE] = {
		"CopyIgnoredFile", PAGE("copy-ignored-file"), LINT_WARNING,
		"What is copied is not ignored",
		"remove it here or from .dockerignore",
	},
	[LINT_EXPOSE_PROTO_CASING] = {
		"ExposeProtoCasing", PAGE("expose-proto-casing"), LINT_WARNING,
		"Protocols are written in lower case",
		"write the protocol in lower case",
	},
	[LINT_EXPOSE_INVALID_FORMAT] = {
		"ExposeInvalidFormat", PAGE("expose-invalid-format"), LINT_WARNING,
		"An image cannot choose addresses and ports of its host",
		"write the container's port alone",
	},
	[LINT_INVALID_DEFINITION_DESCRIPTION] = {
		"InvalidDefinitionDescription", PAGE("invalid-definition-description"), LINT_EXPERIMENTAL,
		"Comments above stages and arguments describe them",
		"begin the comment with the name, or put an empty line below it",
	},
	[LINT_UNPINNED_BASE_IMAGE] = {
		"UnpinnedBaseImage", OWN_PAGE("unpinnedbaseimage"), LINT_ADVICE,
		"Base images are named with a version",
		"name a version (image:1.2) or a digest (image@sha256:...)",
	},
	[LINT_APT_LISTS_IN_LAYER] = {
		"AptListsInLayer", OWN_PAGE("aptlistsinlayer"), LINT_ADVICE,
		"Package lists are of no use in an image",
		"add \"&& rm -rf /var/lib/apt/lists/*\", or RUN --mount=type=cache,target=/var/lib/apt/lists",
	},
	[LINT_MISSING_USER] = {
		"MissingUser", OWN_PAGE("missinguser"), LINT_ADVICE,
		"Images do not run as root unless they must",
		"end with USER and a name or number; USER root says that root is meant",
	},
	[LINT_SECRET_IN_VALUE] = {
		"SecretInValue", OWN_PAGE("secretinvalue"), LINT_ADVICE,
		"Values that look like keys and passwords stay readable in the image",
		"revoke it, and use RUN --mount=type=secret",
	},
	[LINT_BROKEN_JSON_FORM] = {
		"BrokenJSONForm", OWN_PAGE("brokenjsonform"), LINT_ADVICE,
		"What is no valid JSON array is taken as plain text",
		"write strings in double quotes with commas between them, and \\\\ for a backslash",
	},
};
/* clang-format on */

_Static_assert(ARRAY_LEN(rules) == LINT_RULES, "each rule has its facts");
_Static_assert(LINT_RULES <= 32, "a set of rules is 32 bits");

const struct lint_rule_info *lint_rule_info(enum lint_rule rule)
{
	return &rules[rule];
}

enum lint_level lint_options_level(const struct lint_options *o,
				   enum lint_rule rule)
{
	uint32_t bit = UINT32_C(1) << rule;
	bool asked_for = o->experimental & bit;

	if (o->skip & bit)
		return LINT_OFF;
	if (asked_for || rules[rule].level == LINT_WARNING)
		return LINT_WARNING;
	return rules[rule].level == LINT_ADVICE ? LINT_ADVICE : LINT_OFF;
}

/*
 * All that "all" means. Advice is asked for by name: "experimental=all;
 * error=true" must not refuse what other builders find clean.
 */
static uint32_t all_rules(enum lint_level except)
{
	uint32_t set = 0;
	size_t i;

	for (i = 0; i < LINT_RULES; i++)
		if (rules[i].level != except)
			set |= UINT32_C(1) << i;
	return set;
}

/* Add the rules of a comma-separated list to a set; `all` is for "all". */
static void add_rules(const char *p, const char *end, uint32_t all,
		      uint32_t *set)
{
	while (p < end) {
		const char *stop = memchr(p, ',', (size_t)(end - p));
		const char *name = p, *name_end = stop ? stop : end;
		size_t len, i;

		p = stop ? stop + 1 : end;
		blank_trim(&name, &name_end);
		len = (size_t)(name_end - name);
		for (i = 0; i < LINT_RULES; i++)
			if (strlen(rules[i].name) == len &&
			    !memcmp(rules[i].name, name, len))
				*set |= UINT32_C(1) << i;
		if (len == 3 && !memcmp(name, "all", 3))
			*set |= all;
	}
}

static int read_error(const char *p, const char *end, struct lint_options *o,
		      struct error *err)
{
	autofree char *text = strndup(p, (size_t)(end - p));
	struct quoted storage;

	if (!text)
		return error_nomem(err, "reading check options");
	if (mount_value_bool(text, &o->error))
		return 0;
	return error_set(err, ERROR_DOCKERFILE,
			 "invalid value for check option error: %s",
			 quote(&storage, text));
}

/* One "key=value", trimmed. */
static int read_option(const char *p, const char *end, struct lint_options *o,
		       struct error *err)
{
	const char *eq = memchr(p, '=', (size_t)(end - p));
	const char *key_end = eq ? eq : end, *value = eq ? eq + 1 : end;
	struct quoted storage;
	size_t len;

	blank_trim(&p, &key_end);
	blank_trim(&value, &end);
	len = (size_t)(key_end - p);
	if (eq && len == 4 && !memcmp(p, "skip", len))
		add_rules(value, end, all_rules(LINT_OFF), &o->skip);
	else if (eq && len == 12 && !memcmp(p, "experimental", len))
		add_rules(value, end, all_rules(LINT_ADVICE), &o->experimental);
	else if (eq && len == 5 && !memcmp(p, "error", len))
		return read_error(value, end, o, err);
	else
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid check option %s",
				 quote_len(&storage, p, len));
	return 0;
}

int lint_options_parse(const char *text, struct lint_options *ret,
		       struct error *err)
{
	const char *p = text ? text : "", *end = p + strlen(p);
	struct lint_options o = { 0 };

	blank_trim(&p, &end);
	while (p < end) {
		const char *stop = memchr(p, ';', (size_t)(end - p));

		if (read_option(p, stop ? stop : end, &o, err) < 0)
			return -1;
		p = stop ? stop + 1 : end;
	}
	*ret = o;
	return 0;
}
