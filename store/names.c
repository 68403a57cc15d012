#include "store/names.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "store/base/array.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"

#define RECORD_MAX    ((size_t)64 << 10)
#define FILE_NAME_MAX 200 /* longer names are kept under their digest */

void name_record_release(struct name_record *r)
{
	free(r->name);
	*r = (struct name_record){ 0 };
}

char *name_path(const char *folder, const char *name)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	const char *p;

	buf_printf(&path, "%s/", folder);
	for (p = name; *p; p++)
		if (isalnum((unsigned char)*p) || strchr("_-", *p) ||
		    (*p == '.' && p != name))
			buf_append_char(&path, *p);
		else
			buf_printf(&path, "%%%02X", (unsigned char)*p);
	if (path.len > FILE_NAME_MAX) {
		struct digest d;

		digest_bytes(name, strlen(name), &d);
		buf_clear(&path);
		/* No escape reads "%-". */
		buf_printf(&path, "%s/%%-%s", folder, digest_hex(&d));
	}
	return buf_steal(&path);
}

static char *record_path(const char *name)
{
	return name_path("names", name);
}

static int parse_record(const char *data, size_t len, struct name_record *ret,
			struct error *err)
{
	AUTO(json_decref)
	json_t *record = json_parse(data, len, "a name's record", err);
	const char *name = json_get_string(record, "name");
	const char *image = json_get_string(record, "image");
	const char *manifest = json_get_string(record, "manifest");
	const char *set_at = json_get_string(record, "set_at");
	struct name_record r = { 0 };

	if (!record)
		return -1;
	if (!name || !image || !set_at || !time_parse(set_at, &r.set_at))
		return error_set(err, ERROR_INTEGRITY,
				 "a name's record is damaged");
	if (digest_parse(image, &r.image, err) < 0 ||
	    (manifest && digest_parse(manifest, &r.manifest, err) < 0))
		return -1;
	r.name = strdup(name);
	if (!r.name)
		return error_nomem(err, "reading a name");
	*ret = r;
	return 0;
}

static int read_record(int dirfd, const char *path, struct name_record *ret,
		       struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (io_read_file(dirfd, path, RECORD_MAX, &text, err) < 0)
		return -1;
	return parse_record(text.data, text.len, ret, err);
}

/* Does the name stand for just this already? Then it keeps its time, too. */
static bool says_so(struct batch *b, const char *path,
		    const struct digest *image, const struct digest *manifest)
{
	static const struct digest none;
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(name_record_release) struct name_record r = { 0 };
	struct error ignored;

	if (batch_read_record(batch_store(b), b, path, RECORD_MAX, &text,
			      &ignored) < 0 ||
	    parse_record(text.data, text.len, &r, &ignored) < 0)
		return false;
	return digest_equal(&r.image, image) &&
	       digest_equal(&r.manifest, manifest ? manifest : &none);
}

int name_set(struct batch *b, const char *name, const struct digest *image,
	     const struct digest *manifest, struct error *err)
{
	autofree char *path = record_path(name), *text = NULL;
	AUTO(json_decref) json_t *record = NULL;
	char now[TIME_TEXT_SIZE];
	size_t len;

	if (!path || !name[0])
		return path ? error_set(err, ERROR_USAGE, "an empty image name")
			    : error_nomem(err, "naming an image");
	if (says_so(b, path, image, manifest))
		return 0;
	record = json_pack("{s:s, s:s, s:s}", "name", name, "image",
			   image->text, "set_at", time_format(time_now(), now));
	if (record && manifest && digest_is_set(manifest) &&
	    json_object_set_new(record, "manifest",
				json_string(manifest->text)) < 0)
		return error_nomem(err, "naming an image");
	text = record ? json_serialize(record, &len, err) : NULL;
	if (!text)
		return error_nomem(err, "naming an image");
	return batch_add_record(b, path, text, len, err);
}

static int no_such_name(const char *name, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "no image named '%s'", name);
}

int name_get(struct store *s, const char *name, struct name_record *ret,
	     struct error *err)
{
	autofree char *path = record_path(name);

	if (!path)
		return error_nomem(err, "looking up a name");
	if (read_record(store_fd(s), path, ret, err) == 0)
		return 0;
	if (err->kind == ERROR_NOT_FOUND)
		return no_such_name(name, err);
	return error_wrap(err, "looking up '%s'", name);
}

int name_remove(struct store *s, const char *name, struct error *err)
{
	autofree char *path = record_path(name);

	if (!path)
		return error_nomem(err, "removing a name");
	if (unlinkat(store_fd(s), path, 0) == 0)
		return 0;
	if (errno == ENOENT)
		return no_such_name(name, err);
	return error_sys(err, errno, "cannot remove the name '%s'", name);
}

struct name_list {
	struct name_record *items;
	size_t n;
	size_t capacity;
};

static void name_list_release(struct name_list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		name_record_release(&l->items[i]);
	free(l->items);
}
DEFINE_RELEASE(struct name_list, name_list_release);

static int name_list_grow(struct name_list *l, struct error *err)
{
	struct name_record *items =
		array_room(l->items, l->n, &l->capacity, sizeof(*items));

	if (!items)
		return error_nomem(err, "listing names");
	l->items = items;
	return 0;
}

/* Records that went away or are damaged do not hide the others. */
static int add_record(int dirfd, const char *file, struct name_list *l,
		      struct error *err)
{
	struct error problem = ERROR_INIT;

	if (name_list_grow(l, err) < 0)
		return -1;
	if (read_record(dirfd, file, &l->items[l->n], &problem) == 0) {
		l->n++;
		return 0;
	}
	if (problem.kind != ERROR_NOMEM)
		return 0;
	*err = problem;
	return -1;
}

static int compare_names(const void *a, const void *b)
{
	const struct name_record *left = a, *right = b;

	return strcmp(left->name, right->name);
}

int names_list(struct store *s, struct name_record **ret, size_t *n,
	       struct error *err)
{
	AUTO(name_list_release) struct name_list list = { 0 };
	autodir DIR *dir = io_open_dir(store_fd(s), "names");
	const char *file;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot list names");
	while ((rc = io_next_entry(dir, "names", &file, err)) > 0)
		if (*file != '.' &&
		    add_record(dirfd(dir), file, &list, err) < 0)
			return -1;
	if (rc < 0)
		return -1;
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), compare_names);
	*n = list.n;
	*ret = list.items;
	list = (struct name_list){ 0 };
	return 0;
}
