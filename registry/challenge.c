#include "registry/challenge.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "store/base/buf.h"

/* More parameters than this in one response are not worth reading. */
#define MAX_PARTS 256

struct parser {
	const char *p;
	struct challenge best;
	struct challenge current;
	unsigned parts;
};

static bool is_token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static const char *skip_token(const char *p)
{
	while (is_token_char(*p))
		p++;
	return p;
}

/* Keep the one we were reading if it beats the best so far. */
static void settle(struct parser *s)
{
	if (s->current.scheme == CHALLENGE_BEARER && !s->current.realm)
		s->current.scheme = CHALLENGE_NONE;
	if (s->current.scheme > s->best.scheme) {
		challenge_release(&s->best);
		s->best = s->current;
	} else {
		challenge_release(&s->current);
	}
	s->current = (struct challenge){ 0 };
}

static enum challenge_scheme scheme_of(const char *name, size_t len)
{
	if (len == 6 && !strncasecmp(name, "bearer", len))
		return CHALLENGE_BEARER;
	if (len == 5 && !strncasecmp(name, "basic", len))
		return CHALLENGE_BASIC;
	return CHALLENGE_NONE;
}

static char **member_of(struct challenge *c, const char *name, size_t len)
{
	const struct {
		const char *name;
		char **member;
	} members[] = {
		{ "realm", &c->realm },
		{ "service", &c->service },
		{ "scope", &c->scope },
		{ "error", &c->error },
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strlen(members[i].name) == len &&
		    !strncasecmp(members[i].name, name, len))
			return members[i].member;
	return NULL;
}

/* Past a quoted string; its contents go to `ret` unless that is NULL. */
static const char *unquote(const char *p, struct buf *ret)
{
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (ret)
			buf_append_char(ret, *p);
	}
	return *p ? p + 1 : p;
}

/* A quoted string with its escapes, or a token; moves past it. */
static int take_value(struct parser *s, char **ret, struct error *err)
{
	struct buf value = BUF_INIT;

	if (*s->p != '"') {
		const char *start = s->p;

		/* Servers forget quotes around URLs; take up to a comma. */
		s->p += strcspn(s->p, " \t,");
		buf_append(&value, start, (size_t)(s->p - start));
	} else {
		s->p = unquote(s->p, &value);
	}
	*ret = buf_steal_checked(&value, "parsing WWW-Authenticate", err);
	return *ret ? 0 : -1;
}

/* "name = value" at `name`, whose '=' is at s->p. The first of a name wins. */
static int take_parameter(struct parser *s, const char *name, size_t len,
			  struct error *err)
{
	char **member = member_of(&s->current, name, len);
	autofree char *value = NULL;

	s->p = skip_blanks(s->p + 1);
	if (take_value(s, &value, err) < 0)
		return -1;
	if (member && !*member)
		*member = steal_pointer(&value);
	return 0;
}

/*
 * A word followed by '=' is a parameter of the current challenge, any other
 * starts a new one. (token68 credentials never occur in a challenge we know;
 * their padding is swallowed as an empty parameter.)
 */
static int take_part(struct parser *s, struct error *err)
{
	const char *word = s->p, *end = skip_token(word);

	if (end == word) { /* not what should be here; step over it */
		s->p = *word == '"' ? unquote(word, NULL) : word + 1;
		return 0;
	}
	s->p = skip_blanks(end);
	if (*s->p == '=')
		return take_parameter(s, word, (size_t)(end - word), err);
	settle(s);
	s->current.scheme = scheme_of(word, (size_t)(end - word));
	return 0;
}

static int parse_header(struct parser *s, struct error *err)
{
	for (;;) {
		s->p += strspn(s->p, " \t,");
		if (!*s->p || s->parts++ >= MAX_PARTS)
			break;
		if (take_part(s, err) < 0)
			return -1;
	}
	settle(s);
	return 0;
}

int challenge_pick(const struct strv *headers, struct challenge *ret,
		   struct error *err)
{
	static const char name[] = "www-authenticate:";
	struct parser s = { 0 };
	int failed = 0;

	for (size_t i = 0; i < headers->len && !failed; i++) {
		if (strncasecmp(headers->items[i], name, sizeof(name) - 1) != 0)
			continue;
		s.p = headers->items[i] + sizeof(name) - 1;
		failed = parse_header(&s, err);
	}
	if (failed) {
		challenge_release(&s.current);
		challenge_release(&s.best);
		return -1;
	}
	*ret = s.best;
	return 0;
}

void challenge_release(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge){ 0 };
}
