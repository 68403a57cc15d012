#include "parser/lint_options.h"

#include <string.h>

#include "parser/mount_value.h"
#include "parser/quote.h"
#include "parser/rune.h"
#include "store/base/cleanup.h"

#define URL(page) "https://docs.docker.com/go/dockerfile/rule/" page "/"

static const struct lint_rule_info rules[] = {
	[LINT_STAGE_NAME_CASING] = { "StageNameCasing",
				     URL("stage-name-casing"),
				     "Stage names are written in lower case",
				     false },
	[LINT_FROM_AS_CASING] = { "FromAsCasing", URL("from-as-casing"),
				  "AS is written in the same case as FROM",
				  false },
	[LINT_NO_EMPTY_CONTINUATION] = { "NoEmptyContinuation",
					 URL("no-empty-continuation"),
					 "A continued line is not followed by "
					 "an empty one",
					 false },
	[LINT_CONSISTENT_INSTRUCTION_CASING] = { "ConsistentInstructionCasing",
						 URL("consistent-instruction-"
						     "casing"),
						 "All instructions are written "
						 "in the same case",
						 false },
	[LINT_DUPLICATE_STAGE_NAME] = { "DuplicateStageName",
					URL("duplicate-stage-name"),
					"No two stages have the same name",
					false },
	[LINT_RESERVED_STAGE_NAME] = { "ReservedStageName",
				       URL("reserved-stage-name"),
				       "Names with a meaning of their own name "
				       "no stage",
				       false },
	[LINT_JSON_ARGS_RECOMMENDED] = { "JSONArgsRecommended",
					 URL("json-args-recommended"),
					 "A shell around CMD or ENTRYPOINT "
					 "swallows signals",
					 false },
	[LINT_MAINTAINER_DEPRECATED] = { "MaintainerDeprecated",
					 URL("maintainer-deprecated"),
					 "A label says who maintains an image",
					 false },
	[LINT_UNDEFINED_ARG_IN_FROM] = { "UndefinedArgInFrom",
					 URL("undefined-arg-in-from"),
					 "FROM only uses arguments declared "
					 "above it",
					 false },
	[LINT_WORKDIR_RELATIVE_PATH] = { "WorkdirRelativePath",
					 URL("workdir-relative-path"),
					 "A relative WORKDIR stands on an "
					 "absolute one",
					 false },
	[LINT_UNDEFINED_VAR] = { "UndefinedVar", URL("undefined-var"),
				 "Variables are set before they are used",
				 false },
	[LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = { "MultipleInstructionsDisall"
						    "owed",
						    URL("multiple-instructions-"
							"disallowed"),
						    "What counts once in a "
						    "stage is written once",
						    false },
	[LINT_LEGACY_KEY_VALUE_FORMAT] = { "LegacyKeyValueFormat",
					   URL("legacy-key-value-format"),
					   "Names and values are joined by an "
					   "equals sign",
					   false },
	[LINT_INVALID_BASE_IMAGE_PLATFORM] = { "InvalidBaseImagePlatform",
					       URL("invalid-base-image-"
						   "platform"),
					       "A base image is of the "
					       "platform that is built",
					       false },
	[LINT_REDUNDANT_TARGET_PLATFORM] = { "RedundantTargetPlatform",
					     URL("redundant-target-platform"),
					     "The target platform is what FROM "
					     "uses anyway",
					     false },
	[LINT_SECRETS_USED_IN_ARG_OR_ENV] = { "SecretsUsedInArgOrEnv",
					      URL("secrets-used-in-arg-or-env"),
					      "Arguments and variables stay "
					      "readable in the image",
					      false },
	[LINT_INVALID_DEFAULT_ARG_IN_FROM] = { "InvalidDefaultArgInFrom",
					       URL("invalid-default-arg-in-"
						   "from"),
					       "Defaults of arguments give "
					       "valid image names",
					       false },
	[LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = { "FromPlatformFlagConstDi"
						       "sallowed",
						       URL("from-platform-flag-"
							   "const-disallowed"),
						       "FROM leaves the choice "
						       "of a platform to the "
						       "build",
						       false },
	[LINT_COPY_IGNORED_FILE] = { "CopyIgnoredFile",
				     URL("copy-ignored-file"),
				     "What is copied is not ignored", false },
	[LINT_EXPOSE_PROTO_CASING] = { "ExposeProtoCasing",
				       URL("expose-proto-casing"),
				       "Protocols are written in lower case",
				       false },
	[LINT_EXPOSE_INVALID_FORMAT] = { "ExposeInvalidFormat",
					 URL("expose-invalid-format"),
					 "An image cannot choose addresses and "
					 "ports of its host",
					 false },
	[LINT_INVALID_DEFINITION_DESCRIPTION] = { "InvalidDefinitionDescriptio"
						  "n",
						  URL("invalid-definition-"
						      "description"),
						  "Comments above stages and "
						  "arguments describe them",
						  true },
};

_Static_assert(ARRAY_LEN(rules) == LINT_RULES, "each rule has its facts");
_Static_assert(LINT_RULES <= 32, "a set of rules is 32 bits");

const struct lint_rule_info *lint_rule_info(enum lint_rule rule)
{
	return &rules[rule];
}

bool lint_options_want(const struct lint_options *o, enum lint_rule rule)
{
	uint32_t bit = UINT32_C(1) << rule;

	if (rules[rule].experimental && !(o->experimental & bit))
		return false;
	return !(o->skip & bit);
}

/* Add the rules of a comma-separated list to a set. */
static void add_rules(const char *p, const char *end, uint32_t *set)
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
			*set = UINT32_MAX;
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
		add_rules(value, end, &o->skip);
	else if (eq && len == 12 && !memcmp(p, "experimental", len))
		add_rules(value, end, &o->experimental);
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
