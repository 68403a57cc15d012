/* Archives that become build contexts. */
#include <fcntl.h>

#include "builder/context_place.h"
#include "store/base/io.h"
#include "store/tar.h"
#include "store/tree.h"

static int unpack_entries(struct tree *tree, struct tar_reader *tar,
			  struct error *err)
{
	const struct entry *found;
	struct stream *contents;
	int more;

	while ((more = tar_reader_next(tar, &found, &contents, err)) > 0) {
		struct entry e = *found;

		/* Ids of another machine may not even exist here. */
		e.uid = e.gid = 0;
		if (tree_put(tree, &e, contents, err) < 0)
			return error_wrap(err, "'%s'", e.path);
	}
	if (more < 0)
		return -1;
	return tree_finish(tree, err);
}

static int unpack_into(struct batch *b, struct stream *from, int dir,
		       struct error *err)
{
	const char *prefix = store_overlay_xattr_prefix(batch_store(b));
	AUTO(tar_reader_free) struct tar_reader *tar = NULL;
	AUTO(tree_free) struct tree *tree = NULL;
	int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);

	if (own < 0) {
		stream_free(from);
		return error_sys(err, errno, "unpacking");
	}
	if (tree_new(own, prefix, &tree, err) < 0) {
		stream_free(from);
		return -1;
	}
	tree_set_links(tree, TREE_LINKS_REFUSE);
	if (tar_reader_new(from, false, &tar, err) < 0)
		return -1;
	return unpack_entries(tree, tar, err);
}

int context_unpack(struct batch *b, struct stream *tar,
		   struct context_place *ret, struct error *err)
{
	autofree char *path = NULL;
	autoclose int dir = -1;

	if (fetch_make_dir(b, "context", &path, &dir, err) < 0) {
		stream_free(tar);
		return -1;
	}
	if (unpack_into(b, tar, dir, err) < 0) {
		struct error ignored;

		/* A full disk gets its space back at once. */
		io_remove_tree(AT_FDCWD, path, &ignored);
		return error_wrap(err, "unpacking the build context");
	}
	ret->fd = steal_fd(&dir);
	ret->path = steal_pointer(&path);
	return 0;
}
