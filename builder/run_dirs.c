#include "builder/run_dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "store/base/io.h"

#define ROOT_MODE 0755

/*
 * Upper and work directories that nobody needs any more are empty, or next to
 * it, and go with the batch's folder. Removing them one by one would hold up
 * every step: file systems wait for the disk, and ext4 passes over each inode
 * freed a moment ago when it looks for the next. Scratch may be large.
 */
void run_dirs_release(struct run_dirs *d)
{
	struct error ignored = ERROR_INIT;

	if (d->scratch)
		io_remove_tree(batch_fd(d->batch), d->scratch, &ignored);
	free(d->upper);
	free(d->work);
	free(d->scratch);
	free(d->upper_path);
	free(d->work_path);
	free(d->scratch_path);
}

static int make_dir(struct batch *b, const char *prefix, char **name,
		    char **path, struct error *err)
{
	*name = batch_fresh_name(b, prefix, err);
	if (!*name)
		return -1;
	if (asprintf(path, "%s/%s", batch_path(b), *name) < 0) {
		*path = NULL;
		return error_nomem(err, "the folders of a step");
	}
	if (mkdirat(batch_fd(b), *name, ROOT_MODE) < 0)
		return error_sys(err, errno, "cannot make '%s'", *path);
	return 0;
}

/* What is of no use to a second container. */
static int make_own(struct run_dirs *d, bool with_scratch, struct error *err)
{
	if (make_dir(d->batch, "work", &d->work, &d->work_path, err) < 0)
		return -1;
	return with_scratch ? make_dir(d->batch, "scratch", &d->scratch,
				       &d->scratch_path, err)
			    : 0;
}

/* The upper directory's attributes become those of "/". */
static int dress_root(const struct run_dirs *d, struct view *view,
		      struct error *err)
{
	AUTO(view_node_release) struct view_node root = { 0 };
	int found = view_lookup(view, "", true, &root, NULL, err);
	const struct entry *e = &root.meta.entry;

	if (found < 0)
		return -1;
	if (found && (e->uid || e->gid) &&
	    fchownat(batch_fd(d->batch), d->upper, e->uid, e->gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, errno, "cannot give '%s' an owner",
				 d->upper_path);
	if (fchmodat(batch_fd(d->batch), d->upper, found ? e->mode : ROOT_MODE,
		     0) < 0)
		return error_sys(err, errno, "cannot give '%s' a mode",
				 d->upper_path);
	return 0;
}

int run_dirs_make(struct batch *b, struct view *root, bool with_scratch,
		  struct run_dirs *d, struct error *err)
{
	d->batch = b;
	if (make_dir(b, "upper", &d->upper, &d->upper_path, err) < 0 ||
	    make_own(d, with_scratch, err) < 0)
		return -1;
	return dress_root(d, root, err);
}

static void swap(char **a, char **b)
{
	char *kept = *a;

	*a = *b;
	*b = kept;
}

int run_dirs_renew(struct run_dirs *d, struct error *err)
{
	AUTO(run_dirs_release) struct run_dirs other = { .batch = d->batch };

	if (make_own(&other, d->scratch, err) < 0)
		return -1;
	swap(&d->work, &other.work);
	swap(&d->work_path, &other.work_path);
	swap(&d->scratch, &other.scratch);
	swap(&d->scratch_path, &other.scratch_path);
	return 0;
}
