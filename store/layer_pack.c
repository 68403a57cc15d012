/* The canonical stream of a layer, made from its tree or its tar. */
#include <fcntl.h>
#include <string.h>

#include "store/layer_internal.h"
#include "store/tar_index.h"
#include "store/tree_tar.h"

static int pack_tree(struct layer *l, const int64_t *clamp, struct sink *to,
		     struct error *err)
{
	struct store *store = batch_store(l->batch);
	AUTO(tar_writer_free) struct tar_writer *writer = NULL;
	AUTO(tree_free) struct tree *tree = NULL;
	int fd = layer_open_held(l, O_RDONLY, err);

	if (fd < 0)
		return -1;
	if (tree_new(fd, store_overlay_xattr_prefix(store), &tree, err) < 0 ||
	    tar_writer_new(to, clamp, &writer, err) < 0 ||
	    tree_to_tar(tree, writer, err) < 0)
		return -1;
	return tar_writer_finish(writer, err);
}

static int copy_tar(int fd, struct sink *to, struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	char buf[65536];
	ssize_t n;

	if (stream_from_fd(fd, false, 0, UINT64_MAX, &from, err) < 0)
		return -1;
	while ((n = stream_read(from, buf, sizeof(buf), err)) > 0)
		if (sink_write(to, buf, (size_t)n, err) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

static bool has_sparse_entry(const struct tar_index *x)
{
	const struct tar_index_entry *items;
	size_t n, i;

	items = tar_index_entries(x, &n);
	for (i = 0; i < n; i++)
		if (items[i].sparse)
			return true;
	return false;
}

static int write_entries(const struct tar_index *x, int fd,
			 const int64_t *clamp, struct sink *to,
			 struct error *err)
{
	AUTO(tar_writer_free) struct tar_writer *w = NULL;
	const struct tar_index_entry *items;
	size_t n, i;

	items = tar_index_entries(x, &n);
	if (tar_writer_new(to, clamp, &w, err) < 0)
		return -1;
	for (i = 0; i < n; i++)
		if (tar_writer_entry(w, &items[i].entry, fd, items[i].offset,
				     err) < 0)
			return -1;
	return tar_writer_finish(w, err);
}

/* Sparse files do not lie in one piece: their layer is packed as a tree. */
static int clamp_tar(struct layer *l, int fd, const int64_t *clamp,
		     struct sink *to, struct error *err)
{
	AUTO(tar_index_free) struct tar_index *x = NULL;

	if (tar_index_read(fd, &x, err) < 0)
		return -1;
	if (has_sparse_entry(x))
		return pack_tree(l, clamp, to, err);
	return write_entries(x, fd, clamp, to, err);
}

/* Tars are ours, so that packing one again would give the same bytes. */
int layer_pack(struct layer *l, const int64_t *clamp, struct sink *to,
	       struct error *err)
{
	autoclose int fd = -1;
	uint64_t size;

	if (l->has_diff_id) {
		fd = layer_open_tar(l, &size, err);
		if (fd < 0 && err->kind != ERROR_NOT_FOUND)
			return -1;
	}
	if (fd >= 0)
		return clamp ? clamp_tar(l, fd, clamp, to, err)
			     : copy_tar(fd, to, err);
	/* Bytes from elsewhere are as they are, unless times are rewritten. */
	if (!l->snapshot && !clamp)
		return error_set(err, ERROR_NOT_FOUND,
				 "layer %s has neither tree nor tar",
				 l->diff_id.text);
	return pack_tree(l, clamp, to, err);
}

static int damaged(const struct layer *l, const char *now, struct error *err)
{
	return error_set(err, ERROR_INTEGRITY,
			 "snapshot %s is damaged: its layer is now %s, not %s; "
			 "remove it with `shale prune --all`",
			 l->snapshot ? l->snapshot : "?", now, l->diff_id.text);
}

static int learn_diff_id(struct layer *l, const struct digest *diff_id,
			 struct checksum checksum, struct error *err)
{
	if (l->has_diff_id)
		return digest_equal(&l->diff_id, diff_id)
			       ? 0
			       : damaged(l, diff_id->text, err);
	l->diff_id = *diff_id;
	l->size = (int64_t)checksum.size_bytes;
	l->checksum = checksum;
	l->has_diff_id = l->has_checksum = true;
	/* In this order: the snapshot's leads to the layer, which is then
	 * there. */
	if (layer_write_tree_record(l, err) < 0 ||
	    layer_write_snapshot_record(l, err) < 0) {
		l->has_diff_id = l->has_checksum = false;
		return -1;
	}
	return 0;
}

/* It was hashed when its diffID came about: is it still what it was then? */
static int pack_checked(struct layer *l, struct sink *to,
			struct digest *diff_id, struct error *err)
{
	AUTO(sink_free) struct sink *checksum = NULL;
	AUTO(sink_free) struct sink *both = NULL;

	if (sink_checksum(&checksum, err) < 0 ||
	    sink_tee(checksum, to, &both, err) < 0 ||
	    layer_pack(l, NULL, both, err) < 0 || sink_finish(both, err) < 0)
		return -1;
	if (!checksum_equal(sink_checksum_result(checksum), l->checksum))
		return damaged(l, "something else", err);
	*diff_id = l->diff_id;
	return 0;
}

int layer_pack_known(struct layer *l, const int64_t *clamp, struct sink *to,
		     struct digest *diff_id, struct error *err)
{
	AUTO(sink_free) struct sink *hash = NULL;
	AUTO(sink_free) struct sink *both = NULL;

	if (l->has_checksum && !clamp)
		return pack_checked(l, to, diff_id, err);
	if (sink_hash(&hash, err) < 0 || sink_tee(hash, to, &both, err) < 0 ||
	    layer_pack(l, clamp, both, err) < 0 || sink_finish(both, err) < 0)
		return -1;
	sink_hash_result(hash, diff_id, NULL);
	return clamp ? 0
		     : learn_diff_id(l, diff_id, sink_hash_checksum(hash), err);
}

int layer_need_diff_id(struct layer *l, struct error *err)
{
	AUTO(sink_free) struct sink *hash = NULL;
	struct digest diff_id;

	if (sink_hash(&hash, err) < 0 || layer_pack(l, NULL, hash, err) < 0 ||
	    sink_finish(hash, err) < 0)
		return -1;
	sink_hash_result(hash, &diff_id, NULL);
	return learn_diff_id(l, &diff_id, sink_hash_checksum(hash), err);
}
