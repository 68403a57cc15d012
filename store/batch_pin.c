/*
 * What a living batch uses is written down in its folder, where the collector
 * reads it. The collector holds the store's lock exclusively from reading that
 * until all garbage is out of the way; a line is written under the lock held
 * shared. So whoever writes first and looks then has either a miss or something
 * that stays.
 */
#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/batch_internal.h"

/*
 * The object that `dest` is or lies in: "layers/sha256/HEX", "snapshots/ID" or
 * "blobs/sha256/HEX"; its length, or 0 for what is never collected.
 */
static size_t object_of(const char *dest)
{
	static const char *const folders[] = { "layers/sha256/", "snapshots/",
					       "blobs/sha256/" };

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		size_t len = strlen(folders[i]);

		if (!strncmp(dest, folders[i], len))
			return len + strcspn(dest + len, "/");
	}
	return 0;
}

static int write_line(struct batch *b, const char *object, size_t len,
		      struct error *err)
{
	AUTO(buf_release) struct buf line = BUF_INIT;

	if (b->pin_file < 0)
		b->pin_file =
			openat(b->fd, BATCH_PINS,
			       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (b->pin_file < 0)
		return error_sys(err, errno, "cannot create '%s/%s'", b->path,
				 BATCH_PINS);
	buf_append(&line, object, len);
	buf_append_char(&line, '\n');
	if (buf_check(&line, "writing to the store", err) < 0)
		return -1;
	return io_write(b->pin_file, line.data, line.len, BATCH_PINS, err);
}

/* Where there is no room for a line, the lock is kept for good. */
static int pin(struct batch *b, const char *object, size_t len,
	       struct error *err)
{
	struct error problem = ERROR_INIT;

	if (map_get(b->pins, object, len))
		return 0;
	if (map_put(b->pins, object, len, b) < 0)
		return error_nomem(err, "writing to the store");
	if (b->keeps_lock)
		return 0;
	if (lock_fd(b->store_lock, LOCK_SHARED, "the store", NULL, err) < 0)
		return -1;
	if (write_line(b, object, len, &problem) < 0)
		b->keeps_lock = true;
	else
		lock_release(b->store_lock);
	return 0;
}

int batch_pin(struct batch *b, const char *dest, struct error *err)
{
	size_t len = object_of(dest);
	int rc;

	if (!len)
		return 0;
	pthread_mutex_lock(&b->pin_lock);
	rc = pin(b, dest, len, err);
	pthread_mutex_unlock(&b->pin_lock);
	return rc;
}
