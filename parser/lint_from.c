/* Rules about FROM lines. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "parser/lint_internal.h"
#include "parser/suggest.h"

static bool has(const char *text, int (*is)(int))
{
	for (; *text; text++)
		if (is((unsigned char)*text))
			return true;
	return false;
}

static void lint_as(struct linter *l, const struct instruction *in)
{
	const char *as = in->args.items[1], *name = in->args.items[2];
	bool lower = !has(in->keyword, isupper);
	bool upper = !has(in->keyword, islower);

	if (has(name, isupper))
		lint_report_add(l->report, LINT_STAGE_NAME_CASING, in,
				"Stage name '%s' should be lowercase", name);
	if ((lower && has(as, isupper)) || (upper && has(as, islower)))
		lint_report_add(l->report, LINT_FROM_AS_CASING, in,
				"'%s' and '%s' keywords' casing do not match",
				as, in->keyword);
}

static void lint_name(struct linter *l, const struct lint_stage *stage)
{
	const char *name = stage->name;

	if (map_get(l->stage_names, name, strlen(name)))
		lint_report_add(l->report, LINT_DUPLICATE_STAGE_NAME,
				stage->from,
				"Duplicate stage name \"%s\", stage names "
				"should be unique",
				name);
	if (!strcmp(name, "scratch") || !strcmp(name, "context"))
		lint_report_add(l->report, LINT_RESERVED_STAGE_NAME,
				stage->from,
				"Stage name should not use the same name as "
				"reserved stage \"%s\"",
				name);
}

/* Names that the word asked for in vain. */
static void lint_undeclared(struct linter *l, const struct instruction *in)
{
	const struct strv *unset = &l->global.unset;
	struct hint near;
	size_t i;

	for (i = 0; i < unset->len; i++)
		lint_report_add(
			l->report, LINT_UNDEFINED_ARG_IN_FROM, in,
			"FROM argument '%s' is not declared%s", unset->items[i],
			hint(&near,
			     lint_scope_suggest(&l->global, unset->items[i])));
}

static void lint_base_name(struct linter *l, const struct instruction *in)
{
	const char *word = in->args.items[0];
	autofree char *by_default = NULL;

	/* For the undeclared names that this notes. */
	free(lint_scope_expand(&l->global, word, l->df->escape));
	if (!strchr(word, '$'))
		return;
	by_default = lint_scope_expand(&l->defaults, word, l->df->escape);
	if (by_default && !lint_image_name_is_valid(by_default))
		lint_report_add(l->report, LINT_INVALID_DEFAULT_ARG_IN_FROM, in,
				"Default value for ARG %s results in empty or "
				"invalid base image name",
				word);
}

/* Does the stage's name say that it is meant for that platform? */
static bool name_holds_part(const char *name, const char *platform)
{
	while (name && *platform) {
		size_t len = strcspn(platform, "/");

		if (len > 0 && memmem(name, strlen(name), platform, len))
			return true;
		platform += len + (platform[len] == '/');
	}
	return false;
}

static void lint_platform(struct linter *l, const struct lint_stage *stage)
{
	const struct instruction *in = stage->from;
	const char *value = instruction_flag(in, "platform");

	if (!value || !*value)
		return;
	free(lint_scope_expand(&l->global, value, l->df->escape));
	if (!strcmp(value, "$TARGETPLATFORM") ||
	    !strcmp(value, "${TARGETPLATFORM}"))
		lint_report_add(l->report, LINT_REDUNDANT_TARGET_PLATFORM, in,
				"Setting platform to predefined %s in FROM is "
				"redundant as this is the default behavior",
				value);
	if (!strchr(value, '$') && !name_holds_part(stage->name, value))
		lint_report_add(l->report,
				LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, in,
				"FROM --platform flag should not use constant "
				"value \"%s\"",
				value);
}

void lint_description(struct linter *l, const struct instruction *in,
		      const char *name)
{
	size_t len = strlen(name), i;

	for (i = 0; i < in->comments.len; i++) {
		const char *comment = in->comments.items[i];

		if (!strncasecmp(comment, name, len) && comment[len] == ' ')
			return;
	}
	if (in->comments.len > 0)
		lint_report_add(l->report, LINT_INVALID_DEFINITION_DESCRIPTION,
				in,
				"Comment for %s should follow the format: "
				"`# %s <description>`",
				instruction_name(in->kind), name);
}

static void lint_base_platform(struct linter *l, const struct lint_stage *stage)
{
	const char *is, *wanted;
	size_t index = (size_t)(stage - l->stages);

	if (l->facts->base_is_foreign &&
	    l->facts->base_is_foreign(l->facts->ctx, index, &is, &wanted))
		lint_report_add(l->report, LINT_INVALID_BASE_IMAGE_PLATFORM,
				stage->from,
				"Base image %s was pulled with platform "
				"\"%s\", expected \"%s\" for current build",
				stage->from->args.items[0], is, wanted);
}

void lint_from(struct linter *l, struct lint_stage *stage)
{
	const struct instruction *in = stage->from;

	if (in->args.len == 3)
		lint_as(l, in);
	if (stage->name)
		lint_name(l, stage);
	lint_base_name(l, in);
	lint_platform(l, stage);
	lint_base_platform(l, stage);
	lint_undeclared(l, in);
	if (stage->name)
		lint_description(l, in, stage->name);
}
