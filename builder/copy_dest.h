/*
 * The files of a layer while it is put together: new entries over the root
 * that the layer will lie on. Nothing is written before copy_dest_layer().
 *
 * Directories that exist below are entered with their attributes, because a
 * layer that names a file names its parents, too.
 */
#ifndef BUILDER_COPY_DEST_H
#define BUILDER_COPY_DEST_H

#include "builder/file_root.h"
#include "parser/chmod.h"
#include "store/view.h"

struct copy_dest;

/* How entries get their attributes. */
struct copy_policy {
	bool chown; /* else the owner stays as it was found */
	uint32_t uid;
	uint32_t gid;
	const struct chmod_spec *chmod; /* NULL: modes stay */
	struct timespec now; /* time of directories made on the way */
	bool replace;	     /* what is in the way goes: archives, not copies */
};

/* `lower` is the root below, borrowed; NULL for an empty one. */
int copy_dest_new(struct view *lower, struct copy_dest **ret,
		  struct error *err);
void copy_dest_free(struct copy_dest *d);
DEFINE_CLEANUP(struct copy_dest *, copy_dest_free);

enum copy_found {
	COPY_ABSENT,
	COPY_DIR,
	COPY_SYMLINK,
	COPY_OTHER,
};

/*
 * What lies at `path` once its links are followed inside the root, those
 * placed already included; the last component is followed when `follow`.
 * `*resolved` (the caller frees) is the path without links. A link that was
 * placed here and climbs out of the root is ERROR_REFUSED.
 */
int copy_dest_resolve(struct copy_dest *d, const char *path, bool follow,
		      char **resolved, enum copy_found *found,
		      struct error *err);

/* Where the contents of a file come from; all borrowed until the layer is. */
struct copy_bytes {
	struct file_root *root; /* with `node`; or */
	const struct file_node *node;
	const char *data; /* memory; or */
	int fd;		  /* a file, from `offset` on */
	off_t offset;
	uint64_t group[3]; /* the same for names of one file; 0..: one name */
};

/*
 * Make the directory `path` (resolved) and its parents unless they exist;
 * missing ones are 0755 with the policy's owner and the permissions of its
 * octal mode.
 */
int copy_dest_make_dir(struct copy_dest *d, const char *path,
		       const struct copy_policy *policy, struct error *err);

/* The time of something placed or made at `path`; nothing when nothing was. */
void copy_dest_set_time(struct copy_dest *d, const char *path,
			struct timespec mtime);

/*
 * Place `meta` at `path` (resolved parents); strings in it but the path are
 * borrowed. Parents are made. A directory over a directory takes the new
 * attributes. Conflicts between directories and other files are errors,
 * unless the policy says replace.
 */
int copy_dest_put(struct copy_dest *d, const char *path,
		  const struct entry *meta, const struct copy_bytes *bytes,
		  const struct copy_policy *policy, struct error *err);

/* Another name for what was placed at `to`; 0 when nothing was, 1, -1. */
int copy_dest_link(struct copy_dest *d, const char *path, const char *to,
		   const struct copy_policy *policy, struct error *err);

/* Write everything placed as one canonical layer; the empty one if nothing. */
int copy_dest_layer(struct copy_dest *d, struct batch *b, struct layer **ret,
		    struct error *err);

#endif
