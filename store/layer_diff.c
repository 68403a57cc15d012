/*
 * Neither order nor form of a foreign tar can be relied on, so the left one is
 * read into a table with a digest of each file, and the right one held against
 * it. Files whose digests differ are read a second time, side by side.
 */
#include "store/layer_diff.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "store/base/json.h"
#include "store/base/map.h"
#include "store/base/timefmt.h"
#include "store/tar.h"

#define WHAT "comparing layers"

/* An entry in the terms of the report; what is not there is NULL. */
enum field {
	FIELD_TYPE,
	FIELD_MODE,
	FIELD_OWNER,
	FIELD_SIZE,
	FIELD_MTIME,
	FIELD_LINK,
	FIELD_DEVICE,
	FIELD_XATTRS,
	N_FIELDS
};

static const char *const field_names[N_FIELDS] = {
	[FIELD_TYPE] = "type",	   [FIELD_MODE] = "mode",
	[FIELD_OWNER] = "owner",   [FIELD_SIZE] = "size",
	[FIELD_MTIME] = "mtime",   [FIELD_LINK] = "link",
	[FIELD_DEVICE] = "device", [FIELD_XATTRS] = "xattrs",
};

struct fact {
	char *key; /* the path behind a letter for what it is about */
	char *fields[N_FIELDS];
	struct digest contents;
	bool is_file;
	bool seen;	/* on the right, too */
	char *aside;	/* contents, once they are known to differ */
	json_t *change; /* gets the offset; borrowed */
};

struct diff {
	struct batch *batch;
	struct map *facts; /* of the left */
	json_t *report;
	bool failed; /* out of memory in a callback without an error */
};

static void fact_release(void *p)
{
	struct fact *f = p;

	if (!f)
		return;
	for (size_t i = 0; i < N_FIELDS; i++)
		free(f->fields[i]);
	free(f->aside);
	free(f->key);
	free(f);
}
DEFINE_CLEANUP(struct fact *, fact_release);

static const char *type_name(enum entry_type type)
{
	static const char *const names[] = {
		[ENTRY_FILE] = "file",	     [ENTRY_DIR] = "directory",
		[ENTRY_SYMLINK] = "symlink", [ENTRY_HARDLINK] = "hard link",
		[ENTRY_CHAR] = "char",	     [ENTRY_BLOCK] = "block",
		[ENTRY_FIFO] = "fifo",	     [ENTRY_WHITEOUT] = "whiteout",
		[ENTRY_OPAQUE] = "opaque",
	};

	return names[type];
}

/* Whiteouts, opaque marks and files may share a path. */
static char *key_of(const struct entry *e)
{
	char *key, what = e->type == ENTRY_WHITEOUT ? 'w'
			  : e->type == ENTRY_OPAQUE ? 'o'
						    : 'f';

	return asprintf(&key, "%c%s", what, e->path) < 0 ? NULL : key;
}

/* Their names, and a digest of what they hold. */
static char *describe_xattrs(const struct entry *e)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < e->n_xattrs; i++) {
		struct digest d;

		digest_bytes(e->xattrs[i].value, e->xattrs[i].size, &d);
		buf_printf(&out, "%s%s=%.12s", i ? " " : "", e->xattrs[i].name,
			   digest_hex(&d));
	}
	return buf_steal(&out);
}

static bool is_device(const struct entry *e)
{
	return e->type == ENTRY_CHAR || e->type == ENTRY_BLOCK;
}

static int set_field(struct fact *f, enum field which, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int set_field(struct fact *f, enum field which, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = vasprintf(&f->fields[which], format, args);
	va_end(args);
	if (rc < 0)
		f->fields[which] = NULL;
	return rc < 0 ? -1 : 0;
}

static int describe(struct fact *f, const struct entry *e)
{
	char when[TIME_TEXT_SIZE];
	int rc = set_field(f, FIELD_TYPE, "%s", type_name(e->type));

	/* Marks of absence have no more to say. */
	if (e->type == ENTRY_WHITEOUT || e->type == ENTRY_OPAQUE)
		return rc;
	if (e->link)
		rc |= set_field(f, FIELD_LINK, "%s", e->link);
	if (e->type == ENTRY_HARDLINK)
		return rc;
	rc |= set_field(f, FIELD_MODE, "%04o", (unsigned)e->mode);
	rc |= set_field(f, FIELD_OWNER, "%u:%u", e->uid, e->gid);
	rc |= set_field(f, FIELD_MTIME, "%s", time_format(e->mtime, when));
	if (e->type == ENTRY_FILE)
		rc |= set_field(f, FIELD_SIZE, "%llu",
				(unsigned long long)e->size);
	if (is_device(e))
		rc |= set_field(f, FIELD_DEVICE, "%u:%u", e->dev_major,
				e->dev_minor);
	f->fields[FIELD_XATTRS] = describe_xattrs(e);
	return f->fields[FIELD_XATTRS] ? rc : -1;
}

static int digest_contents(struct stream *from, struct digest *ret,
			   struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;
	char data[65536];
	ssize_t n;

	if (hash_new(&hash, err) < 0)
		return -1;
	while ((n = stream_read(from, data, sizeof(data), err)) > 0)
		hash_update(hash, data, (size_t)n);
	if (n < 0)
		return -1;
	hash_finish(hash, ret);
	return 0;
}

static int fact_new(const struct entry *e, struct stream *contents,
		    struct fact **ret, struct error *err)
{
	AUTO(fact_release) struct fact *f = calloc(1, sizeof(*f));

	if (!f)
		return error_nomem(err, WHAT);
	f->key = key_of(e);
	f->is_file = e->type == ENTRY_FILE;
	if (!f->key || describe(f, e) < 0)
		return error_nomem(err, WHAT);
	if (f->is_file && digest_contents(contents, &f->contents, err) < 0)
		return -1;
	*ret = steal_pointer(&f);
	return 0;
}

/* Call for each entry; an absent layer has none. */
static int each_entry(struct layer *l, struct diff *d,
		      int (*visit)(struct diff *d, const struct entry *e,
				   struct stream *contents, struct error *err),
		      struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	const struct entry *e;
	struct stream *from, *contents;
	int found;

	if (!l)
		return 0;
	if (layer_stream(l, &from, err) < 0 ||
	    tar_reader_new(from, true, &r, err) < 0)
		return -1;
	while ((found = tar_reader_next(r, &e, &contents, err)) > 0)
		if (visit(d, e, contents, err) < 0)
			return -1;
	/* To its end: that is where the digest is verified. */
	return found < 0 ? -1 : tar_reader_drain(r, err);
}

static int learn(struct diff *d, const struct entry *e, struct stream *contents,
		 struct error *err)
{
	struct fact *f = NULL;

	if (fact_new(e, contents, &f, err) < 0)
		return -1;
	/* A later entry of the same name replaces the earlier one. */
	if (map_put(d->facts, f->key, strlen(f->key), f) == 0)
		return 0;
	fact_release(f);
	return error_nomem(err, WHAT);
}

static json_t *text(const char *bytes)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	json_t *plain = bytes ? json_string(bytes) : json_null();

	if (plain || !bytes)
		return plain;
	for (; *bytes; bytes++)
		if ((unsigned char)*bytes < 0x80)
			buf_append_char(&out, *bytes);
		else
			buf_printf(&out, "\\x%02x", (unsigned char)*bytes);
	return out.failed ? NULL : json_string(out.data);
}

static json_t *add_change(struct diff *d, const struct fact *f,
			  const char *change)
{
	json_t *item = json_pack("{s:o, s:s}", "path", text(f->key + 1),
				 "change", change);

	return json_array_append_new(d->report, item) < 0 ? NULL : item;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* The fields that differ; an empty array when none does. */
static json_t *compare_fields(const struct fact *a, const struct fact *b)
{
	AUTO(json_decref) json_t *fields = json_array();

	for (size_t i = 0; i < N_FIELDS; i++) {
		json_t *item;

		if (same_text(a->fields[i], b->fields[i]))
			continue;
		item = json_pack("{s:s, s:o, s:o}", "field", field_names[i],
				 "left", text(a->fields[i]), "right",
				 text(b->fields[i]));
		if (json_array_append_new(fields, item) < 0)
			return NULL;
	}
	return steal_pointer(&fields);
}

static bool contents_differ(const struct fact *a, const struct fact *b)
{
	return a->is_file && b->is_file &&
	       !digest_equal(&a->contents, &b->contents);
}

static int report_pair(struct diff *d, struct fact *left,
		       const struct fact *right, struct error *err)
{
	AUTO(json_decref) json_t *fields = compare_fields(left, right);
	bool contents = contents_differ(left, right);

	if (!fields)
		return error_nomem(err, WHAT);
	if (!json_array_size(fields) && !contents)
		return 0;
	left->change = add_change(d, left, "changed");
	if (!left->change ||
	    json_object_set(left->change, "fields", fields) < 0)
		return error_nomem(err, WHAT);
	if (!contents)
		return 0;
	left->aside = batch_fresh_name(d->batch, "left", err);
	return left->aside ? 0 : -1;
}

static int hold_against(struct diff *d, const struct entry *e,
			struct stream *contents, struct error *err)
{
	AUTO(fact_release) struct fact *right = NULL;
	struct fact *left;

	if (fact_new(e, contents, &right, err) < 0)
		return -1;
	left = map_get(d->facts, right->key, strlen(right->key));
	if (left) {
		left->seen = true;
		return report_pair(d, left, right, err);
	}
	return add_change(d, right, "added") ? 0 : error_nomem(err, WHAT);
}

static bool report_unseen(void *ctx, const void *key, size_t key_len,
			  void *value)
{
	struct diff *d = ctx;
	const struct fact *f = value;

	(void)key;
	(void)key_len;
	if (f->seen || add_change(d, f, "removed"))
		return true;
	d->failed = true;
	return false;
}

/* ---- contents byte by byte ---- */

static struct fact *differing(struct diff *d, const struct entry *e)
{
	autofree char *key = key_of(e);
	struct fact *f = key ? map_get(d->facts, key, strlen(key)) : NULL;

	return f && f->aside && e->type == ENTRY_FILE ? f : NULL;
}

static int put_aside(struct diff *d, const struct entry *e,
		     struct stream *contents, struct error *err)
{
	const struct fact *f = differing(d, e);
	AUTO(sink_free) struct sink *to = NULL;
	autoclose int fd = -1;

	if (!f)
		return 0;
	fd = openat(batch_fd(d->batch), f->aside,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s'", f->aside);
	if (sink_to_fd(fd, f->aside, &to, err) < 0)
		return -1;
	return stream_copy(contents, to, err);
}

/* Where two streams part: an offset, which may be the end of one; or -1. */
static int64_t first_difference(struct stream *a, struct stream *b,
				struct error *err)
{
	char left[32768], right[sizeof(left)];
	int64_t offset = 0;

	for (;;) {
		ssize_t n = stream_read_full(a, left, sizeof(left), err);
		ssize_t m =
			n < 0 ? -1
			      : stream_read_full(b, right, sizeof(right), err);
		ssize_t i = 0;

		if (m < 0)
			return -1;
		while (i < n && i < m && left[i] == right[i])
			i++;
		offset += i;
		if (i < n || i < m || !n)
			return offset;
	}
}

static int find_offset(struct diff *d, const struct entry *e,
		       struct stream *contents, struct error *err)
{
	const struct fact *f = differing(d, e);
	AUTO(stream_free) struct stream *left = NULL;
	int64_t offset;
	int fd;

	if (!f)
		return 0;
	fd = openat(batch_fd(d->batch), f->aside, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", f->aside);
	if (stream_from_fd(fd, true, 0, UINT64_MAX, &left, err) < 0)
		return -1;
	offset = first_difference(left, contents, err);
	if (offset < 0)
		return -1;
	unlinkat(batch_fd(d->batch), f->aside, 0);
	return json_array_append_new(json_object_get(f->change, "fields"),
				     json_pack("{s:s, s:I}", "field", "content",
					       "offset", (json_int_t)offset)) <
			       0
		       ? error_nomem(err, WHAT)
		       : 0;
}

static bool has_aside(void *ctx, const void *key, size_t key_len, void *value)
{
	const struct fact *f = value;

	(void)key;
	(void)key_len;
	*(bool *)ctx |= f->aside != NULL;
	return true;
}

static int compare_contents(struct diff *d, struct layer *a, struct layer *b,
			    struct error *err)
{
	bool any = false;

	map_each(d->facts, has_aside, &any);
	if (!any)
		return 0;
	return each_entry(a, d, put_aside, err) < 0 ||
			       each_entry(b, d, find_offset, err) < 0
		       ? -1
		       : 0;
}

static int by_path(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;

	return entry_path_compare(json_get_string(*left, "path"),
				  json_get_string(*right, "path"));
}

static json_t *sorted(const json_t *report)
{
	size_t n = json_array_size(report);
	autofree json_t **items = calloc(n + 1, sizeof(json_t *));
	AUTO(json_decref) json_t *ret = json_array();

	if (!items || !ret)
		return NULL;
	for (size_t i = 0; i < n; i++)
		items[i] = json_array_get(report, i);
	qsort(items, n, sizeof(json_t *), by_path);
	for (size_t i = 0; i < n; i++)
		if (json_array_append(ret, items[i]) < 0)
			return NULL;
	return steal_pointer(&ret);
}

static int compare(struct diff *d, struct layer *a, struct layer *b,
		   struct error *err)
{
	if (!d->facts || !d->report)
		return error_nomem(err, WHAT);
	if (each_entry(a, d, learn, err) < 0 ||
	    each_entry(b, d, hold_against, err) < 0)
		return -1;
	map_each(d->facts, report_unseen, d);
	if (d->failed)
		return error_nomem(err, WHAT);
	return compare_contents(d, a, b, err);
}

json_t *layer_diff(struct batch *batch, struct layer *a, struct layer *b,
		   struct error *err)
{
	struct diff d = {
		.batch = batch,
		.facts = map_new(fact_release),
		.report = json_array(),
	};
	json_t *ret = NULL;

	if (compare(&d, a, b, err) == 0) {
		ret = sorted(d.report);
		if (!ret)
			error_nomem(err, WHAT);
	}
	map_free(d.facts);
	json_decref(d.report);
	return ret;
}
