#include "parser/directive.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/base/rune.h"

void directives_release(struct directives *d)
{
	free(d->syntax);
	free(d->check);
	d->syntax = NULL;
	d->check = NULL;
}

struct pair {
	const char *key;
	size_t key_len;
	const char *value;
	size_t value_len;
};

/* "# key = value"; false when the line has another form. */
static bool split_pair(const struct line *line, struct pair *ret)
{
	const char *p = line->text, *end = p + line->len;

	blank_trim(&p, &end);
	if (p == end || *p != '#')
		return false;
	p = blank_skip(p + 1, end);
	ret->key = p;
	if (p == end || !isalpha((unsigned char)*p))
		return false;
	while (p < end && isalnum((unsigned char)*p))
		p++;
	ret->key_len = (size_t)(p - ret->key);
	p = blank_skip(p, end);
	if (p == end || *p != '=')
		return false;
	p = blank_skip(p + 1, end);
	ret->value = p;
	ret->value_len = (size_t)(end - p);
	return p < end;
}

static bool key_is(const struct pair *pair, const char *key)
{
	return pair->key_len == strlen(key) &&
	       !strncasecmp(pair->key, key, pair->key_len);
}

static int refuse_second(const char *key, struct error *err)
{
	return error_set(err, ERROR_DOCKERFILE,
			 "only one %s parser directive can be used", key);
}

static int set_text(char **slot, const char *key, const struct pair *pair,
		    struct error *err)
{
	if (*slot)
		return refuse_second(key, err);
	*slot = strndup(pair->value, pair->value_len);
	return *slot ? 1 : error_nomem(err, "reading a parser directive");
}

static int set_escape(struct directives *d, const struct pair *pair,
		      struct error *err)
{
	if (d->escape_given)
		return refuse_second("escape", err);
	if (pair->value_len != 1 ||
	    (pair->value[0] != '\\' && pair->value[0] != '`'))
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid escape token '%.*s' does not match "
				 "` or \\",
				 (int)pair->value_len, pair->value);
	d->escape = pair->value[0];
	d->escape_given = true;
	return 1;
}

/* "#!program" begins a script, and only the first line does. */
static bool begins_script(const struct directives *d, const struct line *line)
{
	return !d->syntax && !d->check && !d->escape_given && !d->script &&
	       line->len >= 2 && !memcmp(line->text, "#!", 2);
}

int directives_offer(struct directives *d, const struct line *line,
		     struct error *err)
{
	struct pair pair;

	if (d->done)
		return 0;
	if (split_pair(line, &pair)) {
		if (key_is(&pair, "syntax"))
			return set_text(&d->syntax, "syntax", &pair, err);
		if (key_is(&pair, "check"))
			return set_text(&d->check, "check", &pair, err);
		/* The reference's parser stops at "#!", its linter does not. */
		if (key_is(&pair, "escape") && !d->script)
			return set_escape(d, &pair, err);
	}
	if (begins_script(d, line)) {
		d->script = true;
		return 0;
	}
	d->done = true;
	return 0;
}
