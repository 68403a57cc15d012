/*
 * A pattern is compiled to parts, as the path is read in parts. "**" that is
 * a part of its own is the usual case. "a**b" means "ab" or "a*" + any parts
 * + "b" and is compiled to these two; likewise "a**" at the end.
 */
#include "parser/pattern.h"

#include <string.h>

#include "parser/glob.h"
#include "store/base/quote.h"

/* Each "**" within a part doubles the alternatives. */
enum { MAX_ALTERNATIVES = 16 };

enum part_kind {
	PART_LITERAL,
	PART_GLOB,
	PART_ANY_PARTS, /* zero or more */
};

struct part {
	enum part_kind kind;
	const char *text; /* inside the alternative's text */
	size_t len;
};

struct alternative {
	char *text;
	struct part *parts;
	size_t len;
};

struct pattern {
	struct alternative items[MAX_ALTERNATIVES];
	size_t len;
};

void pattern_free(struct pattern *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->len; i++) {
		free(p->items[i].text);
		free(p->items[i].parts);
	}
	free(p);
}

/*
 * A "**" in `text` at or after `from` that shares its part with other text,
 * or NULL.
 */
static char *find_inner_globstar(char *text, size_t from)
{
	char *p = text + from;

	for (; *p; p++) {
		bool at_start = p == text || p[-1] == '/';

		if (*p == '\\' && p[1]) {
			p++;
			continue;
		}
		if (p[0] != '*' || p[1] != '*')
			continue;
		if (!at_start || (p[2] && p[2] != '/'))
			return p;
		p++;
	}
	return NULL;
}

static size_t count_parts(const char *text)
{
	size_t count = 1;

	for (; *text; text++)
		count += *text == '/';
	return count;
}

static enum part_kind kind_of(const char *text, size_t len)
{
	size_t i;

	if (len == 2 && text[0] == '*' && text[1] == '*')
		return PART_ANY_PARTS;
	for (i = 0; i < len; i++)
		if (strchr("*?[\\", text[i]))
			return PART_GLOB;
	return PART_LITERAL;
}

/* Split at slashes. A final "**" asks for at least one part there. */
static int split_parts(struct alternative *alt, struct error *err)
{
	const char *p = alt->text;

	alt->parts = calloc(count_parts(p) + 1, sizeof(*alt->parts));
	if (!alt->parts)
		return error_nomem(err, "compiling a pattern");
	for (;;) {
		size_t len = strcspn(p, "/");
		enum part_kind kind = kind_of(p, len);

		if (kind == PART_ANY_PARTS && !p[len])
			alt->parts[alt->len++] =
				(struct part){ PART_GLOB, "*", 1 };
		alt->parts[alt->len++] = (struct part){ kind, p, len };
		if (!p[len])
			return 0;
		p += len + 1;
	}
}

static int add_alternatives(struct pattern *p, const char *text, size_t from,
			    struct error *err);

/* Add head + middle + tail, of which only the tail is still unknown. */
static int add_joined(struct pattern *p, const char *head, const char *middle,
		      const char *tail, struct error *err)
{
	autofree char *joined = NULL;

	if (asprintf(&joined, "%s%s%s", head, middle, tail) < 0) {
		joined = NULL;
		return error_nomem(err, "compiling a pattern");
	}
	return add_alternatives(p, joined, strlen(head) + strlen(middle), err);
}

static int add_one(struct pattern *p, const char *text, struct error *err)
{
	struct alternative *alt;

	if (p->len == MAX_ALTERNATIVES)
		return error_set(err, ERROR_DOCKERFILE,
				 "too many '**' inside of names in pattern");
	alt = &p->items[p->len++];
	alt->text = strdup(text);
	if (!alt->text)
		return error_nomem(err, "compiling a pattern");
	return split_parts(alt, err);
}

/* Add what `text` means; its "**" before `from` are known to be harmless. */
static int add_alternatives(struct pattern *p, const char *text, size_t from,
			    struct error *err)
{
	autofree char *head = strdup(text);
	bool at_start, at_end;
	const char *tail;
	char *star;

	if (!head)
		return error_nomem(err, "compiling a pattern");
	star = find_inner_globstar(head, from);
	if (!star)
		return add_one(p, text, err);
	at_start = star == head || star[-1] == '/';
	at_end = !star[2];
	tail = star + 2 + (star[2] == '/');
	*star = '\0';
	if (at_start)
		return add_joined(p, head, "**/", tail, err);
	/* "a**" takes every name that begins with a, and what is below. */
	if (add_joined(p, head, at_end ? "*" : "", tail, err) < 0)
		return -1;
	return add_joined(p, head, at_end ? "*/**" : "*/**/", tail, err);
}

int pattern_new(const char *text, struct pattern **ret, struct error *err)
{
	AUTO(pattern_free) struct pattern *p = NULL;
	struct quoted storage;

	if (!glob_valid(text, strlen(text)))
		return error_set(err, ERROR_DOCKERFILE,
				 "syntax error in pattern: %s",
				 quote(&storage, text));
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_nomem(err, "compiling a pattern");
	if (add_alternatives(p, text, 0, err) < 0)
		return -1;
	*ret = steal_pointer(&p);
	return 0;
}

enum match_mode {
	MATCH_ITSELF,
	MATCH_COVERED, /* the path or a directory above it */
	MATCH_BELOW,   /* something below the path */
};

static const char *next_part(const char *p)
{
	p += strcspn(p, "/");
	return p + (*p == '/');
}

static bool part_matches(const struct part *part, const char *p)
{
	size_t len = strcspn(p, "/");

	if (part->kind == PART_GLOB)
		return glob_matches(part->text, part->len, p, len);
	return part->len == len && !memcmp(part->text, p, len);
}

/* Is a path a match of which `p` is left when parts from `i` on are? */
static bool is_enough(const struct alternative *alt, size_t i,
		      size_t after_spread, const char *p, enum match_mode mode)
{
	if (i < alt->len)
		return mode == MATCH_BELOW && !*p &&
		       alt->parts[i].kind != PART_ANY_PARTS;
	if (mode == MATCH_BELOW)
		return after_spread == i;
	return !*p || mode == MATCH_COVERED;
}

/*
 * Only the last "**" needs to be tried again: the parts between two of them
 * are best placed as early as possible.
 */
static bool alternative_matches(const struct alternative *alt, const char *path,
				enum match_mode mode)
{
	const char *p = path, *spread_from = NULL;
	size_t i = 0, after_spread = 0;

	while (!is_enough(alt, i, after_spread, p, mode)) {
		const struct part *part = i < alt->len ? &alt->parts[i] : NULL;

		if (part && part->kind == PART_ANY_PARTS) {
			after_spread = ++i;
			spread_from = p;
		} else if (part && *p && part_matches(part, p)) {
			p = next_part(p);
			i++;
		} else if (spread_from && *spread_from) {
			spread_from = next_part(spread_from);
			p = spread_from;
			i = after_spread;
		} else {
			return false;
		}
	}
	return true;
}

static bool any_matches(const struct pattern *p, const char *path,
			enum match_mode mode)
{
	size_t i;

	for (i = 0; i < p->len; i++)
		if (alternative_matches(&p->items[i], path, mode))
			return true;
	return false;
}

bool pattern_matches(const struct pattern *p, const char *path)
{
	return any_matches(p, path, MATCH_ITSELF);
}

bool pattern_covers(const struct pattern *p, const char *path)
{
	return any_matches(p, path, MATCH_COVERED);
}

bool pattern_reaches_below(const struct pattern *p, const char *path)
{
	return any_matches(p, path, MATCH_BELOW);
}
