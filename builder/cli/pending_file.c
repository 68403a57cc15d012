#include "builder/cli/pending_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

void pending_file_release(struct pending_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->beside)
		unlink(f->beside);
	free(f->beside);
}
int pending_file_open(struct pending_file *f, const char *path,
		      struct error *err)
{
	struct stat st;

	f->path = path;
	/* A FIFO or device is written to as it is. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		if (asprintf(&f->beside, "%s.XXXXXX", path) < 0) {
			f->beside = NULL;
			return error_nomem(err, "writing an archive");
		}
		f->fd = mkostemp(f->beside, O_CLOEXEC);
	}
	if (f->fd < 0)
		return error_sys(err, errno, "cannot write \"%s\"", path);
	return 0;
}

int pending_file_commit(struct pending_file *f, struct error *err)
{
	mode_t mask = umask(0);

	umask(mask);
	if (f->beside && fchmod(f->fd, 0666 & ~mask) < 0)
		return error_sys(err, errno, "cannot write \"%s\"", f->path);
	/* A full disk may only show up here. */
	if (close(steal_fd(&f->fd)) < 0)
		return error_sys(err, errno, "cannot write \"%s\"", f->path);
	if (f->beside && rename(f->beside, f->path) < 0)
		return error_sys(err, errno, "cannot write \"%s\"", f->path);
	free(steal_pointer(&f->beside));
	return 0;
}
