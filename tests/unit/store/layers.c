#include "tests/unit/store/layers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"

/* Write one line of layer_of_text(); changes it. */
static void write_line(struct tar_writer *w, char *line, int64_t times)
{
	char *path = line + 2, *data = strchr(path, ' ');
	const char *letter = strchr(entry_letters, line[0]);
	struct error err = ERROR_INIT;
	struct entry e = { .path = path, .mode = 0644, .mtime = { times, 0 } };

	assert_non_null(letter);
	e.type = (enum entry_type)(letter - entry_letters);
	if (e.type == ENTRY_DIR)
		e.mode = 0755;
	if (e.type == ENTRY_SYMLINK)
		e.mode = 0777;
	if (data)
		*data++ = '\0';
	e.link = data;
	if (e.type == ENTRY_FILE && data)
		e.size = strlen(data);
	expect_ok(tar_writer_entry_data(w, &e, data, &err), &err);
}

struct layer *layer_of_text(struct place *p, const char *text, int64_t times)
{
	AUTO(buf_release) struct buf tar = BUF_INIT;
	AUTO(sink_free) struct sink *to = sink_to_buf(&tar);
	AUTO(tar_writer_free) struct tar_writer *w = NULL;
	autofree char *copy = strdup(text);
	struct error err = ERROR_INIT;
	autofree char *name = batch_fresh_name(p->batch, "tar", &err);
	struct layer *l = NULL;
	struct digest digest;
	char *line, *rest = copy;

	expect_ok(tar_writer_new(to, NULL, &w, &err), &err);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			write_line(w, line, times);
	expect_ok(tar_writer_finish(w, &err), &err);
	expect_ok(io_replace_file(batch_fd(p->batch), name, tar.data, tar.len,
				  0600, false, &err),
		  &err);
	digest_bytes(tar.data, tar.len, &digest);
	expect_ok(layer_from_tar(p->batch, name, &digest, &l, &err), &err);
	return l;
}

static struct tree *open_tree(struct place *p, int dirfd, const char *path)
{
	struct error err = ERROR_INIT;
	struct tree *t = NULL;
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	expect_ok(tree_new(fd, store_overlay_xattr_prefix(p->store), &t, &err),
		  &err);
	return t;
}

struct tree *upper_in_batch(struct place *p, const char *name)
{
	make_dir(batch_fd(p->batch), name);
	return open_tree(p, batch_fd(p->batch), name);
}

char *describe_layer(struct place *p, struct layer *l)
{
	AUTO(tree_free) struct tree *t = NULL;
	struct error err = ERROR_INIT;
	autoclose int fd = layer_open_tree(l, O_PATH, &err);

	expect_ok(fd < 0 ? -1 : 0, &err);
	t = open_tree(p, fd, ".");
	return describe_tree(t);
}

static int describe(void *ctx, struct view *v, const struct view_node *node,
		    struct error *err)
{
	const struct entry *e = &node->meta.entry;
	struct buf *out = ctx;

	if (!*e->path)
		return 0;
	buf_printf(out, "%c %s", entry_letters[e->type], e->path);
	if (e->type == ENTRY_SYMLINK)
		buf_printf(out, " -> %s", e->link);
	if (e->type == ENTRY_FILE && e->size > 0 && e->size < 100) {
		off_t offset;
		autoclose int fd = view_open_file(v, node, &offset, err);
		char data[100];

		if (fd < 0 || io_pread(fd, data, e->size, offset, e->path,
				       err) != (ssize_t)e->size)
			return -1;
		buf_append_str(out, " = ");
		buf_append(out, data, e->size);
	}
	buf_append_char(out, '\n');
	return 0;
}

char *describe_view(struct view *v)
{
	struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	expect_ok(view_walk(v, "", describe, &out, &err), &err);
	return buf_steal(&out);
}
