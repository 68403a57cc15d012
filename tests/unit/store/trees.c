#include "tests/unit/store/trees.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/store/place.h"

const char entry_letters[] = "fdlhcbpwo";

/* As root "trusted." would do; "user." does everywhere. */
#define XATTR_PREFIX "user."

struct tree *tree_in(int dirfd, const char *name)
{
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	int fd;

	if (mkdirat(dirfd, name, 0755) < 0)
		fail_msg("cannot make %s: %s", name, strerror(errno));
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	expect_ok(tree_new(fd, XATTR_PREFIX, &t, &err), &err);
	return t;
}

void tar_of_tree(struct tree *t, struct buf *tar)
{
	AUTO(sink_free) struct sink *to = sink_to_buf(tar);
	AUTO(tar_writer_free) struct tar_writer *w = NULL;
	struct error err = ERROR_INIT;

	expect_ok(tar_writer_new(to, NULL, &w, &err), &err);
	expect_ok(tree_to_tar(t, w, &err), &err);
	expect_ok(tar_writer_finish(w, &err), &err);
}

int extract_tar(struct tree *t, const struct buf *tar, struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	struct stream *from = stream_in_steps(tar->data, tar->len, 4000);

	if (tar_reader_new(from, true, &r, err) < 0)
		return -1;
	return tree_from_tar(t, r, err);
}

static void append_contents(struct buf *out, int dirfd, const char *name)
{
	autoclose int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	char data[512];
	ssize_t n = read(fd, data, sizeof(data));

	buf_append_str(out, " = ");
	if (n > 0)
		buf_append(out, data, (size_t)n);
}

static int describe(void *ctx, const struct tree_entry *e, int dirfd,
		    const char *name, struct error *err)
{
	struct buf *out = ctx;

	(void)err;
	buf_printf(out, "%c %o %u:%u %s", entry_letters[e->entry.type],
		   e->entry.mode, e->entry.uid, e->entry.gid, e->entry.path);
	if (e->opaque)
		buf_append_str(out, " opaque");
	if (e->entry.link)
		buf_printf(out, " -> %s", e->entry.link);
	if (e->entry.type == ENTRY_CHAR || e->entry.type == ENTRY_BLOCK)
		buf_printf(out, " %u,%u", e->entry.dev_major,
			   e->entry.dev_minor);
	if (e->entry.type == ENTRY_FILE && e->entry.size > 0)
		append_contents(out, dirfd, name);
	buf_append_char(out, '\n');
	return 0;
}

char *describe_tree(struct tree *t)
{
	struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	expect_ok(tree_walk(t, describe, &out, &err), &err);
	return buf_steal(&out);
}

void put_entry(struct tree *t, enum entry_type type, const char *path,
	       const char *data)
{
	AUTO(stream_free) struct stream *contents = NULL;
	struct error err = ERROR_INIT;
	struct entry e = { .path = path, .type = type, .mode = 0644 };

	if (type == ENTRY_DIR)
		e.mode = 0755;
	if (type == ENTRY_SYMLINK || type == ENTRY_HARDLINK)
		e.link = data;
	else if (data)
		expect_ok(
			stream_from_memory(data, strlen(data), &contents, &err),
			&err);
	expect_ok(tree_put(t, &e, contents, &err), &err);
}
