#include "store/diff_fact.h"

#include <stdarg.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/timefmt.h"

#define WHAT "comparing layers"

static const char *const field_names[N_FIELDS] = {
	[FIELD_TYPE] = "type",	   [FIELD_MODE] = "mode",
	[FIELD_OWNER] = "owner",   [FIELD_SIZE] = "size",
	[FIELD_MTIME] = "mtime",   [FIELD_LINK] = "link",
	[FIELD_DEVICE] = "device", [FIELD_XATTRS] = "xattrs",
};

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

char *diff_key(const struct entry *e)
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

static int set_field(struct diff_fact *f, enum diff_field which,
		     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int set_field(struct diff_fact *f, enum diff_field which,
		     const char *format, ...)
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

static int describe(struct diff_fact *f, const struct entry *e)
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

int diff_fact_init(struct diff_fact *f, const struct entry *e,
		   struct stream *contents, struct error *err)
{
	*f = (struct diff_fact){ .key = diff_key(e),
				 .is_file = e->type == ENTRY_FILE };
	if (!f->key || describe(f, e) < 0)
		return error_nomem(err, WHAT);
	return f->is_file ? digest_contents(contents, &f->contents, err) : 0;
}

void diff_fact_release(struct diff_fact *f)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		free(f->fields[i]);
	free(f->key);
}

/* JSON takes UTF-8 only. */
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

json_t *diff_fact_report(const struct diff_fact *f, const char *change)
{
	return json_pack("{s:o, s:s}", "path", text(f->key + 1), "change",
			 change);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

json_t *diff_fact_compare(const struct diff_fact *a, const struct diff_fact *b)
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

bool diff_contents_differ(const struct diff_fact *a, const struct diff_fact *b)
{
	return a->is_file && b->is_file &&
	       !digest_equal(&a->contents, &b->contents);
}
