#include "store/mount_index.h"

#include <string.h>

#include "store/base/array.h"
#include "store/base/json.h"

#define WHAT	   "an index of cache mounts"
#define VERSION	   1
#define CHUNKS_MAX ((size_t)1 << 24)

void mount_index_release(struct mount_index *x)
{
	for (size_t i = 0; i < x->n_mounts; i++) {
		free(x->mounts[i].id);
		free(x->mounts[i].runs);
	}
	free(x->mounts);
	free(x->packs);
	free(x->chunks);
	*x = (struct mount_index){ 0 };
}

/* Room for one more of `n` items, or -1. */
static int make_room(void *items, size_t n, size_t *room, size_t item_size,
		     struct error *err)
{
	void **at = items;
	void *grown = array_room(*at, n, room, item_size);

	if (!grown)
		return error_nomem(err, WHAT);
	*at = grown;
	return 0;
}

int mount_index_add_pack(struct mount_index *x, const struct digest *digest,
			 int64_t size, struct error *err)
{
	if (make_room(&x->packs, x->n_packs, &x->pack_room, sizeof(*x->packs),
		      err) < 0)
		return -1;
	x->packs[x->n_packs++] = (struct mount_pack){
		.digest = *digest,
		.size = size,
		.first = (uint32_t)x->n_chunks,
	};
	return 0;
}

int mount_index_add_chunk(struct mount_index *x, const struct digest *digest,
			  uint32_t size, struct error *err)
{
	struct mount_pack *p = &x->packs[x->n_packs - 1];

	if (x->n_chunks == CHUNKS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "cache mounts of more than %zu chunks",
				 CHUNKS_MAX);
	if (make_room(&x->chunks, x->n_chunks, &x->chunk_room,
		      sizeof(*x->chunks), err) < 0)
		return -1;
	x->chunks[x->n_chunks++] = (struct mount_chunk){
		.digest = *digest,
		.size = size,
		.pack = (uint32_t)(x->n_packs - 1),
		.offset = p->bytes,
	};
	p->n++;
	p->bytes += size;
	return 0;
}

static struct mount_entry *find(const struct mount_index *x, const char *id)
{
	for (size_t i = 0; i < x->n_mounts; i++)
		if (!strcmp(x->mounts[i].id, id))
			return &x->mounts[i];
	return NULL;
}

const struct mount_entry *mount_index_find(const struct mount_index *x,
					   const char *id)
{
	return find(x, id);
}

int mount_index_start(struct mount_index *x, const char *id,
		      struct mount_entry **ret, struct error *err)
{
	struct mount_entry *e = find(x, id);

	if (!e) {
		if (make_room(&x->mounts, x->n_mounts, &x->mount_room,
			      sizeof(*x->mounts), err) < 0)
			return -1;
		e = &x->mounts[x->n_mounts];
		*e = (struct mount_entry){ .id = strdup(id) };
		if (!e->id)
			return error_nomem(err, WHAT);
		x->n_mounts++;
	}
	e->n_runs = 0;
	*ret = e;
	return 0;
}

int mount_entry_append(struct mount_entry *e, uint32_t chunk, struct error *err)
{
	struct mount_run *last = e->n_runs ? &e->runs[e->n_runs - 1] : NULL;

	if (last && last->first + last->n == chunk) {
		last->n++;
		return 0;
	}
	if (make_room(&e->runs, e->n_runs, &e->room, sizeof(*e->runs), err) < 0)
		return -1;
	e->runs[e->n_runs++] = (struct mount_run){ chunk, 1 };
	return 0;
}

/* ---- reading ---- */

static int damaged(struct error *err, const char *what)
{
	return error_set(err, ERROR_INTEGRITY, WHAT " is damaged: %s", what);
}

/* A whole number from `min` to `max`. */
static bool number(const json_t *value, uint64_t min, uint64_t max,
		   uint64_t *ret)
{
	json_int_t n = json_integer_value(value);

	*ret = (uint64_t)n;
	return json_is_integer(value) && n >= 0 && *ret >= min && *ret <= max;
}

static int parse_chunk(const json_t *item, struct mount_index *x,
		       struct error *err)
{
	char text[sizeof(((struct digest *)0)->text) + 1];
	const char *hex = json_string_value(json_array_get(item, 0));
	struct digest digest;
	uint64_t size;

	snprintf(text, sizeof(text), "sha256:%s", hex ? hex : "");
	if (!hex || strlen(hex) != DIGEST_HEX_LEN ||
	    digest_parse(text, &digest, err) < 0)
		return damaged(err, "a chunk's digest");
	if (!number(json_array_get(item, 1), 1, MOUNT_PACK_MAX, &size) ||
	    x->packs[x->n_packs - 1].bytes + size > MOUNT_PACK_MAX)
		return damaged(err, "a chunk's size");
	return mount_index_add_chunk(x, &digest, (uint32_t)size, err);
}

static int parse_pack(const json_t *item, struct mount_index *x,
		      struct error *err)
{
	const json_t *chunks = json_object_get(item, "chunks"), *chunk;
	const char *text = json_get_string(item, "digest");
	struct digest digest;
	uint64_t size;
	size_t i;

	if (!text || digest_parse(text, &digest, err) < 0)
		return damaged(err, "a pack's digest");
	if (!number(json_object_get(item, "size"), 1, INT64_MAX, &size))
		return damaged(err, "a pack's size");
	if (!json_array_size(chunks))
		return damaged(err, "a pack without chunks");
	if (mount_index_add_pack(x, &digest, (int64_t)size, err) < 0)
		return -1;
	json_array_foreach((json_t *)chunks, i, chunk)
		if (parse_chunk(chunk, x, err) < 0)
			return -1;
	return 0;
}

static int parse_run(const json_t *item, const struct mount_index *x,
		     struct mount_entry *e, struct error *err)
{
	uint64_t first, n;

	if (!number(json_array_get(item, 0), 0, CHUNKS_MAX, &first) ||
	    !number(json_array_get(item, 1), 1, CHUNKS_MAX, &n) ||
	    first + n > x->n_chunks)
		return damaged(err, "chunks that are not there");
	if (make_room(&e->runs, e->n_runs, &e->room, sizeof(*e->runs), err) < 0)
		return -1;
	e->runs[e->n_runs++] =
		(struct mount_run){ (uint32_t)first, (uint32_t)n };
	return 0;
}

static int parse_mount(const json_t *item, struct mount_index *x,
		       struct error *err)
{
	const json_t *runs = json_object_get(item, "runs"), *run;
	const char *id = json_get_string(item, "id");
	struct mount_entry *e;
	size_t i;

	if (!id || !json_is_array(runs) || find(x, id))
		return damaged(err, "a mount without an id of its own");
	if (mount_index_start(x, id, &e, err) < 0)
		return -1;
	json_array_foreach((json_t *)runs, i, run)
		if (parse_run(run, x, e, err) < 0)
			return -1;
	return 0;
}

static int parse(const json_t *doc, struct mount_index *x, struct error *err)
{
	int64_t version = json_get_int(doc, "version", 0);
	const json_t *packs = json_object_get(doc, "packs");
	const json_t *mounts = json_object_get(doc, "mounts"), *item;
	size_t i;

	if (version > VERSION)
		return error_set(err, ERROR_REFUSED,
				 WHAT " has version %lld, this program knows "
				      "%d",
				 (long long)version, VERSION);
	if (version != VERSION || !json_is_array(packs) ||
	    !json_is_array(mounts))
		return damaged(err, "it is something else");
	json_array_foreach((json_t *)packs, i, item)
		if (parse_pack(item, x, err) < 0)
			return -1;
	json_array_foreach((json_t *)mounts, i, item)
		if (parse_mount(item, x, err) < 0)
			return -1;
	return 0;
}

int mount_index_parse(const char *data, size_t len, struct mount_index *ret,
		      struct error *err)
{
	AUTO(mount_index_release) struct mount_index x = { 0 };
	AUTO(json_decref) json_t *doc = json_parse(data, len, WHAT, err);

	if (!doc || parse(doc, &x, err) < 0)
		return -1;
	*ret = x;
	x = (struct mount_index){ 0 };
	return 0;
}

/* ---- writing ---- */

static json_t *pack_to_json(const struct mount_index *x,
			    const struct mount_pack *p)
{
	AUTO(json_decref) json_t *chunks = json_array();

	for (uint32_t i = p->first; i < p->first + p->n; i++) {
		const struct mount_chunk *c = &x->chunks[i];

		if (json_array_append_new(
			    chunks, json_pack("[s, I]", digest_hex(&c->digest),
					      (json_int_t)c->size)) < 0)
			return NULL;
	}
	return json_pack("{s:s, s:I, s:O}", "digest", p->digest.text, "size",
			 (json_int_t)p->size, "chunks", chunks);
}

static json_t *mount_to_json(const struct mount_entry *e)
{
	AUTO(json_decref) json_t *runs = json_array();

	for (size_t i = 0; i < e->n_runs; i++)
		if (json_array_append_new(
			    runs,
			    json_pack("[I, I]", (json_int_t)e->runs[i].first,
				      (json_int_t)e->runs[i].n)) < 0)
			return NULL;
	return json_pack("{s:s, s:O}", "id", e->id, "runs", runs);
}

static json_t *to_json(const struct mount_index *x)
{
	AUTO(json_decref)
	json_t *doc = json_pack("{s:i, s:[], s:[]}", "version", VERSION,
				"packs", "mounts");
	json_t *packs = json_object_get(doc, "packs");
	json_t *mounts = json_object_get(doc, "mounts");

	for (size_t i = 0; i < x->n_packs; i++)
		if (json_array_append_new(packs,
					  pack_to_json(x, &x->packs[i])) < 0)
			return NULL;
	for (size_t i = 0; i < x->n_mounts; i++)
		if (json_array_append_new(mounts,
					  mount_to_json(&x->mounts[i])) < 0)
			return NULL;
	return steal_pointer(&doc);
}

int mount_index_serialize(const struct mount_index *x, struct buf *ret,
			  struct error *err)
{
	AUTO(json_decref) json_t *doc = to_json(x);
	autofree char *text = doc ? json_serialize(doc, NULL, err) : NULL;

	if (!text)
		return error_nomem(err, WHAT);
	buf_append_str(ret, text);
	return buf_check(ret, WHAT, err);
}

/* ---- packs that are not needed ---- */

void mount_index_count_used(const struct mount_index *x, uint64_t *used)
{
	for (size_t i = 0; i < x->n_mounts; i++)
		for (size_t j = 0; j < x->mounts[i].n_runs; j++) {
			const struct mount_run *r = &x->mounts[i].runs[j];

			for (uint32_t c = r->first; c < r->first + r->n; c++)
				used[x->chunks[c].pack] += x->chunks[c].size;
		}
}

static int copy_pack(const struct mount_index *x, const struct mount_pack *p,
		     struct mount_index *to, struct error *err)
{
	if (mount_index_add_pack(to, &p->digest, p->size, err) < 0)
		return -1;
	for (uint32_t i = p->first; i < p->first + p->n; i++)
		if (mount_index_add_chunk(to, &x->chunks[i].digest,
					  x->chunks[i].size, err) < 0)
			return -1;
	return 0;
}

/* `moved` is by how much the chunks of each pack have other numbers now. */
static int copy_mount(const struct mount_index *x, const struct mount_entry *e,
		      const uint32_t *moved, struct mount_index *to,
		      struct error *err)
{
	struct mount_entry *copy;

	if (mount_index_start(to, e->id, &copy, err) < 0)
		return -1;
	for (size_t i = 0; i < e->n_runs; i++)
		for (uint32_t c = e->runs[i].first;
		     c < e->runs[i].first + e->runs[i].n; c++)
			if (mount_entry_append(copy,
					       c - moved[x->chunks[c].pack],
					       err) < 0)
				return -1;
	return 0;
}

int mount_index_compact(const struct mount_index *x, struct mount_index *ret,
			struct error *err)
{
	AUTO(mount_index_release) struct mount_index y = { 0 };
	autofree uint64_t *used = calloc(x->n_packs + 1, sizeof(*used));
	autofree uint32_t *moved = calloc(x->n_packs + 1, sizeof(*moved));

	if (!used || !moved)
		return error_nomem(err, WHAT);
	mount_index_count_used(x, used);
	for (size_t i = 0; i < x->n_packs; i++) {
		moved[i] = x->packs[i].first - (uint32_t)y.n_chunks;
		if (used[i] && copy_pack(x, &x->packs[i], &y, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < x->n_mounts; i++)
		if (copy_mount(x, &x->mounts[i], moved, &y, err) < 0)
			return -1;
	*ret = y;
	y = (struct mount_index){ 0 };
	return 0;
}
