#include "store/batch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "store/base/array.h"
#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/batch_internal.h"

void item_free(struct item *item)
{
	if (!item)
		return;
	free(item->dest);
	free(item->name);
	buf_release(&item->record);
	free(item);
}

int items_append(struct items *items, struct item *item)
{
	struct item **list = array_room(items->list, items->n, &items->capacity,
					sizeof(*list));

	if (!list)
		return -1;
	items->list = list;
	items->list[items->n++] = item;
	return 0;
}

static void items_release(struct items *items)
{
	size_t i;

	for (i = 0; i < items->n; i++)
		item_free(items->list[i]);
	free(items->list);
}

/* Make a folder of a new name and hold its lock: 1, or 0 to try again. */
static int try_folder(struct batch *b, struct error *err)
{
	uint64_t nonce;
	char id[32];

	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return error_sys(err, errno, "cannot get random bytes");
	snprintf(id, sizeof(id), "%016llx", (unsigned long long)nonce);
	if (mkdirat(b->tmp, id, 0700) < 0)
		return errno == EEXIST ? 0
				       : error_sys(err, errno,
						   "cannot make '%s/tmp/%s'",
						   store_path(b->store), id);
	/* A sweeper may come between; then it holds or removes the folder. */
	b->fd = lock_open(b->tmp, id, LOCK_EXCLUSIVE | LOCK_TRY, NULL, err);
	if (b->fd < 0)
		return err->sys == EWOULDBLOCK || err->sys == ENOENT ? 0 : -1;
	if (asprintf(&b->path, "%s/tmp/%s", store_path(b->store), id) < 0) {
		b->path = NULL;
		return error_nomem(err, "making a folder");
	}
	b->id = b->path + strlen(b->path) - strlen(id);
	return 1;
}

static int open_batch(struct batch *b, struct error *err)
{
	int made;

	b->object_by_dest = map_new(NULL);
	b->record_by_dest = map_new(NULL);
	b->layers.by_diff_id = map_new(NULL);
	b->pins = map_new(NULL);
	if (!b->object_by_dest || !b->record_by_dest || !b->layers.by_diff_id ||
	    !b->pins)
		return error_nomem(err, "preparing to write to the store");
	b->store_lock = store_lock(b->store, false, NULL, err);
	if (b->store_lock < 0)
		return -1;
	b->tmp = openat(store_fd(b->store), "tmp",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->tmp < 0)
		return error_sys(err, errno, "cannot open '%s/tmp'",
				 store_path(b->store));
	do
		made = try_folder(b, err);
	while (made == 0);
	if (made < 0)
		return -1;
	/* Nothing is in use yet: what will be is pinned. */
	lock_release(b->store_lock);
	return 0;
}

int batch_new(struct store *store, struct batch **ret, struct error *err)
{
	struct error problem = ERROR_INIT;
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return error_nomem(err, "preparing to write to the store");
	b->store = store;
	b->tmp = b->fd = b->store_lock = b->pin_file = -1;
	atomic_init(&b->names, 0);
	pthread_mutex_init(&b->publishing, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->layers.lock, NULL);
	pthread_cond_init(&b->layers.pass_ended, NULL);
	pthread_mutex_init(&b->pin_lock, NULL);
	flusher_init(&b->flusher);
	if (open_batch(b, &problem) < 0) {
		batch_free(b);
		*err = problem;
		return -1;
	}
	*ret = b;
	return 0;
}

void batch_free(struct batch *b)
{
	struct error ignored;

	if (!b)
		return;
	if (b->id)
		io_remove_tree(b->tmp, b->id, &ignored);
	/* What is gone need not be written: a flush under way is soon over. */
	flusher_release(&b->flusher);
	if (b->pin_file >= 0)
		close(b->pin_file);
	if (b->fd >= 0)
		close(b->fd);
	if (b->tmp >= 0)
		close(b->tmp);
	if (b->store_lock >= 0)
		close(b->store_lock);
	items_release(&b->objects);
	items_release(&b->records);
	map_free(b->object_by_dest);
	map_free(b->record_by_dest);
	map_free(b->layers.by_diff_id);
	map_free(b->pins);
	pthread_mutex_destroy(&b->pin_lock);
	pthread_cond_destroy(&b->layers.pass_ended);
	pthread_mutex_destroy(&b->layers.lock);
	pthread_mutex_destroy(&b->publishing);
	pthread_mutex_destroy(&b->lock);
	free(b->path);
	free(b);
}

struct store *batch_store(const struct batch *b)
{
	return b->store;
}

const char *batch_path(const struct batch *b)
{
	return b->path;
}

int batch_fd(const struct batch *b)
{
	return b->fd;
}

struct batch_layers *batch_layers(struct batch *b)
{
	return &b->layers;
}

char *batch_fresh_name(struct batch *b, const char *prefix, struct error *err)
{
	char *name;

	flusher_start(&b->flusher, b->fd);
	if (asprintf(&name, "%s-%u", prefix, atomic_fetch_add(&b->names, 1)) >=
	    0)
		return name;
	error_nomem(err, "naming a file");
	return NULL;
}

int batch_fresh_file(struct batch *b, const char *prefix, char **name,
		     struct error *err)
{
	autofree char *fresh = batch_fresh_name(b, prefix, err);
	autoclose int fd = -1;

	if (!fresh)
		return -1;
	fd = openat(b->fd, fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || (!name && unlinkat(b->fd, fresh, 0) < 0))
		return error_sys(err, errno, "cannot create '%s/%s'",
				 batch_path(b), fresh);
	if (name)
		*name = steal_pointer(&fresh);
	return steal_fd(&fd);
}

struct item *items_find(const struct map *by_dest, const char *dest)
{
	return map_get(by_dest, dest, strlen(dest));
}

/* Queue `item` (taken on success); the caller holds the lock. */
static int enqueue(struct items *items, struct map *by_dest, struct item *item)
{
	if (items_append(items, item) < 0)
		return -1;
	if (map_put(by_dest, item->dest, strlen(item->dest), item) == 0)
		return 0;
	items->n--;
	return -1;
}

int batch_add_object(struct batch *b, const char *name, const char *dest,
		     struct error *err)
{
	AUTO(item_free) struct item *item = calloc(1, sizeof(*item));
	int ret = 0;

	if (!item)
		return error_nomem(err, "adding to the store");
	item->dest = strdup(dest);
	item->name = strdup(name);
	if (!item->dest || !item->name)
		return error_nomem(err, "adding to the store");
	if (batch_pin(b, dest, err) < 0)
		return -1;
	pthread_mutex_lock(&b->lock);
	/* The same contents twice: the first stays, ours goes with the folder.
	 */
	if (!items_find(b->object_by_dest, dest)) {
		ret = enqueue(&b->objects, b->object_by_dest, item);
		if (ret == 0)
			item = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	return ret < 0 ? error_nomem(err, "adding to the store") : 0;
}

int batch_add_record(struct batch *b, const char *dest, const void *data,
		     size_t len, struct error *err)
{
	AUTO(buf_release) struct buf record = BUF_INIT;

	buf_append(&record, data, len);
	if (buf_check(&record, "adding to the store", err) < 0)
		return -1;
	return batch_take_record(b, dest, &record, err);
}

int batch_take_record(struct batch *b, const char *dest, struct buf *record,
		      struct error *err)
{
	AUTO(item_free) struct item *item = calloc(1, sizeof(*item));
	int ret;

	if (item) {
		item->dest = strdup(dest);
		item->record = *record;
		*record = (struct buf)BUF_INIT;
	}
	buf_release(record);
	if (!item || !item->dest)
		return error_nomem(err, "adding to the store");
	if (batch_pin(b, dest, err) < 0)
		return -1;
	pthread_mutex_lock(&b->lock);
	/* Both are written: what was queued in between may lead to either. */
	item->replaces = items_find(b->record_by_dest, dest) != NULL;
	ret = enqueue(&b->records, b->record_by_dest, item);
	if (ret == 0)
		item = NULL;
	pthread_mutex_unlock(&b->lock);
	return ret < 0 ? error_nomem(err, "adding to the store") : 0;
}

char *batch_object_path(struct batch *b, const char *dest)
{
	struct item *item;
	char *path = NULL;

	pthread_mutex_lock(&b->lock);
	item = items_find(b->object_by_dest, dest);
	if (item && asprintf(&path, "tmp/%s/%s", b->id, item->name) < 0)
		path = NULL;
	pthread_mutex_unlock(&b->lock);
	return path;
}

/* -1 with errno; ENOENT when `b` has no such object. */
static int open_pending(struct batch *b, const char *dest, int flags)
{
	autofree char *path = b ? batch_object_path(b, dest) : NULL;

	if (!path) {
		errno = ENOENT;
		return -1;
	}
	return openat(store_fd(b->store), path, flags | O_CLOEXEC);
}

int batch_open_object(struct store *s, struct batch *b, const char *dest,
		      int flags, struct error *err)
{
	int fd = openat(store_fd(s), dest, flags | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		fd = open_pending(b, dest, flags);
	/* It may have been published between the two. */
	if (fd < 0 && errno == ENOENT)
		fd = openat(store_fd(s), dest, flags | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	error_sys(err, errno, "cannot open '%s' in the store", dest);
	if (err->sys == ENOENT)
		err->kind = ERROR_NOT_FOUND;
	return -1;
}

int batch_read_record(struct store *s, struct batch *b, const char *dest,
		      size_t max, struct buf *ret, struct error *err)
{
	struct item *item = NULL;
	bool pending = false;

	if (b) {
		pthread_mutex_lock(&b->lock);
		item = items_find(b->record_by_dest, dest);
		pending = item && item->record.len <= max;
		if (pending)
			buf_append(ret, item->record.data, item->record.len);
		pthread_mutex_unlock(&b->lock);
	}
	if (pending)
		return buf_check(ret, "reading a record", err);
	return io_read_file(store_fd(s), dest, max, ret, err);
}
