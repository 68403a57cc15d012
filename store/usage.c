#include "store/usage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/gc_mark.h"
#include "store/names.h"

#define DEPTH_MAX 64

/* Disk space of a file or tree; a share of it for one of several names. */
static uint64_t measure(int parent, const char *name, unsigned depth)
{
	autodir DIR *dir = NULL;
	struct dirent *e;
	struct stat st;
	uint64_t sum;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	sum = (uint64_t)st.st_blocks * 512;
	if (!S_ISDIR(st.st_mode))
		return sum / (st.st_nlink ? st.st_nlink : 1);
	/* Deeper than anything honest, it is not worth the descriptors. */
	if (depth > DEPTH_MAX)
		return sum;
	dir = io_open_dir(parent, name);
	while (dir && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			sum += measure(dirfd(dir), e->d_name, depth + 1);
	return sum;
}

uint64_t usage_of(int dirfd, const char *name)
{
	return measure(dirfd, name, 0);
}

/* Entries of a folder, `marks` telling which are needed. */
static int add_folder(struct store *s, const char *path,
		      const struct gc_marks *marks, enum gc_kind kind,
		      struct usage_line *line, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(s), path);
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot list '%s'", path);
	while ((rc = io_next_entry(dir, path, &name, err)) > 0) {
		uint64_t bytes;

		if (*name == '.')
			continue;
		bytes = usage_of(dirfd(dir), name);
		line->n++;
		line->bytes += bytes;
		if (!marks || !gc_is_marked(marks, kind, name))
			line->free_bytes += bytes;
	}
	return rc;
}

static int count_images(struct store *s, uint64_t *ret, struct error *err)
{
	struct name_record *names = NULL;
	size_t n = 0, i;
	int done = names_list(s, &names, &n, err);

	for (i = 0; i < n; i++)
		name_record_release(&names[i]);
	free(names);
	*ret = n;
	return done;
}

int store_usage(struct store *s, struct usage *ret, struct error *err)
{
	AUTO(gc_marks_free) struct gc_marks *marks = NULL;
	struct usage u = { 0 };

	if (gc_mark(s, NULL, NULL, &marks, err) < 0 ||
	    count_images(s, &u.n_names, err) < 0 ||
	    add_folder(s, "layers/sha256", marks, GC_LAYER, &u.packed, err) <
		    0 ||
	    add_folder(s, "snapshots", marks, GC_SNAPSHOT, &u.trees, err) < 0 ||
	    add_folder(s, "blobs/sha256", marks, GC_BLOB, &u.blobs, err) < 0 ||
	    add_folder(s, "cache", NULL, GC_LAYER, &u.steps, err) < 0 ||
	    add_folder(s, "files", NULL, GC_LAYER, &u.files, err) < 0 ||
	    add_folder(s, "mounts", NULL, GC_LAYER, &u.mounts, err) < 0)
		return -1;
	*ret = u;
	return 0;
}

uint64_t usage_total(const struct usage *u)
{
	return u->packed.bytes + u->trees.bytes + u->blobs.bytes +
	       u->steps.bytes + u->files.bytes + u->mounts.bytes;
}
