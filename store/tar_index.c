#include "store/tar_index.h"

#include <string.h>

#include "store/base/array.h"
#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/tar_header.h"

/* Files and tars end long before this; sums of two stay in range. */
#define OFFSET_MAX ((off_t)1 << 60)

struct tar_index {
	struct tar_index_entry *items;
	size_t n;
	size_t capacity;
};

/* Where the reading is, and the PAX records that wait for their entry. */
struct cursor {
	int fd;
	off_t at;
	struct buf records;
};

static void cursor_release(struct cursor *c)
{
	buf_release(&c->records);
}
DEFINE_RELEASE(struct cursor, cursor_release);

static void entry_release(struct entry *e)
{
	struct xattr *xattrs = (struct xattr *)e->xattrs;
	size_t i;

	for (i = 0; i < e->n_xattrs; i++) {
		free(xattrs[i].name);
		free(xattrs[i].value);
	}
	free(xattrs);
	free((char *)e->path);
	free((char *)e->link);
}

void tar_index_free(struct tar_index *x)
{
	size_t i;

	if (!x)
		return;
	for (i = 0; i < x->n; i++)
		entry_release(&x->items[i].entry);
	free(x->items);
	free(x);
}

static int damaged(const char *what, struct error *err)
{
	return error_set(err, ERROR_INTEGRITY, "a layer's tar has %s", what);
}

static int add_xattr(struct entry *e, const struct tar_pax *pax,
		     struct error *err)
{
	size_t prefix = strlen(TAR_PAX_XATTR);
	struct xattr *grown = realloc((struct xattr *)e->xattrs,
				      (e->n_xattrs + 1) * sizeof(*grown));
	struct xattr *x;

	if (!grown)
		return error_nomem(err, "reading a layer");
	e->xattrs = grown;
	x = &grown[e->n_xattrs];
	x->name = strndup(pax->key + prefix, pax->key_len - prefix);
	x->value = malloc(pax->value_len + 1);
	x->size = pax->value_len;
	e->n_xattrs++;
	if (!x->name || !x->value)
		return error_nomem(err, "reading a layer");
	memcpy(x->value, pax->value, pax->value_len);
	return 0;
}

static int set_text(const char **field, const struct tar_pax *pax,
		    struct error *err)
{
	char *copy = strndup(pax->value, pax->value_len);

	if (!copy)
		return error_nomem(err, "reading a layer");
	free((char *)*field);
	*field = copy;
	return 0;
}

/* Sizes are told twice for sparse files: of the file and in the archive. */
struct sizes {
	int64_t in_archive;
	int64_t real;
};

static int apply_record(struct tar_index_entry *item, const struct tar_pax *pax,
			struct sizes *sizes, struct error *err)
{
	struct entry *e = &item->entry;
	int64_t number;

	if (tar_pax_is(pax, "path") || tar_pax_is(pax, "GNU.sparse.name"))
		return set_text(&e->path, pax, err);
	if (tar_pax_is(pax, "linkpath"))
		return set_text(&e->link, pax, err);
	if (pax->key_len > strlen(TAR_PAX_XATTR) &&
	    !strncmp(pax->key, TAR_PAX_XATTR, strlen(TAR_PAX_XATTR)))
		return add_xattr(e, pax, err);
	if (tar_pax_number(pax, &number, err) < 0)
		return -1;
	if (tar_pax_is(pax, "uid"))
		e->uid = (uint32_t)number;
	else if (tar_pax_is(pax, "gid"))
		e->gid = (uint32_t)number;
	else if (tar_pax_is(pax, "mtime"))
		e->mtime.tv_sec = number;
	else if (tar_pax_is(pax, "size"))
		sizes->in_archive = number;
	else if (tar_pax_is(pax, "GNU.sparse.realsize"))
		sizes->real = number;
	return 0;
}

static int apply_records(struct cursor *c, struct tar_index_entry *item,
			 struct sizes *sizes, struct error *err)
{
	const char *at = c->records.data;
	size_t left = c->records.len;

	while (left > 0) {
		struct tar_pax pax;

		if (tar_pax_parse(at, left, &pax, err) < 0 ||
		    apply_record(item, &pax, sizes, err) < 0)
			return -1;
		at += pax.len;
		left -= pax.len;
	}
	buf_clear(&c->records);
	return 0;
}

static int read_records(struct cursor *c, uint64_t size, struct error *err)
{
	char *room;

	if (size > TAR_PAX_MAX)
		return damaged("too many PAX records", err);
	room = buf_reserve(&c->records, size);
	if (!room)
		return error_nomem(err, "reading a layer");
	if (io_pread(c->fd, room, size, c->at, "a layer's tar", err) !=
	    (ssize_t)size)
		return damaged("an end where there is none", err);
	buf_commit(&c->records, size);
	c->at += (off_t)(size + tar_padding(size));
	return 0;
}

static int set_type(struct entry *e, char type, struct error *err)
{
	static const struct {
		char flag;
		enum entry_type type;
	} types[] = {
		{ '0', ENTRY_FILE },	{ '1', ENTRY_HARDLINK },
		{ '2', ENTRY_SYMLINK }, { '3', ENTRY_CHAR },
		{ '4', ENTRY_BLOCK },	{ '5', ENTRY_DIR },
		{ '6', ENTRY_FIFO },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].flag == type) {
			e->type = types[i].type;
			return 0;
		}
	return damaged("an unknown kind of entry", err);
}

/* Drop a directory's slash and a whiteout's prefix from the name. */
static void name_as_entry(struct entry *e)
{
	char *path = (char *)e->path, *base = strrchr(path, '/');
	size_t len = strlen(path);

	if (e->type == ENTRY_DIR && len && path[len - 1] == '/') {
		path[len - 1] = '\0';
		return;
	}
	base = base ? base + 1 : path;
	if (e->type == ENTRY_FILE && !strncmp(base, ".wh.", 4)) {
		memmove(base, base + 4, strlen(base + 4) + 1);
		e->type = ENTRY_WHITEOUT;
	}
}

static int fill_entry(struct cursor *c, const struct tar_block *block,
		      struct tar_index_entry *item, struct error *err)
{
	struct sizes sizes = { .in_archive = (int64_t)block->size, .real = -1 };
	struct entry *e = &item->entry;

	e->path = strdup(block->name);
	e->link = strdup(block->link);
	if (!e->path || !e->link)
		return error_nomem(err, "reading a layer");
	e->mode = block->mode;
	e->uid = block->uid;
	e->gid = block->gid;
	e->dev_major = block->dev_major;
	e->dev_minor = block->dev_minor;
	e->mtime.tv_sec = block->mtime;
	if (set_type(e, block->type, err) < 0 ||
	    apply_records(c, item, &sizes, err) < 0)
		return -1;
	name_as_entry(e);
	if (sizes.in_archive < 0 || sizes.in_archive > OFFSET_MAX - c->at)
		return damaged("an impossible size", err);
	item->sparse = sizes.real >= 0;
	item->offset = c->at;
	e->size = (uint64_t)(item->sparse ? sizes.real : sizes.in_archive);
	c->at += (off_t)((uint64_t)sizes.in_archive +
			 tar_padding((uint64_t)sizes.in_archive));
	return 0;
}

/* Links lead to the first name of a file, which came before. */
static int count_link(struct tar_index *x, const struct entry *e,
		      struct error *err)
{
	size_t target;

	if (e->type != ENTRY_HARDLINK)
		return 0;
	target = tar_index_lower_bound(x, e->link);
	if (target >= x->n || strcmp(x->items[target].entry.path, e->link) ||
	    x->items[target].entry.type == ENTRY_HARDLINK)
		return damaged("a hard link to nothing", err);
	x->items[target].n_links++;
	return 0;
}

static int append(struct tar_index *x, struct tar_index_entry *item,
		  struct error *err)
{
	struct tar_index_entry *grown;

	if (x->n && entry_path_compare(x->items[x->n - 1].entry.path,
				       item->entry.path) >= 0)
		return damaged("entries out of order", err);
	grown = array_room(x->items, x->n, &x->capacity, sizeof(*grown));
	if (!grown)
		return error_nomem(err, "reading a layer");
	x->items = grown;
	x->items[x->n++] = *item;
	return 0;
}

/* One entry: 1, 0 at the end, -1. */
static int read_entry(struct tar_index *x, struct cursor *c, struct error *err)
{
	struct tar_index_entry item = { .n_links = 1 };
	struct tar_block block;
	char bytes[TAR_BLOCK];
	int more;

	if (io_pread(c->fd, bytes, sizeof(bytes), c->at, "a layer's tar",
		     err) != sizeof(bytes))
		return damaged("no end", err);
	c->at += (off_t)sizeof(bytes);
	more = tar_block_parse(bytes, &block, err);
	if (more <= 0)
		return more;
	if (block.type == 'x')
		return read_records(c, block.size, err) < 0 ? -1 : 1;
	if (fill_entry(c, &block, &item, err) == 0 &&
	    count_link(x, &item.entry, err) == 0 && append(x, &item, err) == 0)
		return 1;
	entry_release(&item.entry);
	return -1;
}

int tar_index_read(int fd, struct tar_index **ret, struct error *err)
{
	AUTO(tar_index_free) struct tar_index *x = calloc(1, sizeof(*x));
	AUTO(cursor_release) struct cursor c = { .fd = fd };
	int more;

	if (!x)
		return error_nomem(err, "reading a layer");
	do
		more = read_entry(x, &c, err);
	while (more > 0);
	if (more < 0)
		return -1;
	*ret = steal_pointer(&x);
	return 0;
}

const struct tar_index_entry *tar_index_entries(const struct tar_index *x,
						size_t *n)
{
	*n = x->n;
	return x->items;
}

size_t tar_index_lower_bound(const struct tar_index *x, const char *path)
{
	size_t low = 0, high = x->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entry_path_compare(x->items[middle].entry.path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct tar_index_entry *tar_index_find(const struct tar_index *x,
					     const char *path)
{
	size_t i = tar_index_lower_bound(x, path);

	if (i < x->n && !strcmp(x->items[i].entry.path, path))
		return &x->items[i];
	return NULL;
}
