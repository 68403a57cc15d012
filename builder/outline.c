#include "builder/outline.h"

#include <string.h>
#include <strings.h>

#include "builder/plan_internal.h"
#include "registry/base64.h"
#include "store/base/json.h"
#include "store/base/json_text.h"
#include "store/base/text.h"

#define WHAT "describing the Dockerfile"

/* Set a member unless there is nothing to say; -1: no memory. */
static int set_text(json_t *object, const char *key, const char *text)
{
	if (!text || !*text)
		return 0;
	return json_object_set_new(object, key, json_text(text));
}

static int set_location(json_t *object, const struct instruction *in)
{
	return json_object_set_new(
		object, "location",
		json_pack("{s:[{s:{s:i}, s:{s:i}}]}", "ranges", "start", "line",
			  in->first_line, "end", "line", in->last_line));
}

static int set_true(json_t *object, const char *key, bool value)
{
	return value ? json_object_set_new(object, key, json_true()) : 0;
}

int outline_add_source(json_t *doc, const struct buf *text)
{
	AUTO(buf_release) struct buf encoded = BUF_INIT;

	base64_encode(text->data, text->len, &encoded);
	return json_object_set_new(
		doc, "sources",
		json_pack("[s]", encoded.data ? encoded.data : ""));
}

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
static int set_name(json_t *object, const char *name)
{
	char text[256];

	return set_text(object, "name",
			text_copy_lower(text, sizeof(text), name));
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
	json_t *target = json_object();

	if (set_name(target, stage_name(from)) < 0 ||
	    set_true(target, "default", is_default) < 0 ||
	    set_text(target, "description",
		     description(from, stage_name(from))) < 0 ||
	    set_text(target, "base",
		     from->args.len ? from->args.items[0] : NULL) < 0 ||
	    set_text(target, "platform", instruction_flag(from, "platform")) <
		    0 ||
	    set_location(target, from) < 0) {
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

/* The lists of an outline. */
enum { ARGS, SECRETS, SSH, CACHE, N_LISTS };

static const char *const list_keys[N_LISTS] = { "args", "secrets", "ssh",
						"cache" };

/* An outline being gathered. */
struct gathering {
	struct planner *pl;
	json_t *lists[N_LISTS];
	struct vars seen[N_LISTS]; /* names that are listed */
	struct vars used;	   /* names of globals that something reads */
	bool failed;
};

static void gathering_release(struct gathering *g)
{
	size_t i;

	for (i = 0; i < N_LISTS; i++) {
		json_decref(g->lists[i]);
		vars_release(&g->seen[i]);
	}
	vars_release(&g->used);
}
DEFINE_RELEASE(struct gathering, gathering_release);

/* An item called `name`, for its members; NULL: it is listed already. */
static json_t *add(struct gathering *g, size_t list, const char *key,
		   const char *name, const struct instruction *in)
{
	json_t *item;

	if (vars_has(&g->seen[list], name))
		return NULL;
	vars_set(&g->seen[list], name, NULL);
	item = json_object();
	if (set_text(item, key, name) < 0 || set_location(item, in) < 0 ||
	    json_array_append_new(g->lists[list], item) < 0) {
		g->failed = true;
		return NULL;
	}
	return item;
}

static void add_arg(struct gathering *g, const struct instruction *in,
		    const char *name, const char *value)
{
	json_t *arg = add(g, ARGS, "name", name, in);

	if (arg && (set_text(arg, "description", description(in, name)) < 0 ||
		    set_text(arg, "value", value) < 0))
		g->failed = true;
}

static const char *look_up_global(void *ctx, const char *name)
{
	struct gathering *g = ctx;

	vars_set(&g->used, name, NULL);
	return vars_get(&g->pl->globals, name);
}

/* Note which globals a word reads. */
static void note_reads(struct gathering *g, const char *word)
{
	const struct expand_env env = { look_up_global, g, NULL };
	struct error ignored = ERROR_INIT;

	if (word)
		free(expand_word(word, g->pl->df->escape, &env, &ignored));
}

/* "NAME=default" in parts; the caller frees the name. */
static char *split(struct gathering *g, const char *word, const char **fallback)
{
	size_t len = strcspn(word, "=");
	char *name = strndup(word, len);

	*fallback = word[len] ? word + len + 1 : NULL;
	g->failed |= !name;
	return name;
}

/*
 * An ARG with neither default nor --build-arg is the global one of its name,
 * or one that is predefined.
 */
static void add_stage_arg(struct gathering *g, const struct stage_state *st,
			  const struct instruction *in, const char *word)
{
	const char *fallback;
	autofree char *name = split(g, word, &fallback);

	if (!name)
		return;
	if (!fallback && !scope_build_arg(g->pl, name) &&
	    vars_has(&g->pl->globals, name))
		vars_set(&g->used, name, NULL);
	else
		add_arg(g, in, name, vars_get(&st->args, name));
}

static void add_args(struct gathering *g, struct stage_state *st,
		     const struct instruction *in)
{
	AUTO(buf_release) struct buf shown = BUF_INIT;
	struct error ignored = ERROR_INIT;
	size_t i;

	/* A value may need a variable of an image that nobody asked for. */
	scope_declare(g->pl, st, in, &shown, &ignored);
	for (i = 0; i < in->args.len; i++)
		add_stage_arg(g, st, in, in->args.items[i]);
}

static void set_env(struct gathering *g, struct stage_state *st,
		    const struct instruction *in)
{
	struct error ignored = ERROR_INIT;
	size_t i;

	for (i = 0; i + 1 < in->args.len; i += 2) {
		autofree char *name =
			scope_expand(g->pl, st, in->args.items[i], &ignored);
		autofree char *value = scope_expand(
			g->pl, st, in->args.items[i + 1], &ignored);

		if (name && value)
			vars_set(&st->env, name, value);
	}
}

static void add_mount(struct gathering *g, const struct stage_state *st,
		      const struct instruction *in, const char *value)
{
	AUTO(mount_spec_release) struct mount_spec m = { 0 };
	const struct expand_env env = vars_expand_env(&st->env);
	struct error ignored = ERROR_INIT;
	json_t *item = NULL;

	if (mount_spec_parse(value, g->pl->df->escape, &env, &m, &ignored) < 0)
		return;
	if (m.type == MOUNT_SECRET)
		item = add(g, SECRETS, "name", m.id, in);
	else if (m.type == MOUNT_SSH)
		item = add(g, SSH, "name", m.id, in);
	else if (m.type == MOUNT_CACHE)
		add(g, CACHE, "ID", mount_spec_cache_id(&m), in);
	if (item && set_true(item, "required", m.required) < 0)
		g->failed = true;
}

static void add_command(struct gathering *g, struct stage_state *st,
			const struct instruction *in)
{
	const char *mount;
	size_t i;

	if (in->kind == INSTR_ARG)
		add_args(g, st, in);
	if (in->kind == INSTR_ENV)
		set_env(g, st, in);
	for (i = 0; in->kind == INSTR_RUN && (mount = flag_at(in, "mount", i));
	     i++)
		add_mount(g, st, in, mount);
}

static void add_stage(struct gathering *g, struct stage_state *st)
{
	size_t i;

	note_reads(g, st->from->args.items[0]);
	note_reads(g, instruction_flag(st->from, "platform"));
	if (!st->base.wanted && st->base.source.kind == SOURCE_STAGE)
		stage_take_vars(st, state_of(g->pl, st->base.source.stage));
	for (i = 0; i < st->n_commands; i++)
		add_command(g, st, st->commands[i].in);
	g->failed |= st->env.list.failed || st->args.list.failed;
}

/* Defaults read only what stands above them, so backwards finds all. */
static void note_reads_of_globals(struct gathering *g)
{
	size_t i, j;

	for (i = g->pl->n_global; i > 0; i--) {
		const struct strv *words = &g->pl->df->instructions[i - 1].args;

		for (j = words->len; j > 0; j--) {
			const char *fallback;
			autofree char *name =
				split(g, words->items[j - 1], &fallback);

			if (name && vars_has(&g->used, name) &&
			    !scope_build_arg(g->pl, name))
				note_reads(g, fallback);
		}
	}
}

/* Those that the target reads. */
static void add_globals(struct gathering *g)
{
	size_t i, j;

	note_reads_of_globals(g);
	for (i = 0; i < g->pl->n_global; i++) {
		const struct instruction *in = &g->pl->df->instructions[i];

		for (j = 0; j < in->args.len; j++) {
			const char *unused;
			autofree char *name =
				split(g, in->args.items[j], &unused);

			if (name && vars_has(&g->used, name))
				add_arg(g, in, name,
					vars_get(&g->pl->globals, name));
		}
	}
}

static int gather(struct gathering *g)
{
	struct planner *pl = g->pl;
	AUTO(json_decref) json_t *of_stages = NULL;
	size_t i;

	for (i = 0; i < N_LISTS; i++) {
		g->lists[i] = json_array();
		g->failed |= !g->lists[i];
	}
	for (i = 0; i < pl->n_states; i++)
		if (pl->plan->stages[i].needed)
			add_stage(g, &pl->states[i]);
	/* What stands first in the file stands first in the list. */
	of_stages = g->lists[ARGS];
	g->lists[ARGS] = json_array();
	vars_release(&g->seen[ARGS]);
	add_globals(g);
	g->failed |= g->used.list.failed;
	return g->failed ? -1 : json_array_extend(g->lists[ARGS], of_stages);
}

static json_t *to_json(const struct gathering *g, const struct instruction *in)
{
	json_t *doc = json_object();
	int rc = set_name(doc, stage_name(in));
	size_t i;

	rc |= set_text(doc, "description", description(in, stage_name(in)));
	for (i = 0; i < N_LISTS; i++)
		if (json_array_size(g->lists[i]))
			rc |= json_object_set(doc, list_keys[i], g->lists[i]);
	if (rc == 0)
		return doc;
	json_decref(doc);
	return NULL;
}

int outline_target(const struct dockerfile *df,
		   const struct plan_options *options, json_t **ret,
		   struct error *err)
{
	AUTO(planner_release)
	struct planner pl = { .df = df, .options = options };
	AUTO(gathering_release) struct gathering g = { .pl = &pl };

	if (planner_read(&pl, err) < 0 || graph_mark_needed(&pl, err) < 0)
		return -1;
	graph_count_children(&pl);
	*ret = gather(&g) == 0
		       ? to_json(&g, state_of(&pl, pl.plan->target)->from)
		       : NULL;
	return *ret ? 0 : error_nomem(err, WHAT);
}
