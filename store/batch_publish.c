/* Making the pending things of a batch durable and visible. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/batch_internal.h"

/* Make the directories above `dest`, which lie in the store. */
static int make_parents(struct batch *b, const char *dest, struct error *err)
{
	autofree char *path = strdup(dest);
	char *slash;

	if (!path)
		return error_nomem(err, "publishing");
	for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(store_fd(b->store), path, 0700) < 0 &&
		    errno != EEXIST)
			return error_sys(err, errno, "cannot make '%s/%s'",
					 store_path(b->store), path);
		*slash = '/';
	}
	return 0;
}

static int write_record(struct batch *b, struct item *item, struct error *err)
{
	autoclose int fd = -1;

	if (!item->name)
		item->name = batch_fresh_name(b, "record", err);
	if (!item->name)
		return -1;
	fd = openat(b->fd, item->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s/%s'", b->path,
				 item->name);
	if (io_write(fd, item->record.data, item->record.len, item->dest, err) <
	    0)
		return -1;
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%s'", item->dest);
	return 0;
}

static int rename_new(int from, const char *name, int to, const char *dest)
{
	if (renameat2(from, name, to, dest, RENAME_NOREPLACE) == 0)
		return 0;
	/* Some network file systems know no flags. */
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (faccessat(to, dest, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, name, to, dest);
}

/*
 * Rename one object into place. One that lost to an object already there may
 * still be in use (as a lower of a running step, say): it goes with the folder.
 */
static int publish_object(struct batch *b, struct item *item, struct error *err)
{
	if (make_parents(b, item->dest, err) < 0)
		return -1;
	if (rename_new(b->fd, item->name, store_fd(b->store), item->dest) < 0 &&
	    errno != EEXIST && errno != ENOTEMPTY)
		return error_sys(err, errno, "cannot publish '%s'", item->dest);
	item->done = true;
	return 0;
}

static int publish_record(struct batch *b, struct item *item, struct error *err)
{
	if (make_parents(b, item->dest, err) < 0)
		return -1;
	if (renameat(b->fd, item->name, store_fd(b->store), item->dest) < 0)
		return error_sys(err, errno, "cannot publish '%s'", item->dest);
	item->done = true;
	return 0;
}

static int flush(struct batch *b, struct error *err)
{
	if (syncfs(b->fd) < 0)
		return error_sys(err, errno, "cannot flush '%s'",
				 store_path(b->store));
	return 0;
}

/* Is the record on disk already, byte for byte? */
static bool is_published(struct batch *b, const struct item *item)
{
	AUTO(buf_release) struct buf there = BUF_INIT;
	struct error ignored;

	return io_read_file(store_fd(b->store), item->dest, item->record.len,
			    &there, &ignored) == 0 &&
	       there.len == item->record.len &&
	       (!there.len ||
		!memcmp(there.data, item->record.data, there.len));
}

/* Write those records that say something new; how many, or -1. */
static int write_records(struct batch *b, struct items *records,
			 struct error *err)
{
	int n = 0;
	size_t i;

	for (i = 0; i < records->n; i++) {
		struct item *item = records->list[i];

		item->done = !item->replaces && is_published(b, item);
		if (item->done)
			continue;
		if (write_record(b, item, err) < 0)
			return -1;
		n++;
	}
	return n;
}

/*
 * Contents are flushed before any name points to them, and what was renamed
 * before we say that it is done. The whole file system is flushed: a tree has
 * too many files to do it one by one. There is no flush between objects and
 * the records that speak of them: renames keep their order in a journal, and
 * where there is none a record of something that is gone counts as no record.
 */
static int publish_items(struct batch *b, struct items *objects,
			 struct items *records, struct error *err)
{
	int fresh = write_records(b, records, err);
	size_t i;

	if (fresh < 0)
		return -1;
	if (!fresh && !objects->n)
		return 0;
	if (flush(b, err) < 0)
		return -1;
	for (i = 0; i < objects->n; i++)
		if (publish_object(b, objects->list[i], err) < 0)
			return -1;
	for (i = 0; i < records->n; i++)
		if (!records->list[i]->done &&
		    publish_record(b, records->list[i], err) < 0)
			return -1;
	return flush(b, err);
}

static struct items take(struct items *pending)
{
	struct items taken = *pending;

	*pending = (struct items){ 0 };
	return taken;
}

/* Should memory be too short even for that, it is lost with the folder. */
static void keep(struct items *items, struct item *item, struct map *by_dest)
{
	if (items_append(items, item) == 0)
		return;
	if (items_find(by_dest, item->dest) == item)
		map_remove(by_dest, item->dest, strlen(item->dest));
	item_free(item);
}

/*
 * Forget what is published. What is not goes back to the queue, before what
 * came in meanwhile.
 */
static void settle(struct items *taken, struct items *pending,
		   struct map *by_dest)
{
	struct items left = { 0 };
	size_t i;

	for (i = 0; i < taken->n; i++) {
		struct item *item = taken->list[i];

		if (!item->done) {
			keep(&left, item, by_dest);
			continue;
		}
		if (items_find(by_dest, item->dest) == item)
			map_remove(by_dest, item->dest, strlen(item->dest));
		item_free(item);
	}
	for (i = 0; left.n && i < pending->n; i++)
		keep(&left, pending->list[i], by_dest);
	if (left.n) {
		free(pending->list);
		*pending = left;
	}
	free(taken->list);
}

int batch_publish(struct batch *b, struct error *err)
{
	struct items objects, records;
	int ret = 0;

	pthread_mutex_lock(&b->publishing);
	pthread_mutex_lock(&b->lock);
	/* A record's objects are queued before it, so all of them are taken. */
	records = take(&b->records);
	objects = take(&b->objects);
	pthread_mutex_unlock(&b->lock);
	if (objects.n || records.n)
		ret = publish_items(b, &objects, &records, err);
	pthread_mutex_lock(&b->lock);
	settle(&objects, &b->objects, b->object_by_dest);
	settle(&records, &b->records, b->record_by_dest);
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_unlock(&b->publishing);
	return ret < 0 ? error_wrap(err, "writing to the store") : 0;
}
