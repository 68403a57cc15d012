#include "builder/copy_place.h"

#include <string.h>

#include "store/base/path.h"

#define HEREDOC_MODE 0644

/* One source on its way into the destination. */
struct placing {
	struct copy_dest *dest;
	const struct copy_placing *how;
	const struct copy_sources *sources;
	const struct copy_source *src;
	size_t index;	       /* of src, from 1 */
	char *target;	       /* args->dest with its links resolved */
	enum copy_found found; /* there */
	bool must_be_dir;
	bool timed; /* a directory's time was given to the target */
};

/* "/x/", "/x/." and "/x/.." name directories, whatever is there. */
static bool is_dir_form(const char *dest)
{
	const char *slash = strrchr(dest, '/');
	const char *last = slash ? slash + 1 : dest;

	return !*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

static char *below(const char *dir, const char *name, struct error *err)
{
	struct buf path = BUF_INIT;

	buf_append_str(&path, dir);
	if (*dir && *name)
		buf_append_char(&path, '/');
	buf_append_str(&path, name);
	return buf_steal_checked(&path, "a path", err);
}

static int put_node(struct placing *p, const struct file_node *n,
		    const char *path, struct error *err)
{
	struct copy_bytes bytes = {
		.root = p->src->root,
		.node = n,
		.fd = -1,
	};

	/* Names of one file stay one file within a source. */
	if (n->meta.type == ENTRY_FILE && n->n_links > 1) {
		bytes.group[0] = p->index;
		bytes.group[1] = n->device;
		bytes.group[2] = n->inode;
	}
	return copy_dest_put(p->dest, path, &n->meta, &bytes, &p->how->policy,
			     err);
}

static int put_contents(struct placing *p, const char *dir, struct error *err)
{
	const struct copy_source *src = p->src;
	size_t prefix_len = strlen(src->top->meta.path);
	AUTO(buf_release) struct buf path = BUF_INIT;
	size_t dir_len;

	prefix_len += prefix_len > 0;
	buf_append_str(&path, dir);
	if (path.len)
		buf_append_char(&path, '/');
	dir_len = path.len;
	for (size_t i = 0; i < src->contents.len; i++) {
		const struct file_node *n = src->contents.items[i];

		buf_truncate(&path, dir_len);
		buf_append_str(&path, n->meta.path + prefix_len);
		if (buf_check(&path, "a path", err) < 0 ||
		    put_node(p, n, path.data, err) < 0)
			return -1;
	}
	return 0;
}

static int put_heredoc(struct placing *p, const char *path, struct error *err)
{
	const struct inline_file *file = p->src->heredoc;
	struct entry meta = {
		.type = ENTRY_FILE,
		.mode = HEREDOC_MODE,
		.size = file->len,
		.mtime = p->how->policy.now,
	};
	struct copy_bytes bytes = {
		.data = file->content ? file->content : "",
		.fd = -1,
	};

	return copy_dest_put(p->dest, path, &meta, &bytes, &p->how->policy,
			     err);
}

/* A file, or a heredoc, at its final place. */
static int put_file(struct placing *p, const char *path, struct error *err)
{
	if (!p->src->top)
		return put_heredoc(p, path, err);
	return put_node(p, p->src->top, path, err);
}

/* --parents: the source's directories are made again below the target. */
static int place_with_parents(struct placing *p, struct error *err)
{
	const struct copy_source *src = p->src;
	autofree char *path = NULL;

	if (copy_dest_make_dir(p->dest, p->target, &p->how->policy, err) < 0)
		return -1;
	for (size_t i = 0; i < src->n_parents; i++) {
		autofree char *dir =
			below(p->target, src->parents[i].path, err);

		if (!dir || put_node(p, src->parents[i].node, dir, err) < 0)
			return -1;
	}
	path = below(p->target, src->heredoc ? src->name : src->below, err);
	if (!path)
		return -1;
	if (src->heredoc || src->top->meta.type != ENTRY_DIR)
		return put_file(p, path, err);
	if (*src->below && put_node(p, src->top, path, err) < 0)
		return -1;
	return put_contents(p, path, err);
}

/*
 * Of the directory itself only the time arrives, as in the reference; of the
 * root of a context, which is made for the build there, not even that.
 */
static int place_directory(struct placing *p, struct error *err)
{
	const struct entry *top = &p->src->top->meta;

	if (copy_dest_make_dir(p->dest, p->target, &p->how->policy, err) < 0 ||
	    put_contents(p, p->target, err) < 0)
		return -1;
	if (*top->path || p->timed)
		copy_dest_set_time(p->dest, p->target,
				   *top->path ? top->mtime
					      : p->how->policy.now);
	p->timed = *top->path;
	return 0;
}

static int place_file(struct placing *p, struct error *err)
{
	autofree char *path = NULL;

	if (p->found != COPY_DIR && !p->must_be_dir)
		return put_file(p, p->target, err);
	path = below(p->target, p->src->name, err);
	if (!path ||
	    copy_dest_make_dir(p->dest, p->target, &p->how->policy, err) < 0)
		return -1;
	if (p->timed)
		copy_dest_set_time(p->dest, p->target, p->how->policy.now);
	return put_file(p, path, err);
}

/* 1: it was an archive and is unpacked. */
static int unpack_file(struct placing *p, struct error *err)
{
	struct copy_policy policy = p->how->policy;

	if (p->how->archive_owners)
		policy.chown = false;
	return copy_unpack(p->dest, p->how->unpack, p->src->root, p->src->top,
			   p->target, &policy, err);
}

/* What comes from elsewhere stays packed unless asked for. */
static bool may_unpack(const struct placing *p)
{
	const struct copy_source *src = p->src;

	return p->how->unpack && src->top &&
	       src->top->meta.type == ENTRY_FILE &&
	       (!src->fetched || p->how->args->unpack == UNPACK_YES);
}

static int place_source(struct placing *p, struct error *err)
{
	const struct copy_source *src = p->src;

	if (p->how->args->parents)
		return place_with_parents(p, err);
	if (src->top && src->top->meta.type == ENTRY_DIR)
		return place_directory(p, err);
	if (may_unpack(p)) {
		int unpacked = unpack_file(p, err);

		if (unpacked)
			return unpacked < 0 ? -1 : 0;
	}
	return place_file(p, err);
}

static int check_several(const struct placing *p, struct error *err)
{
	const struct copy_args *args = p->how->args;

	if (args->sources.len + args->n_files < 2 || p->must_be_dir ||
	    p->found == COPY_DIR || args->parents)
		return 0;
	return error_set(err, ERROR_DOCKERFILE,
			 "When using %s with more than one source file, the "
			 "destination must be a directory and end with a /",
			 p->how->keyword);
}

int copy_place(struct copy_dest *d, const struct copy_sources *sources,
	       const struct copy_placing *how, struct error *err)
{
	struct placing p = {
		.dest = d,
		.how = how,
		.sources = sources,
		.must_be_dir = is_dir_form(how->args->dest),
	};

	for (size_t i = 0; i < sources->len; i++) {
		autofree char *target = NULL;

		/* The sources before may have made or changed it. */
		if (copy_dest_resolve(d, how->args->dest, true, &target,
				      &p.found, err) < 0)
			return -1;
		p.target = target;
		p.src = &sources->items[i];
		p.index = i + 1;
		if (i == 0 && check_several(&p, err) < 0)
			return -1;
		if (place_source(&p, err) < 0)
			return -1;
	}
	return 0;
}
