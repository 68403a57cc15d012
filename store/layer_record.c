#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/json.h"
#include "store/blob.h"
#include "store/layer_internal.h"

#define RECORD_MAX ((size_t)64 << 10)

/* Compressions in the order in which a blob is preferred. */
static const enum compression_kind kinds[] = {
	COMPRESSION_ZSTD,
	COMPRESSION_GZIP,
	COMPRESSION_NONE,
};

/* A JSON record: 1 and a new reference, 0 when absent, -1. */
static int read_record(struct layer *l, const char *dest, json_t **ret,
		       struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (batch_read_record(batch_store(l->batch), l->batch, dest, RECORD_MAX,
			      &text, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	*ret = json_parse(text.data ? text.data : "", text.len, dest, err);
	return *ret ? 1 : -1;
}

/* Takes `record`. */
static int write_record(struct layer *l, const char *dest, json_t *record,
			struct error *err)
{
	AUTO(json_decref) json_t *owned = record;
	autofree char *text = NULL;
	size_t len;

	if (!owned)
		return error_nomem(err, "recording a layer");
	text = json_serialize(owned, &len, err);
	if (!text)
		return -1;
	return batch_add_record(l->batch, dest, text, len, err);
}

/* Left out, or not to be understood, it is computed anew. */
static void read_checksum(struct layer *l, const json_t *record)
{
	const char *text = json_get_string(record, "crc64");
	char *end = NULL;

	if (!text || strlen(text) != 16 || l->size < 0)
		return;
	l->checksum.crc64 = strtoull(text, &end, 16);
	l->checksum.size_bytes = (uint64_t)l->size;
	l->has_checksum = *end == '\0';
}

/* Takes `record`. */
static json_t *add_checksum(const struct layer *l, json_t *record)
{
	char text[17];

	if (!record || !l->has_checksum)
		return record;
	snprintf(text, sizeof(text), "%016" PRIx64, l->checksum.crc64);
	if (json_object_set_new(record, "crc64", json_string(text)) == 0)
		return record;
	json_decref(record);
	return NULL;
}

int layer_read_tree_record(struct layer *l, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	struct layer_path path = layer_form_path(&l->diff_id, "tree");
	const char *snapshot;
	int found = read_record(l, path.text, &record, err);
	autoclose int fd = -1;

	if (found <= 0)
		return found;
	snapshot = json_get_string(record, "snapshot");
	if (!snapshot || !snapshot_id_is_valid(snapshot))
		return error_set(err, ERROR_INTEGRITY, "'%s' is damaged",
				 path.text);
	fd = batch_open_object(batch_store(l->batch), l->batch,
			       snapshot_path(snapshot, "").text,
			       O_PATH | O_DIRECTORY, err);
	if (fd < 0)
		return err->kind == ERROR_NOT_FOUND ? 0 : -1;
	free(l->snapshot);
	l->snapshot = strdup(snapshot);
	if (!l->snapshot)
		return error_nomem(err, "opening a layer");
	l->size = json_get_int(record, "size", l->size);
	read_checksum(l, record);
	return 1;
}

int layer_write_tree_record(struct layer *l, struct error *err)
{
	struct layer_path path = layer_form_path(&l->diff_id, "tree");

	return write_record(
		l, path.text,
		add_checksum(l, json_pack("{s:s, s:I}", "snapshot", l->snapshot,
					  "size", (json_int_t)l->size)),
		err);
}

int layer_read_snapshot_record(struct layer *l, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	struct layer_path path = snapshot_path(l->snapshot, "diffid");
	const char *diff_id;
	int found = read_record(l, path.text, &record, err);

	if (found <= 0)
		return found;
	diff_id = json_get_string(record, "diffID");
	if (!diff_id || digest_parse(diff_id, &l->diff_id, err) < 0)
		return error_set(err, ERROR_INTEGRITY, "'%s' is damaged",
				 path.text);
	l->size = json_get_int(record, "size", -1);
	read_checksum(l, record);
	return 1;
}

int layer_write_snapshot_record(struct layer *l, struct error *err)
{
	struct layer_path path = snapshot_path(l->snapshot, "diffid");

	return write_record(l, path.text,
			    add_checksum(l, json_pack("{s:s, s:I}", "diffID",
						      l->diff_id.text, "size",
						      (json_int_t)l->size)),
			    err);
}

int layer_read_remote_record(struct layer *l, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	struct layer_path path = layer_form_path(&l->diff_id, "remote");
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	const char *origin;
	int found = read_record(l, path.text, &record, err);

	if (found <= 0)
		return found;
	origin = json_get_string(record, "origin");
	if (!origin || descriptor_parse(json_object_get(record, "descriptor"),
					&desc, err) < 0)
		return error_set(err, ERROR_INTEGRITY, "'%s' is damaged",
				 path.text);
	l->origin = strdup(origin);
	if (!l->origin)
		return error_nomem(err, "opening a layer");
	l->remote = desc;
	desc = (struct descriptor){ 0 };
	l->has_remote = true;
	return 1;
}

int layer_write_remote_record(struct layer *l, struct error *err)
{
	struct layer_path path = layer_form_path(&l->diff_id, "remote");

	return write_record(l, path.text,
			    json_pack("{s:s, s:o}", "origin", l->origin,
				      "descriptor",
				      descriptor_to_json(&l->remote)),
			    err);
}

struct layer_path blob_form(struct compression how, bool ours)
{
	struct layer_path form;

	if (ours && how.level != COMPRESSION_LEVEL_DEFAULT)
		snprintf(form.text, sizeof(form.text), "blob.%s.%d",
			 compression_name(how.kind), how.level);
	else
		snprintf(form.text, sizeof(form.text), "blob.%s%s",
			 compression_name(how.kind), ours ? ".default" : "");
	return form;
}

int layer_read_blob_record(struct layer *l, const char *form,
			   struct descriptor *ret, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	struct layer_path path = layer_form_path(&l->diff_id, form);
	int found = read_record(l, path.text, &record, err);

	if (found <= 0)
		return found;
	if (descriptor_parse(record, &desc, err) < 0)
		return error_wrap(err, "reading '%s'", path.text);
	if (!blob_exists(batch_store(l->batch), l->batch, &desc.digest))
		return 0;
	*ret = desc;
	desc = (struct descriptor){ 0 };
	return 1;
}

int layer_write_blob_record(struct layer *l, const struct digest *diff_id,
			    const char *form, const struct descriptor *desc,
			    struct error *err)
{
	struct layer_path path = layer_form_path(diff_id, form);

	return write_record(l, path.text, descriptor_to_json(desc), err);
}

/* "sent.gzip.6", "sent.gzip.6.until-1700000000" */
static struct layer_path sent_path(const struct layer *l,
				   const struct layer_format *format)
{
	struct layer_path blob = blob_form(format->compression, true), form;
	int len = snprintf(form.text, sizeof(form.text), "sent%s",
			   strchr(blob.text, '.'));

	if (format->clamp)
		snprintf(form.text + len, sizeof(form.text) - (size_t)len,
			 ".until-%" PRId64, *format->clamp);
	return layer_form_path(&l->diff_id, form.text);
}

/* Without a diffID it is that of the layer. */
static int parse_sent(const struct layer *l, const json_t *record,
		      struct layer_sent *ret, struct error *err)
{
	const char *origin = json_get_string(record, "origin");
	const char *diff_id = json_get_string(record, "diffID");

	ret->diff_id = l->diff_id;
	if (!origin ||
	    (diff_id && digest_parse(diff_id, &ret->diff_id, err) < 0) ||
	    descriptor_parse(json_object_get(record, "descriptor"), &ret->desc,
			     err) < 0)
		return error_set(err, ERROR_INTEGRITY, "it is damaged");
	ret->origin = strdup(origin);
	return ret->origin ? 0 : error_nomem(err, "opening a layer");
}

int layer_read_sent_record(struct layer *l, const struct layer_format *format,
			   struct layer_sent *ret, struct error *err)
{
	AUTO(json_decref) json_t *record = NULL;
	AUTO(layer_sent_release) struct layer_sent sent = { 0 };
	struct layer_path path = sent_path(l, format);
	int found = read_record(l, path.text, &record, err);

	if (found <= 0)
		return found;
	if (parse_sent(l, record, &sent, err) < 0)
		return error_wrap(err, "reading '%s'", path.text);
	*ret = sent;
	sent = (struct layer_sent){ 0 };
	return 1;
}

int layer_write_sent_record(struct layer *l, const struct layer_format *format,
			    const struct descriptor *desc,
			    const struct digest *diff_id, const char *origin,
			    struct error *err)
{
	return write_record(l, sent_path(l, format).text,
			    json_pack("{s:s, s:s, s:o}", "origin", origin,
				      "diffID", diff_id->text, "descriptor",
				      descriptor_to_json(desc)),
			    err);
}

int layer_open_tar(struct layer *l, uint64_t *size_bytes, struct error *err)
{
	struct layer_path path = layer_form_path(&l->diff_id, "tar");
	autoclose int fd = batch_open_object(batch_store(l->batch), l->batch,
					     path.text, O_RDONLY, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot read '%s'", path.text);
	*size_bytes = (uint64_t)st.st_size;
	return steal_fd(&fd);
}

int layer_find_blob(struct layer *l, struct descriptor *ret, struct error *err)
{
	size_t i;

	for (i = 0; i < 2 * ARRAY_LEN(kinds); i++) {
		struct compression how = { kinds[i / 2],
					   COMPRESSION_LEVEL_DEFAULT };
		struct layer_path form = blob_form(how, i % 2 == 0);
		int found = layer_read_blob_record(l, form.text, ret, err);

		if (found)
			return found;
	}
	return 0;
}
