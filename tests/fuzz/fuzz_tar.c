/*
 * Any bytes as a tar: read as a layer and as an archive, extracted into a
 * tree beside a canary, and looked at as a canonical tar of ours.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/tar_index.h"
#include "store/tree_tar.h"

/* Files that claim more are only listed. */
#define EXTRACT_MAX ((uint64_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_clean(const char *path)
{
	const char *at = path;

	while (*at) {
		size_t len = strcspn(at, "/");

		if (len == 0 || (len == 1 && at[0] == '.') ||
		    (len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
		at += len;
		if (*at == '/' && !*++at)
			return false;
	}
	return true;
}

static void check_entry(const struct entry *e)
{
	assert(is_clean(e->path));
	assert(*e->path || e->type == ENTRY_OPAQUE);
	assert(e->type != ENTRY_HARDLINK || is_clean(e->link));
	assert(e->type != ENTRY_SYMLINK || *e->link);
	assert((e->mode & ~07777U) == 0);
}

/* Holes and bytes together are as long as the entry says. */
static void check_contents(const struct entry *e, struct stream *contents)
{
	static char buf[65536];
	struct error err = ERROR_INIT;
	uint64_t all = 0, hole;
	ssize_t n = 0;

	do {
		if (stream_skip_hole(contents, &hole, &err) < 0)
			return;
		all += hole;
		n = stream_read(contents, buf, sizeof(buf), &err);
		all += n > 0 ? (uint64_t)n : 0;
	} while (n > 0);
	assert(n < 0 || all == e->size);
}

/* Returns whether everything is small enough to be extracted. */
static bool check_listing(const uint8_t *data, size_t size, bool layer)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	struct stream *from = NULL, *contents;
	struct error err = ERROR_INIT;
	const struct entry *e;
	bool small = true;

	if (stream_from_memory(data, size, &from, &err) < 0 ||
	    tar_reader_new(from, layer, &r, &err) < 0)
		return false;
	while (tar_reader_next(r, &e, &contents, &err) > 0) {
		check_entry(e);
		if (e->type == ENTRY_FILE)
			check_contents(e, contents);
		small &= e->size <= EXTRACT_MAX;
	}
	return small;
}

static int ignore_entry(void *ctx, const struct tree_entry *e, int dirfd,
			const char *name, struct error *err)
{
	(void)ctx;
	(void)e;
	(void)dirfd;
	(void)name;
	(void)err;
	return 0;
}

/* Whatever the tar tries, it stays in its tree. */
static void check_extraction(const uint8_t *data, size_t size,
			     enum tree_links links)
{
	/* In memory: thousands of directories a second. */
	char shm[] = "/dev/shm/shale-fuzz.XXXXXX",
	     tmp[] = "/tmp/shale-fuzz.XXXXXX";
	char *dir = mkdtemp(shm) ? shm : mkdtemp(tmp);
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	AUTO(tree_free) struct tree *t = NULL;
	struct stream *from = NULL;
	struct error err = ERROR_INIT;
	autoclose int top = -1;
	struct stat st;

	assert(dir);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(mkdirat(top, "t", 0755) == 0);
	assert(mknodat(top, "canary", S_IFREG | 0640, 0) == 0);
	assert(tree_new(openat(top, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			"user.", &t, &err) == 0);
	tree_set_links(t, links);
	if (stream_from_memory(data, size, &from, &err) == 0 &&
	    tar_reader_new(from, true, &r, &err) == 0)
		tree_from_tar(t, r, &err);
	tree_walk(t, ignore_entry, NULL, &err);

	assert(fstatat(top, "canary", &st, AT_SYMLINK_NOFOLLOW) == 0);
	assert(st.st_mode == (S_IFREG | 0640) && st.st_nlink == 1 &&
	       st.st_size == 0);
	assert(fstat(top, &st) == 0 && st.st_nlink == 3);
	assert(io_remove_tree(AT_FDCWD, dir, &err) == 0);
}

static void check_index(const uint8_t *data, size_t size)
{
	AUTO(tar_index_free) struct tar_index *x = NULL;
	autoclose int fd = memfd_create("tar", MFD_CLOEXEC);
	struct error err = ERROR_INIT;
	const struct tar_index_entry *items;
	size_t n, i;

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (tar_index_read(fd, &x, &err) < 0)
		return;
	items = tar_index_entries(x, &n);
	for (i = 1; i < n; i++)
		assert(entry_path_compare(items[i - 1].entry.path,
					  items[i].entry.path) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_listing(data, size, false);
	check_index(data, size);
	if (check_listing(data, size, true)) {
		check_extraction(data, size, TREE_LINKS_CONFINE);
		check_extraction(data, size, TREE_LINKS_REFUSE);
	}
	return 0;
}
