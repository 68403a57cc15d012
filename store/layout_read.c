#include "store/layout_read.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/layout_index.h"

/* Only a regular file: a FIFO or device would stall us. */
static int open_file(int dir, const char *path, struct error *err)
{
	autoclose int fd =
		confined_open(dir, path, O_RDONLY | O_NONBLOCK, 0, err);

	if (fd < 0) {
		if (err->sys == ENOENT)
			err->kind = ERROR_NOT_FOUND;
		return -1;
	}
	return io_check_regular(fd, path, err) < 0 ? -1 : steal_fd(&fd);
}

int layout_open_blob(int dir, const struct digest *digest, struct error *err)
{
	char path[sizeof("blobs/sha256/") + DIGEST_HEX_LEN];

	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(digest));
	return open_file(dir, path, err);
}

int layout_read_index(int dir, struct manifest **ret, struct error *err)
{
	AUTO(manifest_free) struct manifest *index = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT;
	autoclose int fd = open_file(dir, "index.json", err);

	if (fd < 0 ||
	    io_read_all(fd, MANIFEST_MAX, "index.json", &text, err) < 0 ||
	    manifest_parse(text.data ? text.data : "", text.len, NULL, &index,
			   err) < 0)
		return -1;
	if (!index->is_index)
		return error_set(err, ERROR_INTEGRITY,
				 "index.json is no index");
	*ret = steal_pointer(&index);
	return 0;
}

bool layout_is_named(const struct descriptor *entry, const char *name)
{
	static const char *const notes[] = { NOTE_REF, NOTE_IMAGE_NAME };

	if (!strcmp(entry->digest.text, name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
		const char *value =
			json_get_string(entry->annotations, notes[i]);

		if (value && !strcmp(value, name))
			return true;
	}
	return false;
}
