#include "store/layout_unpack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/digest.h"
#include "store/tar.h"

#define MEMBERS_MAX 100000
#define BLOBS	    "blobs/sha256/"

static bool belongs(const struct entry *e)
{
	size_t prefix = strlen(BLOBS);

	if (e->type != ENTRY_FILE)
		return false;
	if (!strcmp(e->path, "index.json") || !strcmp(e->path, "oci-layout"))
		return true;
	return !strncmp(e->path, BLOBS, prefix) &&
	       strlen(e->path) == prefix + DIGEST_HEX_LEN &&
	       strspn(e->path + prefix, "0123456789abcdef") == DIGEST_HEX_LEN;
}

static int write_member(int dir, const char *path, struct stream *contents,
			struct error *err)
{
	AUTO(sink_free) struct sink *to = NULL;
	autoclose int fd = openat(
		dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);

	if (fd < 0 && errno == EEXIST)
		return error_set(err, ERROR_REFUSED,
				 "the archive has '%s' twice", path);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s'", path);
	if (sink_to_fd(fd, path, &to, err) < 0 ||
	    stream_copy(contents, to, err) < 0)
		return -1;
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%s'", path);
	return 0;
}

int layout_unpack(int fd, int dir, struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *tar = NULL;
	const struct entry *e;
	struct stream *contents;
	unsigned members = 0;
	int more;

	if (mkdirat(dir, "blobs", 0700) < 0 ||
	    mkdirat(dir, "blobs/sha256", 0700) < 0)
		return error_sys(err, errno, "cannot make a folder");
	if (tar_reader_open(fd, &tar, err) < 0)
		return -1;
	while ((more = tar_reader_next(tar, &e, &contents, err)) > 0) {
		if (++members > MEMBERS_MAX)
			return error_set(err, ERROR_REFUSED,
					 "the archive has more than %d members",
					 MEMBERS_MAX);
		if (belongs(e) && write_member(dir, e->path, contents, err) < 0)
			return -1;
	}
	return more;
}
