#include "registry/copy.h"

#include <inttypes.h>
#include <string.h>

#include "store/base/array.h"
#include "store/base/map.h"
#include "store/base/parallel.h"
#include "store/manifest.h"

#define MAX_DEPTH 4		     /* of indexes in indexes */
#define TEXT_MAX  ((size_t)64 << 20) /* of all manifests together */
#define ITEMS_MAX ((size_t)100000)

/* A blob, or a manifest whose bytes are here. */
struct item {
	struct descriptor desc;
	bool is_manifest;
	struct buf text;
};

struct copy {
	struct copy_source *from;
	struct copy_target *to;
	struct descriptor root;
	struct item **items; /* what is referred to before what refers */
	size_t n, room;
	size_t text_bytes;
	struct map *known; /* digests of the items */
};

static void item_free(struct item *item)
{
	if (!item)
		return;
	descriptor_release(&item->desc);
	buf_release(&item->text);
	free(item);
}
DEFINE_CLEANUP(struct item *, item_free);

static void copy_release(struct copy *c)
{
	for (size_t i = 0; i < c->n; i++)
		item_free(c->items[i]);
	free(c->items);
	map_free(c->known);
	descriptor_release(&c->root);
}
DEFINE_RELEASE(struct copy, copy_release);

void copy_source_free(struct copy_source *s)
{
	if (s)
		s->free(s);
}

void copy_target_free(struct copy_target *to)
{
	if (to)
		to->free(to);
}

/* ---- what there is to copy ---- */

static bool is_known(const struct copy *c, const struct digest *digest)
{
	return map_get(c->known, digest->text, strlen(digest->text));
}

static int make_room(struct copy *c, struct error *err)
{
	struct item **items;

	if (c->n == ITEMS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "it refers to more than %zu blobs", ITEMS_MAX);
	items = array_room(c->items, c->n, &c->room, sizeof(*items));
	if (!items)
		return error_nomem(err, "copying an image");
	c->items = items;
	return 0;
}

/* Takes over what `text` holds, if given. */
static int add_item(struct copy *c, const struct descriptor *d,
		    struct buf *text, struct error *err)
{
	AUTO(item_free) struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return error_nomem(err, "copying an image");
	if (make_room(c, err) < 0 || descriptor_copy(d, &item->desc, err) < 0)
		return -1;
	if (map_put(c->known, d->digest.text, strlen(d->digest.text), c) < 0)
		return error_nomem(err, "copying an image");
	if (text) {
		item->is_manifest = true;
		item->text = *text;
		*text = (struct buf)BUF_INIT;
	}
	c->items[c->n++] = steal_pointer(&item);
	return 0;
}

static int read_manifest(struct copy *c, const struct descriptor *d,
			 struct buf *text, struct manifest **ret,
			 struct error *err)
{
	struct digest digest;

	if (c->from->manifest(c->from, d, text, err) < 0)
		return -1;
	if (buf_check(text, "copying an image", err) < 0)
		return -1;
	digest_bytes(text->data ? text->data : "", text->len, &digest);
	if (!digest_equal(&digest, &d->digest) ||
	    (d->size >= 0 && (uint64_t)d->size != text->len))
		return error_set(err, ERROR_INTEGRITY,
				 "manifest %s is damaged: it is %s of %zu "
				 "bytes",
				 d->digest.text, digest.text, text->len);
	c->text_bytes += text->len;
	if (c->text_bytes > TEXT_MAX)
		return error_set(err, ERROR_REFUSED,
				 "its manifests have more than %zu bytes",
				 TEXT_MAX);
	return manifest_parse(text->data, text->len, d->media_type, ret, err);
}

/* Foreign layers may only be referred to. */
static int add_blob(struct copy *c, const struct descriptor *d,
		    struct error *err)
{
	if (is_known(c, &d->digest) || media_type_is_foreign(d->media_type))
		return 0;
	return add_item(c, d, NULL, err);
}

static int gather(struct copy *c, const struct descriptor *d, unsigned depth,
		  struct error *err)
{
	AUTO(manifest_free) struct manifest *m = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (is_known(c, &d->digest))
		return 0;
	if (depth > MAX_DEPTH)
		return error_set(err, ERROR_REFUSED,
				 "indexes are nested deeper than %d",
				 MAX_DEPTH);
	if (read_manifest(c, d, &text, &m, err) < 0)
		return -1;
	for (size_t i = 0; i < m->n_items; i++)
		if ((m->is_index ? gather(c, &m->items[i], depth + 1, err)
				 : add_blob(c, &m->items[i], err)) < 0)
			return -1;
	if (!m->is_index && add_blob(c, &m->config, err) < 0)
		return -1;
	return add_item(c, d, &text, err);
}

/* From what was named to the platform's own manifest. */
static int choose(struct copy *c, const struct platform *want,
		  struct error *err)
{
	AUTO(manifest_free) struct manifest *m = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT;
	char name[PLATFORM_TEXT_SIZE];
	const struct descriptor *d;

	if (descriptor_copy(&c->from->root, &c->root, err) < 0)
		return -1;
	for (unsigned depth = 0; want && depth < MAX_DEPTH; depth++) {
		AUTO(manifest_free) struct manifest *above = m;

		m = NULL;
		buf_clear(&text);
		if (read_manifest(c, &c->root, &text, &m, err) < 0)
			return -1;
		if (!m->is_index)
			return 0;
		d = manifest_select(m, want);
		if (!d)
			return error_set(err, ERROR_NOT_FOUND,
					 "it has no image for platform %s",
					 platform_format(want, name));
		descriptor_release(&c->root);
		c->root = (struct descriptor){ 0 };
		if (descriptor_copy(d, &c->root, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- copying it ---- */

static int put_item(struct copy *c, const struct item *item, struct error *err)
{
	bool is_root = digest_equal(&item->desc.digest, &c->root.digest);

	if (!item->is_manifest)
		return c->to->blob(c->to, c->from, &item->desc, err);
	return c->to->manifest(c->to, &item->desc, &item->text, is_root, err);
}

static int put_blob(void *ctx, size_t i, struct error *err)
{
	struct copy *c = ctx;

	return c->items[i]->is_manifest ? 0 : put_item(c, c->items[i], err);
}

static int compare_items(const void *a, const void *b)
{
	const struct item *const *left = a, *const *right = b;

	return strcmp((*left)->desc.digest.text, (*right)->desc.digest.text);
}

static int put_ordered(struct copy *c, struct error *err)
{
	qsort(c->items, c->n, sizeof(struct item *), compare_items);
	for (size_t i = 0; i < c->n; i++)
		if (put_item(c, c->items[i], err) < 0)
			return -1;
	return 0;
}

/* Blobs first: a manifest says that all it refers to is there. */
static int put_parallel(struct copy *c, unsigned threads, struct error *err)
{
	if (parallel_for(c->n, threads, put_blob, c, err) < 0)
		return -1;
	for (size_t i = 0; i < c->n; i++)
		if (c->items[i]->is_manifest &&
		    put_item(c, c->items[i], err) < 0)
			return -1;
	return 0;
}

static int finish(struct copy *c, struct error *err)
{
	if (!c->to->finish)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (digest_equal(&c->items[i]->desc.digest, &c->root.digest))
			return c->to->finish(c->to, &c->root,
					     &c->items[i]->text, err);
	return 0;
}

int copy_image(struct copy_source *from, struct copy_target *to,
	       const struct copy_options *options, struct descriptor *root,
	       struct error *err)
{
	AUTO(copy_release)
	struct copy c = { .from = from, .to = to, .known = map_new(NULL) };

	if (!c.known)
		return error_nomem(err, "copying an image");
	if (choose(&c, options->platform, err) < 0 ||
	    gather(&c, &c.root, 0, err) < 0)
		return -1;
	if ((to->ordered ? put_ordered(&c, err)
			 : put_parallel(&c, options->parallel, err)) < 0 ||
	    finish(&c, err) < 0)
		return -1;
	*root = c.root;
	c.root = (struct descriptor){ 0 };
	return 0;
}
