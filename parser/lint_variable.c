/* Rules about variables: who sets them, and who uses them. */
#include <string.h>
#include <strings.h>

#include "parser/check_words.h"
#include "parser/lint_internal.h"

static bool part_is_one_of(const char *part, size_t len,
			   const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strlen(words[i]) == len &&
		    !strncasecmp(words[i], part, len))
			return true;
	return false;
}

/* Judge the parts of NAME_OF_VARIABLE. */
static bool sounds_secret(const char *name)
{
	static const char *const secret[] = {
		"apikey",   "auth",  "credential", "credentials", "key",
		"password", "pword", "passwd",	   "secret",	  "token",
	};
	static const char *const open[] = { "public", "file", "version" };
	bool found = false;

	for (;;) {
		size_t len = strcspn(name, "_");

		if (part_is_one_of(name, len, open, ARRAY_LEN(open)))
			return false;
		found |= part_is_one_of(name, len, secret, ARRAY_LEN(secret));
		if (!name[len])
			return found;
		name += len + 1;
	}
}

static void lint_secret(struct linter *l, const struct instruction *in,
			const char *name)
{
	if (sounds_secret(name))
		lint_report_add(l->report, LINT_SECRETS_USED_IN_ARG_OR_ENV, in,
				"Do not use ARG or ENV instructions for "
				"sensitive data (%s \"%s\")",
				instruction_name(in->kind), name);
}

/* Nothing is said of proxies: they are set without being declared. */
static bool is_proxy(const char *name)
{
	static const char *const proxies[] = { "HTTP_PROXY", "HTTPS_PROXY",
					       "FTP_PROXY", "NO_PROXY",
					       "ALL_PROXY" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(proxies); i++)
		if (!strcasecmp(name, proxies[i]))
			return true;
	return false;
}

/* What the words of the instruction asked for in vain. */
static void lint_unset(struct linter *l, struct scope *s,
		       const struct instruction *in)
{
	size_t i;

	for (i = 0; s->complete && i < s->unset.len; i++) {
		const char *name = s->unset.items[i], *near;

		if (is_proxy(name))
			continue;
		near = lint_scope_suggest(s, name);
		lint_report_add(l->report, LINT_UNDEFINED_VAR, in,
				"Usage of undefined variable '$%s'%s%s%s", name,
				near ? " (did you mean $" : "",
				near ? near : "", near ? "?)" : "");
	}
	lint_scope_forget_unset(s);
}

/* Ask for every name that the instruction's texts use. */
static void expand_all(struct linter *l, struct scope *s,
		       const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		const char *value = flag_expanded_value(in, in->flags.items[i]);

		if (value)
			free(lint_scope_expand(s, value, l->df->escape));
	}
	for (i = 0; i < in->args.len; i++)
		if (arg_is_expanded(in, i))
			free(lint_scope_expand(s, in->args.items[i],
					       l->df->escape));
	for (i = 0; i < in->n_heredocs; i++)
		if (in->kind != INSTR_RUN && in->heredocs[i].expand)
			lint_scope_expand_heredoc(s, in->heredocs[i].content,
						  in->heredocs[i].content_len);
}

/* The value of an ARG: --build-arg, else its default, else the global one. */
static void declare_arg(struct linter *l, struct scope *s, const char *name,
			const char *initial, bool with_build_args)
{
	const struct scope *global =
		with_build_args ? &l->global : &l->defaults;
	const struct strv *given =
		with_build_args ? l->facts->build_args : NULL;
	const char *value = given ? strv_env_get(given, name) : NULL;

	if (!value)
		value = initial ? initial : lint_scope_get(global, name);
	lint_scope_set(s, name, value);
}

static void lint_arg_in(struct linter *l, struct scope *s,
			const struct instruction *in, bool with_build_args)
{
	size_t i;

	for (i = 0; i < in->args.len; i++) {
		const char *word = in->args.items[i], *eq = strchr(word, '=');
		autofree char *name =
			strndup(word, eq ? (size_t)(eq - word) : strlen(word));
		autofree char *value =
			eq ? lint_scope_expand(s, eq + 1, l->df->escape) : NULL;

		if (name)
			declare_arg(l, s, name, value, with_build_args);
		else
			s->failed = true;
	}
}

void lint_arg(struct linter *l, struct lint_stage *stage,
	      const struct instruction *in)
{
	struct scope *s = stage ? &stage->scope : &l->global;
	size_t i;

	lint_arg_in(l, s, in, true);
	lint_unset(l, s, in);
	if (!stage)
		lint_arg_in(l, &l->defaults, in, false);
	for (i = 0; i < in->args.len; i++) {
		autofree char *name = strndup(in->args.items[i],
					      strcspn(in->args.items[i], "="));

		if (!name) {
			s->failed = true;
			continue;
		}
		lint_secret(l, in, name);
		lint_value(l, in, name, in->args.items[i]);
		if (in->args.len == 1)
			lint_description(l, in, name);
	}
}

/* Values see what was set before the instruction, not each other. */
void lint_env(struct linter *l, struct lint_stage *stage,
	      const struct instruction *in)
{
	struct scope *s = &stage->scope;
	AUTO(strv_release) struct strv pairs = STRV_INIT;
	size_t i;

	for (i = 0; i < in->args.len; i++) {
		char *text =
			lint_scope_expand(s, in->args.items[i], l->df->escape);

		strv_take(&pairs, text ? text : strdup(""));
	}
	lint_unset(l, s, in);
	s->failed |= pairs.failed;
	for (i = 0; i + 1 < pairs.len; i += 2) {
		lint_scope_set(s, pairs.items[i], pairs.items[i + 1]);
		lint_secret(l, in, pairs.items[i]);
		lint_value(l, in, pairs.items[i], in->args.items[i + 1]);
	}
}

void lint_variables(struct linter *l, struct scope *s,
		    const struct instruction *in)
{
	expand_all(l, s, in);
	lint_unset(l, s, in);
}
