#include "builder/outline.h"

#include <string.h>
#include <strings.h>

#include "parser/mount.h"
#include "parser/suggest.h"
#include "store/base/json.h"
#include "store/base/map.h"

/*
 * The text of a comment "# name text" right above FROM or ARG; NULL when
 * there is none.
 */
static const char *description(const struct instruction *in, const char *name)
{
	size_t len = strlen(name);
	const char *text;

	if (!in->comments.len || !len)
		return NULL;
	text = in->comments.items[in->comments.len - 1];
	text += strspn(text, " \t");
	if (strncasecmp(text, name, len) != 0 || text[len] != ' ')
		return NULL;
	return text + len + strspn(text + len, " ");
}

static const char *stage_name(const struct instruction *from)
{
	return from->args.len == 3 ? from->args.items[2] : "";
}

/* Lower-case, as stages are known. */
static json_t *name_to_json(const char *name)
{
	char text[256];
	size_t i;

	for (i = 0; name[i] && i + 1 < sizeof(text); i++)
		text[i] = name[i] >= 'A' && name[i] <= 'Z'
				  ? (char)(name[i] + ('a' - 'A'))
				  : name[i];
	text[i] = '\0';
	return json_string(text);
}

static const struct instruction *last_stage(const struct dockerfile *df)
{
	const struct instruction *last = NULL;
	size_t i;

	for (i = 0; i < df->len; i++)
		if (df->instructions[i].kind == INSTR_FROM)
			last = &df->instructions[i];
	return last;
}

static json_t *target_to_json(const struct instruction *from, bool is_default)
{
	const char *text = description(from, stage_name(from));
	json_t *target =
		json_pack("{s:o, s:b, s:s, s:i}", "name",
			  name_to_json(stage_name(from)), "default", is_default,
			  "base", from->args.len ? from->args.items[0] : "",
			  "line", from->first_line);

	if (target && text &&
	    json_object_set_new(target, "description", json_string(text)) < 0) {
		json_decref(target);
		return NULL;
	}
	return target;
}

json_t *outline_targets(const struct dockerfile *df)
{
	const struct instruction *last = last_stage(df);
	AUTO(json_decref) json_t *list = json_array();
	size_t i;

	for (i = 0; i < df->len; i++) {
		const struct instruction *in = &df->instructions[i];

		if (in->kind == INSTR_FROM &&
		    json_array_append_new(list,
					  target_to_json(in, in == last)) < 0)
			return NULL;
	}
	return list ? json_pack("{s:O}", "targets", list) : NULL;
}

void outline_append_targets(struct buf *out, const json_t *targets)
{
	const json_t *list = json_object_get(targets, "targets"), *target;
	size_t i;

	buf_printf(out, "%-24s %s\n", "TARGET", "DESCRIPTION");
	json_array_foreach(list, i, target)
	{
		AUTO(buf_release) struct buf name = BUF_INIT;
		const char *text = json_get_string(target, "description");
		const char *known = json_get_string(target, "name");
		bool is_default =
			json_is_true(json_object_get(target, "default"));

		buf_append_str(&name, known && *known ? known : "-");
		if (is_default)
			buf_append_str(&name, " (default)");
		buf_printf(out, "%-24s %s\n", name.data ? name.data : "",
			   text ? text : "");
	}
}

/* Position of the stage `name`, or of the last; -1 when there is none. */
static ptrdiff_t find_stage(const struct dockerfile *df, const char *name,
			    size_t before)
{
	ptrdiff_t found = -1;
	size_t i;

	for (i = 0; i < before; i++) {
		const struct instruction *in = &df->instructions[i];

		if (in->kind == INSTR_FROM &&
		    (!name || !strcasecmp(stage_name(in), name)))
			found = (ptrdiff_t)i;
	}
	return found;
}

/* An outline being gathered. */
struct gathering {
	const struct dockerfile *df;
	const struct strv *build_args;
	json_t *args, *secrets, *ssh, *cache;
	struct map *seen; /* list and name of all items */
	bool failed;
};

/* Is this the first time that `name` is to go to `list`? */
static bool is_new(struct gathering *g, const json_t *list, const char *name)
{
	char key[64 + 256];
	int len = snprintf(key, sizeof(key), "%p %s", (const void *)list, name);
	size_t key_len = (size_t)len < sizeof(key) ? (size_t)len : sizeof(key);

	if (map_get(g->seen, key, key_len))
		return false;
	if (map_put(g->seen, key, key_len, g) < 0)
		g->failed = true;
	return true;
}

static void add(struct gathering *g, json_t *list, json_t *item)
{
	if (json_array_append_new(list, item) < 0)
		g->failed = true;
}

static void add_arg(struct gathering *g, const struct instruction *in,
		    const char *word)
{
	const char *equals = strchr(word, '='), *text, *value = NULL;
	char name[256];
	json_t *arg;

	snprintf(name, sizeof(name), "%.*s",
		 (int)(equals ? (size_t)(equals - word) : strlen(word)), word);
	if (!is_new(g, g->args, name))
		return;
	value = strv_env_get(g->build_args, name);
	if (!value && equals)
		value = equals + 1;
	text = description(in, name);
	arg = json_pack("{s:s}", "name", name);
	if (!arg ||
	    (value && json_object_set_new(arg, "value", json_string(value))) ||
	    (text &&
	     json_object_set_new(arg, "description", json_string(text))))
		g->failed = true;
	add(g, g->args, arg);
}

static void add_mount(struct gathering *g, const char *value)
{
	AUTO(mount_spec_release) struct mount_spec m = { 0 };
	struct error ignored = ERROR_INIT;
	json_t *list;
	const char *name;

	if (mount_spec_parse(value, g->df->escape, NULL, &m, &ignored) < 0)
		return;
	switch (m.type) {
	case MOUNT_SECRET:
		list = g->secrets;
		break;
	case MOUNT_SSH:
		list = g->ssh;
		break;
	case MOUNT_CACHE:
		list = g->cache;
		break;
	default:
		return;
	}
	name = m.id ? m.id : m.target ? m.target : "default";
	if (is_new(g, list, name))
		add(g, list,
		    json_pack("{s:s, s:b}", "name", name, "required",
			      m.required));
}

static void add_instruction(struct gathering *g, const struct instruction *in)
{
	size_t i;

	if (in->kind == INSTR_ARG)
		for (i = 0; i < in->args.len; i++)
			add_arg(g, in, in->args.items[i]);
	if (in->kind == INSTR_RUN)
		for (i = 0; i < in->flags.len; i++)
			if (!strncmp(in->flags.items[i], "--mount=", 8))
				add_mount(g, in->flags.items[i] + 8);
}

/* A stage and, before it, the stages it is made FROM. */
static void add_stage(struct gathering *g, size_t from)
{
	const struct instruction *in = &g->df->instructions[from];
	ptrdiff_t base = -1;
	size_t i;

	if (in->args.len)
		base = find_stage(g->df, in->args.items[0], from);
	if (base >= 0)
		add_stage(g, (size_t)base);
	for (i = from + 1; i < g->df->len; i++) {
		if (g->df->instructions[i].kind == INSTR_FROM)
			break;
		add_instruction(g, &g->df->instructions[i]);
	}
}

/* Global arguments, those in front of the first FROM. */
static void add_globals(struct gathering *g)
{
	size_t i;

	for (i = 0; i < g->df->len; i++) {
		if (g->df->instructions[i].kind == INSTR_FROM)
			return;
		add_instruction(g, &g->df->instructions[i]);
	}
}

static int refuse_target(const struct dockerfile *df, const char *target,
			 struct error *err)
{
	autofree const char **names = calloc(df->len + 1, sizeof(*names));
	struct hint near;
	size_t i, n = 0;

	if (!names)
		return error_nomem(err, "describing a target");
	for (i = 0; i < df->len; i++)
		if (df->instructions[i].kind == INSTR_FROM)
			names[n++] = stage_name(&df->instructions[i]);
	return error_set(
		err, ERROR_DOCKERFILE,
		"target stage \"%s\" could not be found%s",
		target ? target : "default",
		hint(&near, target ? suggest(target, names, n, true) : NULL));
}

int outline_target(const struct dockerfile *df, const char *target,
		   const struct strv *build_args, json_t **ret,
		   struct error *err)
{
	AUTO(json_decref) json_t *args = json_array();
	AUTO(json_decref) json_t *secrets = json_array();
	AUTO(json_decref) json_t *ssh = json_array();
	AUTO(json_decref) json_t *cache = json_array();
	AUTO(map_free) struct map *seen = map_new(NULL);
	struct gathering g = { df,  build_args, args, secrets,
			       ssh, cache,	seen, false };
	ptrdiff_t from = find_stage(df, target, df->len);
	const struct instruction *in;
	const char *text;

	if (from < 0)
		return refuse_target(df, target, err);
	if (!args || !secrets || !ssh || !cache || !seen)
		return error_nomem(err, "describing a target");
	in = &df->instructions[from];
	text = description(in, stage_name(in));
	add_globals(&g);
	add_stage(&g, (size_t)from);
	*ret = json_pack("{s:o, s:s, s:O, s:O, s:O, s:O}", "name",
			 name_to_json(stage_name(in)), "description",
			 text ? text : "", "args", args, "secrets", secrets,
			 "ssh", ssh, "cache", cache);
	return g.failed || !*ret ? error_nomem(err, "describing a target") : 0;
}

static void append_list(struct buf *out, const json_t *outline, const char *key,
			const char *title)
{
	const json_t *list = json_object_get(outline, key), *item;
	size_t i;

	if (!json_array_size(list))
		return;
	buf_printf(out, "\n%-24s REQUIRED\n", title);
	json_array_foreach(list, i, item) buf_printf(
		out, "%-24s %s\n", json_get_string(item, "name"),
		json_is_true(json_object_get(item, "required")) ? "true"
								: "false");
}

void outline_append_target(struct buf *out, const json_t *outline)
{
	const json_t *args = json_object_get(outline, "args"), *item;
	const char *name = json_get_string(outline, "name");
	const char *text = json_get_string(outline, "description");
	size_t i;

	buf_printf(out, "TARGET: %s\n", name && *name ? name : "default");
	if (text && *text)
		buf_printf(out, "DESCRIPTION: %s\n", text);
	if (json_array_size(args))
		buf_printf(out, "\n%-24s %-16s %s\n", "BUILD ARG", "VALUE",
			   "DESCRIPTION");
	json_array_foreach(args, i, item)
	{
		const char *value = json_get_string(item, "value");
		const char *about = json_get_string(item, "description");

		buf_printf(out, "%-24s %-16s %s\n",
			   json_get_string(item, "name"), value ? value : "",
			   about ? about : "");
	}
	append_list(out, outline, "secrets", "SECRET");
	append_list(out, outline, "ssh", "SSH");
	append_list(out, outline, "cache", "CACHE MOUNT");
}
