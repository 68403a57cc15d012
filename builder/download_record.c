#include "builder/download_record.h"

#include <string.h>

#include "store/base/json.h"

#define WHAT	   "remembering a download"
#define RECORD_MAX ((size_t)64 << 10)

void download_record_release(struct download_record *r)
{
	free(r->etag);
	free(r->last_modified);
	*r = (struct download_record){ 0 };
}

/* URLs may hold passwords: the name of the record is a digest. */
static char *record_path(const char *url, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct digest name;
	char *path;

	buf_printf(&text, "download %s", url);
	if (buf_check(&text, WHAT, err) < 0)
		return NULL;
	digest_bytes(text.data, text.len, &name);
	if (asprintf(&path, "files/%s", digest_hex(&name)) >= 0)
		return path;
	error_nomem(err, WHAT);
	return NULL;
}

static int take(const json_t *doc, struct download_record *ret,
		struct error *err)
{
	const char *digest = json_get_string(doc, "digest");
	const char *etag = json_get_string(doc, "etag");
	const char *modified = json_get_string(doc, "lastModified");
	struct error ignored;

	if (!digest || digest_parse(digest, &ret->digest, &ignored) < 0)
		return 0;
	ret->etag = etag ? strdup(etag) : NULL;
	ret->last_modified = modified ? strdup(modified) : NULL;
	if ((etag && !ret->etag) || (modified && !ret->last_modified))
		return error_nomem(err, WHAT);
	return 0;
}

int download_record_load(struct batch *b, const char *url,
			 struct download_record *ret, struct error *err)
{
	autofree char *path = record_path(url, err);
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *doc = NULL;
	struct error ignored;

	if (!path)
		return -1;
	if (batch_read_record(batch_store(b), b, path, RECORD_MAX, &text,
			      &ignored) < 0)
		return 0;
	doc = json_parse(text.data, text.len, path, &ignored);
	return doc ? take(doc, ret, err) : 0;
}

int download_record_save(struct batch *b, const char *url,
			 const struct downloaded *info, struct error *err)
{
	AUTO(json_decref) json_t *doc = NULL;
	autofree char *path = NULL, *text = NULL;
	size_t len;

	if (!info->etag && !info->last_modified)
		return 0;
	/* Header fields that are not UTF-8 make no record. */
	doc = json_pack("{s:s, s:s*, s:s*}", "digest", info->digest.text,
			"etag", info->etag, "lastModified",
			info->last_modified);
	if (!doc)
		return 0;
	path = record_path(url, err);
	text = json_serialize(doc, &len, err);
	if (!path || !text)
		return -1;
	return batch_add_record(b, path, text, len, err);
}
