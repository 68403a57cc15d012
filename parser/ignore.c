#include "parser/ignore.h"

#include <string.h>

#include "parser/pattern.h"

struct rule {
	struct pattern *pattern;
	bool exception;
};

struct ignore {
	struct rule *rules;
	size_t len;
};

void ignore_free(struct ignore *ig)
{
	size_t i;

	if (!ig)
		return;
	for (i = 0; i < ig->len; i++)
		pattern_free(ig->rules[i].pattern);
	free(ig->rules);
	free(ig);
}

/* A blank pattern becomes a rule without one, so that indexes stay. */
static int add_rule(struct ignore *ig, const char *text, struct error *err)
{
	autofree char *clean = ignore_clean(text);
	struct rule *rule = &ig->rules[ig->len++];

	if (!clean)
		return error_nomem(err, "compiling ignore patterns");
	rule->exception = *clean == '!';
	if (!strcmp(clean, "!"))
		return error_set(err, ERROR_DOCKERFILE,
				 "illegal exclusion pattern: \"!\"");
	if (!*clean)
		return 0;
	return pattern_new(clean + rule->exception, &rule->pattern, err);
}

int ignore_new(const struct strv *patterns, struct ignore **ret,
	       struct error *err)
{
	AUTO(ignore_free) struct ignore *ig = calloc(1, sizeof(*ig));
	size_t i;

	if (!ig)
		return error_nomem(err, "compiling ignore patterns");
	ig->rules = calloc(patterns->len + 1, sizeof(*ig->rules));
	if (!ig->rules)
		return error_nomem(err, "compiling ignore patterns");
	for (i = 0; i < patterns->len; i++)
		if (add_rule(ig, patterns->items[i], err) < 0)
			return -1;
	*ret = steal_pointer(&ig);
	return 0;
}

/* The last rule that covers the path decides, so search from the end. */
bool ignore_match(const struct ignore *ig, const char *path, ptrdiff_t *index)
{
	ptrdiff_t i = (ptrdiff_t)ig->len;

	while (--i >= 0)
		if (ig->rules[i].pattern &&
		    pattern_covers(ig->rules[i].pattern, path))
			break;
	if (index)
		*index = i;
	return i >= 0 && !ig->rules[i].exception;
}

bool ignore_may_include_below(const struct ignore *ig, const char *path)
{
	ptrdiff_t deciding;
	size_t i;

	ignore_match(ig, path, &deciding);
	for (i = (size_t)(deciding + 1); i < ig->len; i++)
		if (ig->rules[i].exception &&
		    pattern_reaches_below(ig->rules[i].pattern, path))
			return true;
	return false;
}
