#include "parser/check_words.h"

#include <string.h>

#include "parser/flags.h"

const char *flag_expanded_value(const struct instruction *in, const char *flag)
{
	static const char *const names[] = { "chown", "chmod", "checksum" };
	const char *value = NULL;
	size_t i;

	if (in->kind == INSTR_FROM)
		return flag_value(flag, "platform");
	if (in->kind != INSTR_COPY && in->kind != INSTR_ADD)
		return NULL;
	for (i = 0; !value && i < ARRAY_LEN(names); i++)
		value = flag_value(flag, names[i]);
	return value;
}

bool arg_is_expanded(const struct instruction *in, size_t i)
{
	switch (in->kind) {
	case INSTR_ADD:
	case INSTR_COPY:
		return !instruction_heredoc_of(in, i);
	case INSTR_FROM:
		return i == 0;
	case INSTR_ARG:
	case INSTR_ENV:
	case INSTR_EXPOSE:
	case INSTR_LABEL:
	case INSTR_STOPSIGNAL:
	case INSTR_USER:
	case INSTR_VOLUME:
	case INSTR_WORKDIR:
		return true;
	default:
		return false;
	}
}

/* Every name has a value, so that only the form of a word can be wrong. */
static const char *lookup_any(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return "x";
}

static const struct expand_env any_env = { .lookup = lookup_any };

static int check_word(const char *word, char escape, struct error *err)
{
	autofree char *result = expand_word(word, escape, &any_env, err);

	return result ? 0 : -1;
}

/* A name that is empty whatever the variables are. */
static int check_base_name(const struct instruction *in, char escape,
			   struct error *err)
{
	const char *word = in->args.items[0];
	autofree char *name = NULL;

	if (strchr(word, '$'))
		return 0;
	name = expand_word(word, escape, &any_env, err);
	if (!name)
		return -1;
	return *name ? 0
		     : error_set(err, ERROR_DOCKERFILE,
				 "base name (%s) should not be blank", word);
}

static int check_heredocs(const struct instruction *in, struct error *err)
{
	size_t i, len;

	if (in->kind != INSTR_COPY && in->kind != INSTR_ADD)
		return 0;
	for (i = 0; i < in->n_heredocs; i++) {
		const struct heredoc *doc = &in->heredocs[i];
		autofree char *body = NULL;

		if (!doc->expand)
			continue;
		body = expand_heredoc(doc->content, doc->content_len, &any_env,
				      &len, err);
		if (!body)
			return -1;
	}
	return 0;
}

int words_check(const struct instruction *in, char escape, struct error *err)
{
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		const char *value = flag_expanded_value(in, in->flags.items[i]);

		if (value && check_word(value, escape, err) < 0)
			return -1;
	}
	for (i = 0; i < in->args.len; i++)
		if (arg_is_expanded(in, i) &&
		    check_word(in->args.items[i], escape, err) < 0)
			return -1;
	if (in->kind == INSTR_FROM && check_base_name(in, escape, err) < 0)
		return -1;
	return check_heredocs(in, err);
}
