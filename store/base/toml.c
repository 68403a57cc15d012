#include "store/base/toml.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/base/json.h"

#define DEPTH_MAX      16
#define FILE_MAX_BYTES ((size_t)1 << 20)

struct toml {
	const char *p, *end;
	unsigned line;
	unsigned depth;
	json_t *root;
	json_t *table; /* what keys go into now; borrowed */
	const char *problem;
};

static int refuse(struct toml *t, const char *problem)
{
	if (!t->problem)
		t->problem = problem;
	return -1;
}

static int peek(const struct toml *t)
{
	return t->p < t->end ? (unsigned char)*t->p : -1;
}

static bool take(struct toml *t, char c)
{
	if (peek(t) != c)
		return false;
	t->p++;
	return true;
}

static void skip_blanks(struct toml *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->p++;
	if (peek(t) == '#')
		while (t->p < t->end && *t->p != '\n')
			t->p++;
}

static void skip_lines(struct toml *t)
{
	for (;;) {
		skip_blanks(t);
		if (peek(t) == '\n')
			t->line++;
		else if (peek(t) != '\r')
			return;
		t->p++;
	}
}

static int end_of_line(struct toml *t)
{
	skip_blanks(t);
	take(t, '\r');
	if (peek(t) != '\n' && peek(t) != -1)
		return refuse(t, "something behind the end of a value");
	return 0;
}

static int escaped(struct toml *t, struct buf *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *at = peek(t) > 0 ? strchr(from, peek(t)) : NULL;

	if (!at)
		return refuse(t, "an escape that is not understood");
	t->p++;
	buf_append_char(out, to[at - from]);
	return 0;
}

static int quoted(struct toml *t, struct buf *out)
{
	char quote = *t->p++;

	while (!take(t, quote)) {
		int c = peek(t);

		if (c < ' ' && c != '\t')
			return refuse(t, "a string without an end");
		t->p++;
		if (c == '\\' && quote == '"') {
			if (escaped(t, out) < 0)
				return -1;
		} else {
			buf_append_char(out, (char)c);
		}
	}
	return 0;
}

static int key(struct toml *t, struct buf *out)
{
	skip_blanks(t);
	if (peek(t) == '"' || peek(t) == '\'')
		return quoted(t, out);
	while (isalnum(peek(t)) || peek(t) == '_' || peek(t) == '-')
		buf_append_char(out, *t->p++);
	return out->len ? 0 : refuse(t, "a key is missing");
}

static json_t *value(struct toml *t);

static int dotted(struct toml *t, json_t **table, struct buf *last);

/* "key = value" into `table`. */
static int pair(struct toml *t, json_t *table)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	json_t *v;

	if (dotted(t, &table, &name) < 0)
		return -1;
	skip_blanks(t);
	if (!take(t, '='))
		return refuse(t, "'=' is missing");
	if (json_object_get(table, name.data ? name.data : ""))
		return refuse(t, "a key is there twice");
	v = value(t);
	if (!v)
		return -1;
	if (json_object_set_new(table, name.data ? name.data : "", v) < 0)
		return refuse(t, "a key that is not UTF-8");
	return 0;
}

static json_t *inline_table(struct toml *t)
{
	AUTO(json_decref) json_t *table = json_object();

	skip_blanks(t);
	while (!take(t, '}')) {
		if (pair(t, table) < 0)
			return NULL;
		skip_blanks(t);
		if (!take(t, ',') && peek(t) != '}') {
			refuse(t, "an inline table without an end");
			return NULL;
		}
		skip_blanks(t);
	}
	return steal_pointer(&table);
}

static json_t *array(struct toml *t)
{
	AUTO(json_decref) json_t *items = json_array();

	skip_lines(t);
	while (!take(t, ']')) {
		json_t *item = value(t);

		if (!item || json_array_append_new(items, item) < 0)
			return NULL;
		skip_lines(t);
		if (!take(t, ',') && peek(t) != ']') {
			refuse(t, "an array without an end");
			return NULL;
		}
		skip_lines(t);
	}
	return steal_pointer(&items);
}

static json_t *text_value(struct toml *t)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	json_t *v;

	if (quoted(t, &out) < 0)
		return NULL;
	v = json_stringn(out.data ? out.data : "", out.len);
	if (!v)
		refuse(t, "a string that is not UTF-8");
	return v;
}

static json_t *word_value(struct toml *t)
{
	size_t len = 0;
	long long number = 0;

	while (t->p + len < t->end && len < 18 &&
	       (isalnum((unsigned char)t->p[len]) || t->p[len] == '_'))
		len++;
	t->p += len;
	if (len == 4 && !strncmp(t->p - len, "true", 4))
		return json_true();
	if (len == 5 && !strncmp(t->p - len, "false", 5))
		return json_false();
	for (const char *d = t->p - len; d < t->p; d++) {
		if (!isdigit((unsigned char)*d))
			len = 0;
		number = number * 10 + (*d - '0');
	}
	if (len)
		return json_integer(number);
	refuse(t, "a value that is not understood");
	return NULL;
}

static json_t *value(struct toml *t)
{
	json_t *v;

	skip_blanks(t);
	if (t->depth == DEPTH_MAX) {
		refuse(t, "values are nested too deep");
		return NULL;
	}
	t->depth++;
	if (peek(t) == '"' || peek(t) == '\'')
		v = text_value(t);
	else if (take(t, '['))
		v = array(t);
	else if (take(t, '{'))
		v = inline_table(t);
	else
		v = word_value(t);
	t->depth--;
	return v;
}

/* The table `name` of `table`, made when absent; of an array, the last. */
static json_t *child(struct toml *t, json_t *table, const char *name)
{
	json_t *found = json_object_get(table, name);

	if (!found) {
		if (json_object_set_new(table, name, json_object()) < 0)
			refuse(t, "a key that is not UTF-8");
		found = json_object_get(table, name);
	}
	if (json_is_array(found))
		found = json_array_get(found, json_array_size(found) - 1);
	if (json_is_object(found))
		return found;
	refuse(t, "a key that is a value already");
	return NULL;
}

/* "a.b.c": `*table` moves on to a.b, `last` is c. */
static int dotted(struct toml *t, json_t **table, struct buf *last)
{
	unsigned depth = 0;

	while (key(t, last) == 0) {
		skip_blanks(t);
		if (!take(t, '.'))
			return 0;
		if (++depth == DEPTH_MAX)
			return refuse(t, "keys are nested too deep");
		*table = child(t, *table, last->data ? last->data : "");
		if (!*table)
			return -1;
		buf_clear(last);
	}
	return -1;
}

static int add_to_array(struct toml *t, json_t *table, const char *name)
{
	json_t *items = json_object_get(table, name);

	if (!items) {
		json_object_set_new(table, name, json_array());
		items = json_object_get(table, name);
	}
	if (!json_is_array(items) ||
	    json_array_append_new(items, json_object()) < 0)
		return refuse(t, "a key that is no array of tables");
	t->table = json_array_get(items, json_array_size(items) - 1);
	return 0;
}

/* "[a.b]" or "[[a.b]]", behind the first bracket. */
static int header(struct toml *t)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	bool is_array = take(t, '[');
	json_t *table = t->root;

	if (dotted(t, &table, &name) < 0)
		return -1;
	if (!take(t, ']') || (is_array && !take(t, ']')))
		return refuse(t, "']' is missing");
	if (is_array)
		return add_to_array(t, table, name.data ? name.data : "");
	t->table = child(t, table, name.data ? name.data : "");
	return t->table ? 0 : -1;
}

static int document(struct toml *t)
{
	for (;;) {
		skip_lines(t);
		if (peek(t) == -1)
			return 0;
		if ((take(t, '[') ? header(t) : pair(t, t->table)) < 0 ||
		    end_of_line(t) < 0)
			return -1;
	}
}

json_t *toml_parse(const char *data, size_t len, const char *what,
		   struct error *err)
{
	AUTO(json_decref) json_t *root = json_object();
	struct toml t = { .p = data,
			  .end = data + len,
			  .line = 1,
			  .root = root,
			  .table = root };

	if (!root) {
		error_nomem(err, "reading a configuration");
		return NULL;
	}
	if (document(&t) < 0) {
		error_set(err, ERROR_USAGE, "%s:%u: %s", what, t.line,
			  t.problem ? t.problem : "no memory");
		return NULL;
	}
	return steal_pointer(&root);
}

int toml_read(const char *path, json_t **ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error problem = ERROR_INIT;

	if (io_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, &problem) < 0) {
		if (problem.kind == ERROR_NOT_FOUND)
			return 0;
		*err = problem;
		return -1;
	}
	*ret = toml_parse(text.data ? text.data : "", text.len, path, err);
	return *ret ? 1 : -1;
}
