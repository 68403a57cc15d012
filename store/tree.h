/*
 * Extracted trees, the only place that turns what a file system says into
 * entries and back. Everything that wants an owner, mode, device or xattr of
 * an image file asks here, so that trees whose ownership is kept beside them
 * need no second code path elsewhere.
 *
 * Overlay's forms are understood: a 0:0 character device is a whiteout, the
 * "overlay.opaque" xattr an opaque directory; other overlay.* xattrs and
 * security.selinux are never reported.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/entry.h"
#include "store/stream.h"

struct tree;

/* What to do with an entry whose parent is a link in the tree. */
enum tree_links {
	TREE_LINKS_CONFINE, /* follow it inside the root, as containers do */
	TREE_LINKS_REFUSE,  /* ERROR_REFUSED if it leads out of the root */
};

/*
 * A handle is used by one thread at a time.
 *
 * `root` (taken, also on failure) is the tree's directory; `xattr_prefix` is
 * store_overlay_xattr_prefix(), borrowed.
 */
int tree_new(int root, const char *xattr_prefix, struct tree **ret,
	     struct error *err);
void tree_free(struct tree *t);
DEFINE_CLEANUP(struct tree *, tree_free);

/* TREE_LINKS_CONFINE unless set. */
void tree_set_links(struct tree *t, enum tree_links links);

/* From now on sockets are empty files; they are no entries otherwise. */
void tree_show_sockets(struct tree *t);

/*
 * Asked about every regular file of a walk: is it known to have no extended
 * attributes that an image keeps? Looking for them costs more than the rest.
 * The file's visit follows.
 */
void tree_set_plain(struct tree *t,
		    bool (*is_plain)(void *ctx, const struct stat *st),
		    void *ctx);

/*
 * From now on walks read directories ahead on a second thread, for visits that
 * change nothing and do without `dirfd`, which is -1. `enters` is called on any
 * thread: is a visit of that directory going to let the walk go into it?
 */
void tree_read_ahead(struct tree *t,
		     bool (*enters)(void *ctx, const char *path), void *ctx);

/* The directory; borrowed. */
int tree_fd(const struct tree *t);

/* An entry with storage of its own. */
struct tree_entry {
	struct entry entry;
	bool opaque;	/* a directory that hides what lies below it */
	uint64_t inode; /* names of one file share (device, inode) */
	uint64_t device;
	struct timespec ctime; /* moves with every change, as no mtime does */
	uint32_t n_links;
	char *storage; /* private */
};

void tree_entry_release(struct tree_entry *e);
DEFINE_RELEASE(struct tree_entry, tree_entry_release);

/*
 * Metadata of `path` (cleaned, relative; "" is the root), the last component
 * not followed and links in parents refused: this is a lookup in one tree,
 * where a link may lead into another layer (see view.h). ERROR_NOT_FOUND
 * when absent, also when a parent is no directory. Sockets are reported as
 * absent (but see tree_show_sockets()). Marks of overlayfs that move or split
 * files (redirect, metacopy) are ERROR_REFUSED.
 */
int tree_stat(struct tree *t, const char *path, struct tree_entry *ret,
	      struct error *err);

/* Contents of a regular file (O_RDONLY), found the same way. */
int tree_open_file(struct tree *t, const char *path, struct error *err);

/*
 * Names in a directory with the type readdir() gives (DT_UNKNOWN where it
 * knows none), sorted by bytes. ERROR_NOT_FOUND as for tree_stat().
 */
struct tree_name {
	char *name;
	unsigned char type;
};

struct tree_names {
	struct tree_name *items;
	size_t n;
	char *text; /* private */
};

int tree_list(struct tree *t, const char *path, struct tree_names *ret,
	      struct error *err);
void tree_names_release(struct tree_names *n);
DEFINE_RELEASE(struct tree_names, tree_names_release);

/*
 * Visit everything below the root in canonical order. `dirfd` and `name`
 * reach the file without a path lookup. A callback returns 0 to go on, 1 to
 * skip a directory's contents, -1 with `err` set to stop. It may use the tree
 * and change what it visits: a directory is listed after its visit, and may be
 * removed when it is left. Paths too long for a layer are ERROR_REFUSED.
 */
struct tree_visitor {
	int (*visit)(void *ctx, const struct tree_entry *e, int dirfd,
		     const char *name, struct error *err);
	/* Told of sockets, which are no entries; NULL: not. */
	int (*socket)(void *ctx, const char *path, int dirfd, const char *name,
		      struct error *err);
	/* Called after a directory's contents, the root's too; NULL: not. */
	int (*leave)(void *ctx, const char *path, int dirfd, const char *name,
		     struct error *err);
	void *ctx;
};

int tree_walk_with(struct tree *t, const struct tree_visitor *v,
		   struct error *err);

/* The same with nothing but `visit`. */
int tree_walk(struct tree *t,
	      int (*visit)(void *ctx, const struct tree_entry *e, int dirfd,
			   const char *name, struct error *err),
	      void *ctx, struct error *err);

/*
 * Create or replace `e->path` in the tree. Parents that are missing are made
 * 0755 0:0; parents that are links are followed inside the root only (see
 * tree_set_links). A directory over a directory changes attributes only;
 * anything else replaces. `contents` is read to its end for a file (NULL:
 * empty), its holes stay holes. Directory times are restored by tree_finish().
 *
 * ENTRY_WHITEOUT and ENTRY_OPAQUE take overlay's form. They are about lower
 * layers: what this tree holds under the same name stays, and a directory that
 * meets a whiteout becomes opaque. Devices that may not be made become
 * placeholders which tree_stat() reports as the devices they stand for.
 * Extended attributes that do not belong in an image (xattr_rules.h) are
 * dropped, as are those the file system cannot hold. An owner that is not
 * mapped in the user namespace is ERROR_SYSTEM saying so.
 */
int tree_put(struct tree *t, const struct entry *e, struct stream *contents,
	     struct error *err);

/* Set the directory times that later entries disturbed. */
int tree_finish(struct tree *t, struct error *err);

#endif
