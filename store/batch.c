#include "store/batch.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/lock.h"
#include "store/base/map.h"

/* Something pending: an object (`name` in the folder) or a record. */
struct item {
	char *dest;
	char *name;	   /* record: set once written to the folder */
	struct buf record; /* its bytes; empty for an object */
	bool taken;	   /* by a publication that is under way */
	bool done;
};

struct items {
	struct item **list;
	size_t n;
	size_t capacity;
};

struct batch {
	struct store *store;
	char *path;
	const char *id; /* last component of `path` */
	int tmp;
	int fd;		/* the folder; its lock tells that we live */
	int store_lock; /* shared: nothing is collected meanwhile */
	atomic_uint names;
	pthread_mutex_t publishing;
	pthread_mutex_t lock; /* guards what follows */
	struct items objects, records;
	struct map *object_by_dest, *record_by_dest; /* newest pending */
	struct batch_layers layers;
};

static void item_free(struct item *item)
{
	if (!item)
		return;
	free(item->dest);
	free(item->name);
	buf_release(&item->record);
	free(item);
}
DEFINE_CLEANUP(struct item *, item_free);

static int items_append(struct items *items, struct item *item)
{
	if (items->n == items->capacity) {
		size_t capacity = items->capacity ? items->capacity * 2 : 16;
		struct item **list =
			realloc(items->list, capacity * sizeof(*list));

		if (!list)
			return -1;
		items->list = list;
		items->capacity = capacity;
	}
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
	if (!b->object_by_dest || !b->record_by_dest || !b->layers.by_diff_id)
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
	return made < 0 ? -1 : 0;
}

int batch_new(struct store *store, struct batch **ret, struct error *err)
{
	struct error problem = ERROR_INIT;
	struct batch *b = calloc(1, sizeof(*b));

	if (!b)
		return error_nomem(err, "preparing to write to the store");
	b->store = store;
	b->tmp = b->fd = b->store_lock = -1;
	atomic_init(&b->names, 0);
	pthread_mutex_init(&b->publishing, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->layers.lock, NULL);
	pthread_cond_init(&b->layers.pass_ended, NULL);
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

	if (asprintf(&name, "%s-%u", prefix, atomic_fetch_add(&b->names, 1)) >=
	    0)
		return name;
	error_nomem(err, "naming a file");
	return NULL;
}

static struct item *find(const struct map *map, const char *dest)
{
	return map_get(map, dest, strlen(dest));
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
	pthread_mutex_lock(&b->lock);
	/* The same contents twice: the first stays, ours goes with the folder.
	 */
	if (!find(b->object_by_dest, dest)) {
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
	AUTO(item_free) struct item *item = calloc(1, sizeof(*item));
	struct item *older;
	int ret = 0;

	if (!item)
		return error_nomem(err, "adding to the store");
	item->dest = strdup(dest);
	buf_append(&item->record, data, len);
	if (!item->dest || item->record.failed)
		return error_nomem(err, "adding to the store");
	pthread_mutex_lock(&b->lock);
	older = find(b->record_by_dest, dest);
	if (older && !older->taken) {
		struct buf kept = older->record;

		older->record = item->record;
		item->record = kept;
	} else {
		ret = enqueue(&b->records, b->record_by_dest, item);
		if (ret == 0)
			item = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	return ret < 0 ? error_nomem(err, "adding to the store") : 0;
}

char *batch_object_path(struct batch *b, const char *dest)
{
	struct item *item;
	char *path = NULL;

	pthread_mutex_lock(&b->lock);
	item = find(b->object_by_dest, dest);
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
		item = find(b->record_by_dest, dest);
		pending = item && item->record.len <= max;
		if (pending)
			buf_append(ret, item->record.data, item->record.len);
		pthread_mutex_unlock(&b->lock);
	}
	if (pending)
		return buf_check(ret, "reading a record", err);
	return io_read_file(store_fd(s), dest, max, ret, err);
}

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

/* Keep paths into the folder usable: leave a link to where the object went. */
static void leave_link(struct batch *b, const struct item *item)
{
	autofree char *target = NULL;

	if (asprintf(&target, "../../%s", item->dest) < 0)
		target = NULL;
	/* A lost link costs those a lookup who kept an old path: no failure. */
	if (target && symlinkat(target, b->fd, item->name) < 0)
		return;
}

/*
 * Rename one object into place. One that lost to an object already there may
 * still be in use (as a lower of a running step, say): it is moved aside and
 * goes with the folder.
 */
static int publish_object(struct batch *b, struct item *item, struct error *err)
{
	autofree char *aside = NULL;

	if (make_parents(b, item->dest, err) < 0)
		return -1;
	if (rename_new(b->fd, item->name, store_fd(b->store), item->dest) < 0) {
		if (errno != EEXIST && errno != ENOTEMPTY)
			return error_sys(err, errno, "cannot publish '%s'",
					 item->dest);
		aside = batch_fresh_name(b, "dropped", err);
		if (!aside)
			return -1;
		if (renameat(b->fd, item->name, b->fd, aside) < 0)
			return error_sys(err, errno, "cannot move '%s/%s'",
					 b->path, item->name);
	}
	leave_link(b, item);
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

		item->done = is_published(b, item);
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
	size_t i;

	for (i = 0; i < taken.n; i++)
		taken.list[i]->taken = true;
	*pending = (struct items){ 0 };
	return taken;
}

/*
 * Forget what is published. What is not goes back to the queue; should memory
 * be too short even for that, it is lost with the folder.
 */
static void settle(struct items *taken, struct items *pending,
		   struct map *by_dest)
{
	size_t i;

	for (i = 0; i < taken->n; i++) {
		struct item *item = taken->list[i];
		bool newest = find(by_dest, item->dest) == item;

		item->taken = false;
		if (!item->done && newest && items_append(pending, item) == 0)
			continue;
		if (newest)
			map_remove(by_dest, item->dest, strlen(item->dest));
		item_free(item);
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
