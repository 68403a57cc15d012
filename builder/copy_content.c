/* The content of a copy's sources as a digest; see copy_source.h. */
#include <string.h>

#include "builder/copy_source.h"
#include "store/base/buf.h"
#include "store/base/map.h"

/*
 * Fields are framed by their lengths, so that no two different lists of files
 * give the same bytes. One buffer for a whole file keeps the hash from being
 * called for every few bytes.
 */
struct content {
	struct hash *hash;
	struct buf fields;
	bool owners;
	struct map *links; /* (device, inode) to the first name seen */
};

/* The same bytes on every machine: lowest first. */
static void put_number(struct content *c, uint64_t number)
{
	unsigned char bytes[sizeof(number)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	buf_append(&c->fields, bytes, sizeof(bytes));
}

static void put_bytes(struct content *c, const void *data, size_t len)
{
	put_number(c, len);
	buf_append(&c->fields, data, len);
}

static void put_text(struct content *c, const char *text)
{
	put_bytes(c, text, strlen(text));
}

static int flush_fields(struct content *c, struct error *err)
{
	if (buf_check(&c->fields, "a key", err) < 0)
		return -1;
	hash_update(c->hash, c->fields.data, c->fields.len);
	buf_clear(&c->fields);
	return 0;
}

/*
 * Names of one file are told from files that are merely equal: they make
 * another layer.
 */
static int put_first_name(struct content *c, const struct file_node *n,
			  const char *relative, struct error *err)
{
	uint64_t id[2] = { n->device, n->inode };
	const char *first;

	if (n->meta.type != ENTRY_FILE || n->n_links < 2) {
		put_text(c, "");
		return 0;
	}
	first = map_get(c->links, id, sizeof(id));
	if (!first && map_put(c->links, id, sizeof(id), (void *)relative) < 0)
		return error_nomem(err, "a key");
	put_text(c, first ? first : "");
	return 0;
}

static int put_node(struct content *c, const struct file_node *n,
		    const char *relative, struct error *err)
{
	const struct entry *e = &n->meta;

	put_text(c, relative);
	put_number(c, e->type);
	put_number(c, e->mode);
	put_number(c, c->owners ? e->uid : 0);
	put_number(c, c->owners ? e->gid : 0);
	put_number(c, ((uint64_t)e->dev_major << 32) | e->dev_minor);
	put_text(c, e->link ? e->link : "");
	put_text(c, e->type == ENTRY_FILE ? n->digest.text : "");
	put_number(c, e->n_xattrs);
	for (size_t i = 0; i < e->n_xattrs; i++) {
		put_text(c, e->xattrs[i].name);
		put_bytes(c, e->xattrs[i].value, e->xattrs[i].size);
	}
	if (put_first_name(c, n, relative, err) < 0)
		return -1;
	return flush_fields(c, err);
}

static int put_heredoc(struct content *c, const struct inline_file *file,
		       struct error *err)
{
	put_text(c, "heredoc");
	put_text(c, file->name);
	put_bytes(c, file->content, file->len);
	return flush_fields(c, err);
}

static int put_source(struct content *c, const struct copy_source *src,
		      struct error *err)
{
	bool is_dir;
	size_t prefix_len;

	if (src->heredoc)
		return put_heredoc(c, src->heredoc, err);
	is_dir = src->top->meta.type == ENTRY_DIR;
	put_text(c, is_dir ? "directory" : "file");
	put_text(c, src->name);
	put_text(c, src->below);
	put_number(c, src->n_parents);
	for (size_t i = 0; i < src->n_parents; i++)
		if (put_node(c, src->parents[i].node, src->parents[i].path,
			     err) < 0)
			return -1;

	/* The attributes of a directory count where it is itself recreated. */
	if (!is_dir || *src->below)
		if (put_node(c, src->top, "", err) < 0)
			return -1;
	put_number(c, src->contents.len);
	prefix_len = strlen(src->top->meta.path);
	prefix_len += prefix_len > 0;
	for (size_t i = 0; i < src->contents.len; i++) {
		const struct file_node *n = src->contents.items[i];

		if (put_node(c, n, n->meta.path + prefix_len, err) < 0)
			return -1;
	}
	return flush_fields(c, err);
}

int copy_sources_content(const struct copy_sources *s, struct digest *ret,
			 struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;
	struct content c = {
		.owners = s->root && file_root_keeps_owners(s->root),
	};
	int done = 0;

	if (hash_new(&hash, err) < 0)
		return -1;
	c.hash = hash;
	for (size_t i = 0; i < s->len && done == 0; i++) {
		/* Links are kept within one source only. */
		c.links = map_new(NULL);
		done = c.links ? put_source(&c, &s->items[i], err)
			       : error_nomem(err, "a key");
		map_free(c.links);
	}
	buf_release(&c.fields);
	if (done < 0)
		return -1;
	hash_finish(hash, ret);
	return 0;
}
