/* Owners, modes, attributes and times onto files of a tree. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/idmap.h"
#include "store/tree_attrs.h"
#include "store/tree_private.h"
#include "store/xattr_rules.h"

static int owner_error(int sys, const struct entry *e, struct error *err)
{
	if (sys == EINVAL)
		return error_sys(err, sys,
				 "owner %u:%u of '%.200s' is not mapped in "
				 "this user namespace; give this user a larger "
				 "range in /etc/subuid and /etc/subgid",
				 e->uid, e->gid, e->path);
	return error_sys(err, sys, "cannot give '%.200s' to %u:%u", e->path,
			 e->uid, e->gid);
}

/*
 * With one id, all that an image gives to others stays ours, and says so. A
 * link cannot hold a note, and with more ids there should be enough.
 */
static int note_owner(const struct tree_file *f, const struct entry *e, int sys,
		      struct error *err)
{
	char text[32];

	if (sys != EINVAL || e->type == ENTRY_SYMLINK || !idmap_is_single())
		return owner_error(sys, e, err);
	snprintf(text, sizeof(text), "%u:%u", e->uid, e->gid);
	if (tree_xattr_set(f, TREE_NOTE_OWNER, text, strlen(text), err) < 0)
		return error_wrap(err, "noting the owner of '%.200s'", e->path);
	return 0;
}

/* What a file system or a user namespace may refuse without harm. */
static bool is_tolerated(const char *name, int sys)
{
	if (sys == ENOTSUP)
		return true;
	return sys == EPERM && !strncmp(name, "user.", strlen("user."));
}

static int set_xattrs(const struct tree_file *f, const struct entry *e,
		      struct error *err)
{
	size_t i;

	for (i = 0; i < e->n_xattrs; i++) {
		const struct xattr *x = &e->xattrs[i];

		if (!xattr_is_kept(x->name) ||
		    tree_xattr_set(f, x->name, x->value, x->size, err) == 0)
			continue;
		if (!is_tolerated(x->name, err->sys))
			return error_wrap(err, "'%.200s'", e->path);
		error_clear(err);
	}
	return 0;
}

static bool has_xattr(const struct entry *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->n_xattrs; i++)
		if (!strcmp(e->xattrs[i].name, name))
			return true;
	return false;
}

int tree_drop_xattrs(const struct tree_file *f, const struct entry *e,
		     struct error *err)
{
	autofree char *names = NULL;
	size_t len, i;

	if (tree_xattr_list(f, &names, &len, err) < 0)
		return -1;
	for (i = 0; i < len; i += strlen(names + i) + 1)
		if (xattr_is_kept(names + i) && !has_xattr(e, names + i) &&
		    tree_xattr_remove(f, names + i, err) < 0)
			return -1;
	return 0;
}

/*
 * A new file mostly is what it should be. Looking costs a tenth of setting what
 * is there already.
 */
static int set_owner_and_mode(const struct tree_file *f, const struct entry *e,
			      struct error *err)
{
	mode_t mode = e->mode & 07777;
	bool owned;
	struct stat st;

	if (fstat(f->fd, &st) < 0)
		return error_sys(err, errno, "cannot examine '%.200s'",
				 e->path);
	owned = st.st_uid == e->uid && st.st_gid == e->gid;
	if (!owned && fchown(f->fd, e->uid, e->gid) < 0 &&
	    note_owner(f, e, errno, err) < 0)
		return -1;
	if ((!owned || (st.st_mode & 07777) != mode) && fchmod(f->fd, mode) < 0)
		return error_sys(err, errno, "cannot set the mode of '%.200s'",
				 e->path);
	return 0;
}

/*
 * The order matters: a change of owner clears the set-id bits and file
 * capabilities, and everything but the last step changes times.
 */
int tree_set_fd_attrs(const struct tree_file *f, const struct entry *e,
		      struct error *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };

	if (set_owner_and_mode(f, e, err) < 0 || set_xattrs(f, e, err) < 0)
		return -1;
	/* What is put into a directory changes its time: that comes last. */
	if (e->type != ENTRY_DIR && futimens(f->fd, times) < 0)
		return error_sys(err, errno, "cannot set the time of '%.200s'",
				 e->path);
	return 0;
}

int tree_set_name_attrs(const struct tree_file *f, const struct entry *e,
			struct error *err)
{
	const struct timespec times[2] = { e->mtime, e->mtime };

	if (fchownat(f->dirfd, f->name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) <
		    0 &&
	    note_owner(f, e, errno, err) < 0)
		return -1;
	/* Links have no mode; nothing else was made that fchmodat() follows. */
	if (e->type != ENTRY_SYMLINK &&
	    fchmodat(f->dirfd, f->name, e->mode & 07777, 0) < 0)
		return error_sys(err, errno, "cannot set the mode of '%.200s'",
				 e->path);
	if (set_xattrs(f, e, err) < 0)
		return -1;
	if (utimensat(f->dirfd, f->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot set the time of '%.200s'",
				 e->path);
	return 0;
}
