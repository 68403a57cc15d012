#include "builder/key.h"

#include <inttypes.h>
#include <string.h>

#include "registry/url.h"
#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/layer.h"

/* Changed when the same fields come to mean something else. */
#define KEY_VERSION "shale step 1"

struct key {
	struct hash *hash;
	json_t *parts;
	bool failed;
};

static void note_part(struct key *k, const char *name, json_t *value)
{
	if (!value || json_object_set_new(k->parts, name, value) < 0)
		k->failed = true;
}

/* JSON holds no arbitrary bytes; those only need to be told apart. */
static json_t *part_text(const char *text, size_t len)
{
	struct digest digest;
	json_t *part = json_stringn(text, len);

	if (part)
		return part;
	digest_bytes(text, len, &digest);
	return json_string(digest.text);
}

static void put_text(struct key *k, const char *name, const char *text)
{
	text = text ? text : "";
	hash_field_str(k->hash, name);
	hash_field_str(k->hash, text);
	note_part(k, name, part_text(text, strlen(text)));
}

static void put_number(struct key *k, const char *name, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRId64, number);
	put_text(k, name, text);
}

static void put_list(struct key *k, const char *name, const struct strv *list)
{
	json_t *items = json_array();
	char count[32];

	snprintf(count, sizeof(count), "%zu", list->len);
	hash_field_str(k->hash, name);
	hash_field_str(k->hash, count);
	for (size_t i = 0; i < list->len; i++) {
		const char *item = list->items[i];

		hash_field_str(k->hash, item);
		if (json_array_append_new(items,
					  part_text(item, strlen(item))) < 0)
			k->failed = true;
	}
	note_part(k, name, items);
}

/* "mount.0.target": names that tell several of a kind apart. */
static void name_item(char name[64], const char *kind, size_t i,
		      const char *field)
{
	snprintf(name, 64, "%s.%zu.%s", kind, i, field);
}

static void put_mount(struct key *k, size_t i, const struct run_mount *m)
{
	const struct mount_spec *spec = &m->spec;
	const struct {
		const char *name;
		const char *text;
	} texts[] = {
		{ "target", spec->target },
		{ "id", spec->id },
		{ "env", spec->env },
		{ "source", spec->type == MOUNT_BIND ? spec->source : NULL },
	};
	const struct {
		const char *name;
		int64_t number;
	} numbers[] = {
		{ "type", spec->type },
		{ "readonly", spec->readonly },
		{ "size", (int64_t)spec->size_bytes },
		{ "mode", spec->mode },
		{ "uid", spec->uid },
		{ "gid", spec->gid },
	};
	char name[64];

	for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
		name_item(name, "mount", i, texts[j].name);
		put_text(k, name, texts[j].text);
	}
	for (size_t j = 0; j < ARRAY_LEN(numbers); j++) {
		name_item(name, "mount", i, numbers[j].name);
		put_number(k, name, numbers[j].number);
	}
}

static void put_script(struct key *k, size_t i, const struct inline_file *f)
{
	struct digest digest;
	char name[64];

	name_item(name, "script", i, "name");
	put_text(k, name, f->name);
	name_item(name, "script", i, "content");
	digest_bytes(f->content ? f->content : "", f->len, &digest);
	put_text(k, name, digest.text);
}

static void put_run(struct key *k, const struct step *step)
{
	const struct run_args *run = &step->u.run;
	char platform[PLATFORM_TEXT_SIZE];

	put_list(k, "argv", &run->argv);
	put_list(k, "env", &run->env);
	put_text(k, "user", run->user);
	put_text(k, "cwd", run->cwd);
	put_text(k, "network", run->network);
	put_number(k, "insecure", run->insecure);
	put_text(k, "platform",
		 platform_format(&step->stage->platform, platform));
	put_number(k, "mounts", (int64_t)run->n_mounts);
	for (size_t i = 0; i < run->n_mounts; i++)
		put_mount(k, i, &run->mounts[i]);
	put_number(k, "scripts", (int64_t)run->n_scripts);
	for (size_t i = 0; i < run->n_scripts; i++)
		put_script(k, i, &run->scripts[i]);
}

/*
 * A file from elsewhere is its name and, among the inputs, its contents: other
 * mirrors and signatures in its URL make no difference.
 */
static void append_file_name(struct buf *name, const char *url)
{
	const char *host = strstr(url, "://") + 3;
	size_t len = strcspn(host, "?#"), start;

	while (len && host[len - 1] == '/')
		len--;
	for (start = len; start && host[start - 1] != '/';)
		start--;
	buf_append_str(name, "http:");
	if (start)
		buf_append(name, host + start, len - start);
}

/* No password reaches the parts, which are kept with the result. */
static void put_sources(struct key *k, const struct copy_args *copy)
{
	AUTO(strv_release) struct strv names = STRV_INIT;

	for (size_t i = 0; i < copy->sources.len; i++) {
		const char *source = copy->sources.items[i];
		struct buf name = BUF_INIT;

		switch (source_form(source)) {
		case SOURCE_FORM_HTTP:
			append_file_name(&name, source);
			break;
		case SOURCE_FORM_GIT:
			url_redact(&name, source);
			break;
		case SOURCE_FORM_LOCAL:
			buf_append_str(&name, source);
			break;
		}
		strv_take(&names, buf_steal(&name));
	}
	k->failed |= names.failed;
	put_list(k, "sources", &names);
}

static void put_copy(struct key *k, const struct step *step)
{
	const struct copy_args *copy = &step->u.copy;

	put_sources(k, copy);
	put_text(k, "dest", copy->dest);
	put_text(k, "chown", copy->chown);
	put_text(k, "chmod", copy->chmod);
	put_list(k, "excludes", &copy->excludes);
	put_number(k, "link", copy->link);
	put_number(k, "parents", copy->parents);
	put_number(k, "unpack", copy->unpack);
	put_number(k, "keep-git-dir", copy->keep_git_dir);
	put_text(k, "checksum", copy->checksum);
}

static void put_workdir(struct key *k, const struct step *step)
{
	put_text(k, "path", step->u.workdir.path);
	put_text(k, "user", step->u.workdir.user);
}

static const struct {
	const char *name;
	void (*put)(struct key *k, const struct step *step);
	bool makes_times; /* writes files of its own: the epoch shows */
} kinds[] = {
	[STEP_RUN] = { "RUN", put_run, false },
	[STEP_COPY] = { "COPY", put_copy, true },
	[STEP_ADD] = { "ADD", put_copy, true },
	[STEP_WORKDIR] = { "WORKDIR", put_workdir, true },
};

int step_key(const struct plan *plan, const struct step *step,
	     enum key_kind kind, const struct digest *parent,
	     const struct digest *inputs, size_t n_inputs, struct digest *ret,
	     json_t **parts, struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;
	AUTO(json_decref) json_t *object = json_object();
	struct key k = { .parts = object };
	char name[64];

	if (hash_new(&hash, err) < 0)
		return -1;
	k.hash = hash;
	hash_field_str(hash, KEY_VERSION);
	put_text(&k, "key", kind == KEY_CONTENT ? "content" : "definition");
	put_text(&k, "step", kinds[step->kind].name);
	put_text(&k, "parent", parent->text);
	if (kinds[step->kind].makes_times && plan->has_epoch)
		put_number(&k, "epoch", plan->epoch);
	kinds[step->kind].put(&k, step);
	put_number(&k, "inputs", (int64_t)n_inputs);
	for (size_t i = 0; i < n_inputs; i++) {
		name_item(name, "input", i, "digest");
		put_text(&k, name, inputs[i].text);
	}
	if (!object || k.failed)
		return error_nomem(err, "a key");
	hash_finish(hash, ret);
	if (parts)
		*parts = steal_pointer(&object);
	return 0;
}

int image_key(const struct image *img, struct digest *ret, struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;

	if (hash_new(&hash, err) < 0)
		return -1;
	hash_field_str(hash, KEY_VERSION);
	hash_field_str(hash, "root");
	for (size_t i = 0; img && i < img->n_layers; i++) {
		struct digest diff_id;

		if (layer_diff_id(img->layers[i], &diff_id, err) < 0)
			return -1;
		hash_field_str(hash, diff_id.text);
	}
	hash_finish(hash, ret);
	return 0;
}
