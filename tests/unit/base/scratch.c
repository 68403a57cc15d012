#include "tests/unit/base/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"

int scratch_setup(void **state)
{
	const char *base = getenv("TMPDIR");
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	snprintf(s->path, sizeof(s->path), "%s/shale-unit.XXXXXX",
		 base ? base : "/tmp");
	if (!mkdtemp(s->path))
		return -1;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = s;
	return s->fd < 0 ? -1 : 0;
}

int scratch_teardown(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	int ret = io_remove_tree(AT_FDCWD, s->path, &err);

	close(s->fd);
	free(s);
	return ret;
}

void make_file(int fd, const char *path, const char *contents)
{
	autoclose int file = openat(
		fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct error err = ERROR_INIT;

	if (file < 0 ||
	    io_write(file, contents, strlen(contents), path, &err) < 0)
		fail_msg("cannot make the file %s: %s", path, strerror(errno));
}

void make_dir(int fd, const char *path)
{
	if (mkdirat(fd, path, 0755) < 0)
		fail_msg("cannot make %s: %s", path, strerror(errno));
}

void make_link(int fd, const char *path, const char *target)
{
	if (symlinkat(target, fd, path) < 0)
		fail_msg("cannot link %s: %s", path, strerror(errno));
}

char *read_text(int fd, const char *path)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	if (io_read_file(fd, path, 1 << 20, &text, &err) < 0)
		fail_msg("cannot read %s: %s", path, err.text);
	return buf_steal(&text);
}

unsigned count_entries(int fd, const char *path)
{
	autodir DIR *dir = NULL;
	struct dirent *e;
	unsigned n = 0;
	int copy = openat(fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(copy >= 0);
	dir = fdopendir(copy);
	assert_non_null(dir);
	while ((e = readdir(dir)))
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	return n;
}
