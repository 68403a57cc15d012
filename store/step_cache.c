#include "store/step_cache.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"

#define RECORD_MAX ((size_t)16 << 20)

struct cache_path {
	char text[sizeof("cache/") + DIGEST_HEX_LEN];
};

static struct cache_path cache_path(const struct digest *key)
{
	struct cache_path path;

	snprintf(path.text, sizeof(path.text), "cache/%s", digest_hex(key));
	return path;
}

void step_record_release(struct step_record *r)
{
	layer_unref(r->layer);
	json_decref(r->parts);
	*r = (struct step_record){ 0 };
}

/* Everything of a record but the layer; its name is returned. */
static const char *parse_record(const json_t *record, struct step_record *r)
{
	const char *created = json_get_string(record, "created");
	const char *content = json_get_string(record, "content");
	struct error ignored;

	if (!created || !time_parse(created, &r->created))
		return NULL;
	if (content && digest_parse(content, &r->content, &ignored) < 0)
		return NULL;
	r->parts = json_incref(json_object_get(record, "parts"));
	return json_get_string(record, "layer");
}

static int read_record(struct batch *b, const struct digest *key,
		       struct step_record *ret, struct error *err)
{
	struct cache_path path = cache_path(key);
	AUTO(step_record_release) struct step_record r = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *record = NULL;
	const char *layer;

	if (batch_read_record(batch_store(b), b, path.text, RECORD_MAX, &text,
			      err) < 0)
		return -1;
	record = json_parse(text.data, text.len, "a cache record", err);
	if (!record)
		return -1;
	layer = parse_record(record, &r);
	if (!layer)
		return error_set(err, ERROR_INTEGRITY,
				 "a cache record is damaged");
	if (layer_by_id(b, layer, &r.layer, err) < 0)
		return -1;
	/* The collector drops what was used longest ago. */
	utimensat(store_fd(batch_store(b)), path.text, NULL, 0);
	*ret = r;
	r = (struct step_record){ 0 };
	return 0;
}

int step_cache_get(struct batch *b, const struct digest *key,
		   struct step_record *ret, struct error *err)
{
	struct error problem = ERROR_INIT;

	if (read_record(b, key, ret, &problem) == 0)
		return 1;
	if (problem.kind != ERROR_NOMEM && problem.kind != ERROR_CANCELED)
		return 0;
	*err = problem;
	return -1;
}

static json_t *record_to_json(const struct step_record *record,
			      const char *layer)
{
	char created[TIME_TEXT_SIZE];
	AUTO(json_decref)
	json_t *object = json_pack("{s:s, s:s}", "layer", layer, "created",
				   time_format(record->created, created));

	if (!object)
		return NULL;
	if (digest_is_set(&record->content) &&
	    json_object_set_new(object, "content",
				json_string(record->content.text)) < 0)
		return NULL;
	if (record->parts &&
	    json_object_set(object, "parts", record->parts) < 0)
		return NULL;
	return steal_pointer(&object);
}

int step_cache_put(struct batch *b, const struct digest *key,
		   const struct step_record *record, struct error *err)
{
	struct cache_path path = cache_path(key);
	autofree char *layer = layer_id(record->layer, err), *text = NULL;
	AUTO(json_decref) json_t *object = NULL;
	size_t len;

	if (!layer)
		return -1;
	object = record_to_json(record, layer);
	text = object ? json_serialize(object, &len, err) : NULL;
	if (!text)
		return error_nomem(err, "remembering a step");
	/* What could not be read again is not worth keeping. */
	if (len > RECORD_MAX)
		return 0;
	return batch_add_record(b, path.text, text, len, err);
}

static int text_path(const struct digest *key, const char *what, char **ret,
		     struct error *err)
{
	if (asprintf(ret, "%s.%s", cache_path(key).text, what) >= 0)
		return 0;
	*ret = NULL;
	return error_nomem(err, "remembering a step");
}

int step_cache_put_text(struct batch *b, const struct digest *key,
			const char *what, const struct buf *text,
			struct error *err)
{
	autofree char *path = NULL;

	if (text->len > RECORD_MAX)
		return 0;
	if (buf_check(text, "remembering a step", err) < 0 ||
	    text_path(key, what, &path, err) < 0)
		return -1;
	return batch_add_record(b, path, text->data ? text->data : "",
				text->len, err);
}

void step_cache_get_text(struct batch *b, const struct digest *key,
			 const char *what, struct buf *ret)
{
	autofree char *path = NULL;
	struct error ignored;

	if (text_path(key, what, &path, &ignored) < 0 ||
	    batch_read_record(batch_store(b), b, path, RECORD_MAX, ret,
			      &ignored) < 0)
		buf_clear(ret);
}

/* 1 and the record, or 0 when it is none. */
static int load_record(int dirfd, const char *name, struct digest *key,
		       struct step_record *ret)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *record = NULL;
	struct error ignored;
	char digest[sizeof("sha256:") + DIGEST_HEX_LEN];

	if (strlen(name) != DIGEST_HEX_LEN)
		return 0;
	snprintf(digest, sizeof(digest), "sha256:%.*s", DIGEST_HEX_LEN, name);
	if (digest_parse(digest, key, &ignored) < 0 ||
	    io_read_file(dirfd, name, RECORD_MAX, &text, &ignored) < 0)
		return 0;
	record = json_parse(text.data ? text.data : "", text.len, name,
			    &ignored);
	return record && parse_record(record, ret);
}

int step_cache_each(struct store *s,
		    int (*visit)(void *ctx, const struct digest *key,
				 const struct step_record *record,
				 struct error *err),
		    void *ctx, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(s), "cache");
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot list the cache");
	while ((rc = io_next_entry(dir, "cache", &name, err)) > 0) {
		AUTO(step_record_release) struct step_record record = { 0 };
		struct digest key;

		if (load_record(dirfd(dir), name, &key, &record) &&
		    visit(ctx, &key, &record, err) < 0)
			return -1;
	}
	return rc;
}
