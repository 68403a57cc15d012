#include "builder/explain.h"

#include <string.h>
#include <strings.h>

#include "builder/file_listing.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"
#include "store/step_cache.h"

#define INDENT	  "    "
#define FILES_MAX 20
#define TEXT_MAX  80

/* The remembered result that is most like the step. */
struct nearest {
	const struct explain_step *step;
	unsigned score;
	struct digest files; /* its listing's key; may be unset */
	json_t *parts;	     /* a reference */
	struct timespec created;
};

static void nearest_release(struct nearest *n)
{
	json_decref(n->parts);
}
DEFINE_RELEASE(struct nearest, nearest_release);

/*
 * Fields that tell one step from another. A result of which none is the same
 * belongs to some other step.
 */
static const char *const telling[] = { "parent", "argv", "sources", "path" };

static bool same_part(const json_t *a, const json_t *b, const char *name)
{
	const json_t *left = json_object_get(a, name);

	return left && json_equal(left, json_object_get(b, name));
}

/* How much alike two keys are; 0: results of different steps. */
static unsigned likeness(const json_t *a, const json_t *b)
{
	unsigned score = 0;
	const char *name;
	json_t *value;

	if (!same_part(a, b, "step"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(telling); i++)
		score += same_part(a, b, telling[i]) ? 100 : 0;
	if (!score)
		return 0;
	json_object_foreach((json_t *)a, name, value)
		score += same_part(a, b, name);
	return score;
}

static int consider(void *ctx, const struct digest *key,
		    const struct step_record *record, struct error *err)
{
	struct nearest *n = ctx;
	json_t *parts = json_object_get(record->parts, "key");
	const char *files = json_get_string(record->parts, "files");
	struct error ignored;
	unsigned score;

	(void)err;
	(void)key;
	if (time_compare(record->created, n->step->began) >= 0)
		return 0;
	score = likeness(n->step->parts, parts);
	if (!score || score < n->score ||
	    (score == n->score &&
	     time_compare(record->created, n->created) < 0))
		return 0;
	json_decref(n->parts);
	n->parts = json_incref(parts);
	n->score = score;
	n->files = (struct digest){ 0 };
	if (files && digest_parse(files, &n->files, &ignored) < 0)
		n->files = (struct digest){ 0 };
	n->created = record->created;
	return 0;
}

/* Values that may be secrets, in spite of all advice, are not shown. */
static bool is_delicate(const char *name, size_t len)
{
	static const char *const words[] = { "token", "secret",	    "passw",
					     "key",   "credential", "auth" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (size_t at = 0; at + strlen(words[i]) <= len; at++)
			if (!strncasecmp(name + at, words[i], strlen(words[i])))
				return true;
	return false;
}

static void append_value(struct buf *ret, const char *text)
{
	buf_printf(ret, "\"%.*s%s\"", TEXT_MAX, text,
		   strlen(text) > TEXT_MAX ? "..." : "");
}

static void append_change(struct buf *ret, const char *kind, const char *name,
			  const char *was, const char *now)
{
	buf_printf(ret, INDENT "%s%s: ", kind, name);
	append_value(ret, now);
	buf_append_str(ret, " was ");
	append_value(ret, was);
	buf_append_char(ret, '\n');
}

/* "NAME=value" entries as a list of strings. */
static const char *find_variable(const json_t *env, const char *name,
				 size_t len)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)env, i, item) {
		const char *text = json_string_value(item);

		if (text && !strncmp(text, name, len) && text[len] == '=')
			return text + len + 1;
	}
	return NULL;
}

static void compare_variable(const char *text, const json_t *others,
			     struct buf *ret)
{
	size_t len = strcspn(text, "=");
	const char *now = text[len] ? text + len + 1 : "";
	const char *was = find_variable(others, text, len);
	autofree char *name = strndup(text, len);

	if (!name || (was && !strcmp(was, now)))
		return;
	if (!was)
		buf_printf(ret, INDENT "variable %s is new\n", name);
	else if (is_delicate(name, len))
		buf_printf(ret, INDENT "variable %s changed\n", name);
	else
		append_change(ret, "variable ", name, was, now);
}

static void compare_env(const json_t *was, const json_t *now, struct buf *ret)
{
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)now, i, item)
		compare_variable(
			json_string_value(item) ? json_string_value(item) : "",
			was, ret);
	json_array_foreach((json_t *)was, i, item) {
		const char *text = json_string_value(item);
		size_t len = text ? strcspn(text, "=") : 0;

		if (text && !find_variable(now, text, len))
			buf_printf(ret, INDENT "variable %.*s is gone\n",
				   (int)len, text);
	}
}

/* A list of words as one text; the shell's own words are no news. */
static char *join(const json_t *list)
{
	struct buf text = BUF_INIT;
	const json_t *item;
	size_t i;

	json_array_foreach((json_t *)list, i, item)
		buf_printf(&text, "%s%s", i ? " " : "",
			   json_string_value(item) ? json_string_value(item)
						   : "?");
	return buf_steal(&text);
}

static void compare_values(const char *name, const json_t *was,
			   const json_t *now, struct buf *ret)
{
	autofree char *old = json_is_array(was) ? join(was) : NULL;
	autofree char *new = json_is_array(now) ? join(now) : NULL;
	const char *before = old ? old : json_string_value(was);
	const char *after = new ? new : json_string_value(now);

	append_change(ret, "", !strcmp(name, "argv") ? "command" : name,
		      before ? before : "", after ? after : "");
}

/* Digests say nothing to people; what they stand for is told otherwise. */
static bool is_digest_part(const char *name)
{
	return !strncmp(name, "input", 5) || !strcmp(name, "parent") ||
	       !strcmp(name, "key") ||
	       (!strncmp(name, "script.", 7) && strstr(name, ".content"));
}

static void compare_parts(const json_t *was, const json_t *now, struct buf *ret)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)now, name, value) {
		json_t *old = json_object_get(was, name);

		if (old && json_equal(old, value))
			continue;
		if (!strcmp(name, "env"))
			compare_env(old, value, ret);
		else if (!strncmp(name, "script.", 7) &&
			 strstr(name, ".content"))
			buf_printf(ret, INDENT "script: contents changed\n");
		else if (!is_digest_part(name))
			compare_values(name, old, value, ret);
	}
	if (!same_part(was, now, "parent"))
		buf_append_str(ret, INDENT
			       "what it stands on: an earlier step or the "
			       "base image changed\n");
}

/* Reading other files shows in the digests of what is read. */
static int compare_files(struct batch *b, const struct nearest *n,
			 struct buf *ret, struct error *err)
{
	AUTO(buf_release) struct buf before = BUF_INIT;
	int found;

	if (!digest_is_set(&n->files))
		return 0;
	step_cache_get_text(b, &n->files, "files", &before);
	if (!before.len || !n->step->files->len)
		return 0;
	found = file_listing_compare(&before, n->step->files, INDENT, FILES_MAX,
				     ret, err);
	return found < 0 ? -1 : 0;
}

static int explain(struct batch *b, const struct explain_step *step,
		   struct buf *ret, struct error *err)
{
	AUTO(nearest_release) struct nearest n = { .step = step };
	size_t before = ret->len;

	if (step->no_cache) {
		buf_append_str(ret, INDENT "--no-cache asks for it\n");
		return 0;
	}
	if (step->rests_on_another) {
		buf_append_str(ret, INDENT
			       "what it stands on was made anew and came out "
			       "otherwise\n");
		return 0;
	}
	if (step_cache_each(batch_store(b), consider, &n, err) < 0)
		return -1;
	if (!n.parts) {
		buf_append_str(ret, INDENT "no earlier result of this step\n");
		return 0;
	}
	compare_parts(n.parts, step->parts, ret);
	if (compare_files(b, &n, ret, err) < 0)
		return -1;
	if (ret->len == before)
		buf_append_str(ret, INDENT
			       "what it reads: attributes, or the way it is "
			       "reached\n");
	return 0;
}

int explain_step(struct batch *b, const struct explain_step *step,
		 struct buf *ret, struct error *err)
{
	buf_printf(ret, "  %s\n", step->label);
	if (explain(b, step, ret, err) < 0)
		return -1;
	return buf_check(ret, "explaining a step", err);
}
