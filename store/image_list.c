#include "store/image_list.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/names.h"

#define FOLDER	   "lists"
#define RECORD_MAX ((size_t)1 << 20)

void image_list_release(struct image_list *l)
{
	free(l->items);
	*l = (struct image_list){ 0 };
}

int image_list_add(struct image_list *l, const struct digest *image,
		   const struct digest *manifest, struct error *err)
{
	struct image_list_item *items =
		realloc(l->items, (l->n + 1) * sizeof(*items));

	if (!items)
		return error_nomem(err, "listing images");
	l->items = items;
	items[l->n++] = (struct image_list_item){ *image, *manifest };
	return 0;
}

static json_t *item_to_json(const struct image_list_item *item)
{
	AUTO(json_decref)
	json_t *object = json_pack("{s:s}", "image", item->image.text);

	if (object && digest_is_set(&item->manifest) &&
	    json_object_set_new(object, "manifest",
				json_string(item->manifest.text)) < 0)
		return NULL;
	return steal_pointer(&object);
}

int image_list_set(struct batch *b, const char *name,
		   const struct image_list *l, struct error *err)
{
	autofree char *path = name_path(FOLDER, name), *text = NULL;
	AUTO(json_decref) json_t *record = json_object();
	json_t *images = json_array();
	size_t len;

	if (json_object_set_new(record, "images", images) < 0)
		return error_nomem(err, "listing images");
	for (size_t i = 0; i < l->n; i++)
		if (json_array_append_new(images, item_to_json(&l->items[i])) <
		    0)
			return error_nomem(err, "listing images");
	text = path ? json_serialize(record, &len, err) : NULL;
	if (!text)
		return error_nomem(err, "listing images");
	return batch_add_record(b, path, text, len, err);
}

static int parse_item(const json_t *object, struct image_list *l,
		      struct error *err)
{
	const char *image = json_get_string(object, "image");
	const char *manifest = json_get_string(object, "manifest");
	struct image_list_item item = { 0 };

	if (!image)
		return error_set(err, ERROR_INTEGRITY,
				 "the record of a list is damaged");
	if (digest_parse(image, &item.image, err) < 0 ||
	    (manifest && digest_parse(manifest, &item.manifest, err) < 0))
		return -1;
	return image_list_add(l, &item.image, &item.manifest, err);
}

static int read_list(int dirfd, const char *path, struct image_list *ret,
		     struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(image_list_release) struct image_list l = { 0 };
	AUTO(json_decref) json_t *record = NULL;
	const json_t *object;
	size_t i;

	if (io_read_file(dirfd, path, RECORD_MAX, &text, err) < 0)
		return -1;
	record = json_parse(text.data ? text.data : "", text.len,
			    "the record of a list", err);
	if (!record)
		return -1;
	json_array_foreach(json_object_get(record, "images"), i, object) {
		if (parse_item(object, &l, err) < 0)
			return -1;
	}
	*ret = l;
	l = (struct image_list){ 0 };
	return 0;
}

int image_list_get(struct store *s, const char *name, struct image_list *ret,
		   struct error *err)
{
	autofree char *path = name_path(FOLDER, name);

	if (!path)
		return error_nomem(err, "looking up a list");
	if (read_list(store_fd(s), path, ret, err) == 0)
		return 0;
	if (err->kind == ERROR_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND,
				 "no list of images named '%s'", name);
	return error_wrap(err, "looking up '%s'", name);
}

int image_list_remove(struct store *s, const char *name, struct error *err)
{
	autofree char *path = name_path(FOLDER, name);

	if (!path)
		return error_nomem(err, "removing a list");
	if (unlinkat(store_fd(s), path, 0) == 0)
		return 0;
	if (errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND,
				 "no list of images named '%s'", name);
	return error_sys(err, errno, "cannot remove the list '%s'", name);
}

static int visit_one(int dirfd, const char *file,
		     int (*fn)(void *ctx, const struct image_list_item *item,
			       struct error *err),
		     void *ctx, struct error *err)
{
	AUTO(image_list_release) struct image_list l = { 0 };
	struct error problem = ERROR_INIT;

	/* What is damaged or went away hides no other. */
	if (read_list(dirfd, file, &l, &problem) < 0)
		return 0;
	for (size_t i = 0; i < l.n; i++)
		if (fn(ctx, &l.items[i], err) < 0)
			return -1;
	return 0;
}

int image_lists_visit(struct store *s,
		      int (*fn)(void *ctx, const struct image_list_item *item,
				struct error *err),
		      void *ctx, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(s), FOLDER);
	const char *name;
	int rc;

	if (!dir)
		return errno == ENOENT
			       ? 0
			       : error_sys(err, errno, "cannot read the lists");
	while ((rc = io_next_entry(dir, FOLDER, &name, err)) > 0)
		if (*name != '.' &&
		    visit_one(dirfd(dir), name, fn, ctx, err) < 0)
			return -1;
	return rc;
}
