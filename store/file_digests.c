/*
 * The file: MAGIC, the digest of the rest, then the entries. It is read only
 * by the machine that wrote it, so numbers are in its own byte order; a file
 * that is damaged in any way is forgotten as a whole.
 */
#include "store/file_digests.h"

#include <pthread.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/map.h"
#include "store/base/timefmt.h"

#define MAGIC	   "shale file digests 1\n"
#define MAGIC_LEN  (sizeof(MAGIC) - 1)
#define HEADER_LEN (MAGIC_LEN + DIGEST_HEX_LEN)
#define FILE_MAX   ((size_t)1 << 30)
#define IDLE_MAX   16 /* saves survived without being asked for */
#define FINE_NS	   50000000L
#define COARSE_SEC 2

/* What must be the same for a digest to be believed. */
struct stamp {
	uint64_t device, inode, size;
	int64_t mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec;
};

struct entry {
	struct stamp stamp;
	char hex[DIGEST_HEX_LEN];
	uint32_t idle; /* saves since it was last asked for */
	uint32_t path_len;
	/* in the file, the path follows */
};

struct file_digests {
	char *dest; /* "files/<digest of the identity>" */
	struct timespec opened;
	pthread_mutex_t lock; /* guards what follows */
	struct map *entries;  /* path -> struct entry */
	bool changed;
};

static struct stamp stamp_of(const struct stat *st)
{
	/* Compared as memory: no byte of it may be left to chance. */
	struct stamp s;

	memset(&s, 0, sizeof(s));
	s.device = st->st_dev;
	s.inode = st->st_ino;
	s.size = (uint64_t)st->st_size;
	s.mtime_sec = st->st_mtim.tv_sec;
	s.mtime_nsec = (uint32_t)st->st_mtim.tv_nsec;
	s.ctime_sec = st->st_ctim.tv_sec;
	s.ctime_nsec = (uint32_t)st->st_ctim.tv_nsec;
	return s;
}

/* The next entry of the body at `*pos` into the map; false: damaged. */
static bool load_entry(struct file_digests *f, const struct buf *body,
		       size_t *pos)
{
	autofree struct entry *e = malloc(sizeof(*e));
	const char *path;

	if (!e || body->len - *pos < sizeof(*e))
		return false;
	memcpy(e, body->data + *pos, sizeof(*e));
	*pos += sizeof(*e);
	path = body->data + *pos;
	if (body->len - *pos < e->path_len)
		return false;
	*pos += e->path_len;
	if (map_put(f->entries, path, e->path_len, e) < 0)
		return false;
	e = NULL;
	return true;
}

static bool is_whole(const struct buf *file)
{
	struct digest found;

	if (file->len < HEADER_LEN || memcmp(file->data, MAGIC, MAGIC_LEN) != 0)
		return false;
	digest_bytes(file->data + HEADER_LEN, file->len - HEADER_LEN, &found);
	return memcmp(file->data + MAGIC_LEN, digest_hex(&found),
		      DIGEST_HEX_LEN) == 0;
}

static bool load(struct file_digests *f, const struct buf *file)
{
	size_t pos = HEADER_LEN;

	if (!is_whole(file))
		return false;
	while (pos < file->len)
		if (!load_entry(f, file, &pos))
			return false;
	return true;
}

int file_digests_verify(struct store *s, const char *path, struct error *err)
{
	AUTO(buf_release) struct buf file = BUF_INIT;

	if (io_read_file(store_fd(s), path, FILE_MAX, &file, err) < 0)
		return -1;
	if (is_whole(&file))
		return 0;
	return error_set(err, ERROR_INTEGRITY, "its digest is another one");
}

static int open_digests(struct file_digests *f, struct store *s,
			const char *identity, struct error *err)
{
	AUTO(buf_release) struct buf file = BUF_INIT;
	struct error ignored;
	struct digest name;

	f->opened = time_now();
	f->entries = map_new(free);
	digest_bytes(identity, strlen(identity), &name);
	if (asprintf(&f->dest, "files/%s", digest_hex(&name)) < 0)
		f->dest = NULL;
	if (!f->entries || !f->dest)
		return error_nomem(err, "reading file digests");
	if (io_read_file(store_fd(s), f->dest, FILE_MAX, &file, &ignored) < 0 ||
	    load(f, &file))
		return 0;
	map_free(f->entries);
	f->entries = map_new(free);
	return f->entries ? 0 : error_nomem(err, "reading file digests");
}

int file_digests_open(struct store *s, const char *identity,
		      struct file_digests **ret, struct error *err)
{
	AUTO(file_digests_free) struct file_digests *f = calloc(1, sizeof(*f));

	if (!f)
		return error_nomem(err, "reading file digests");
	pthread_mutex_init(&f->lock, NULL);
	if (open_digests(f, s, identity, err) < 0)
		return -1;
	*ret = steal_pointer(&f);
	return 0;
}

void file_digests_free(struct file_digests *f)
{
	if (!f)
		return;
	map_free(f->entries);
	pthread_mutex_destroy(&f->lock);
	free(f->dest);
	free(f);
}

bool file_digests_get(struct file_digests *f, const char *path,
		      const struct stat *st, struct digest *ret)
{
	struct stamp stamp = stamp_of(st);
	struct entry *e;
	bool known;

	pthread_mutex_lock(&f->lock);
	e = map_get(f->entries, path, strlen(path));
	known = e && !memcmp(&e->stamp, &stamp, sizeof(stamp));
	if (known) {
		e->idle = 0;
		snprintf(ret->text, sizeof(ret->text), "sha256:%.*s",
			 DIGEST_HEX_LEN, e->hex);
	}
	pthread_mutex_unlock(&f->lock);
	return known;
}

/*
 * May the file change without its times telling? A write in the same tick of
 * the clock as the change we know of would not show, so that change must lie
 * a tick before we looked at anything. (The ctime tells; unlike the mtime it
 * cannot be set.) File systems that know only whole
 * seconds tick every two at worst.
 */
static bool is_settled(const struct file_digests *f, const struct stat *st)
{
	bool fine = st->st_mtim.tv_nsec || st->st_ctim.tv_nsec;
	struct timespec limit = f->opened;

	if (!fine) {
		limit.tv_sec -= COARSE_SEC;
	} else if (limit.tv_nsec >= FINE_NS) {
		limit.tv_nsec -= FINE_NS;
	} else {
		limit.tv_sec--;
		limit.tv_nsec += 1000000000L - FINE_NS;
	}
	return time_compare(st->st_ctim, limit) < 0;
}

int file_digests_put(struct file_digests *f, const char *path,
		     const struct stat *st, const struct digest *digest,
		     struct error *err)
{
	struct entry *e;
	int ret;

	if (!is_settled(f, st))
		return 0;
	e = malloc(sizeof(*e));
	if (!e)
		return error_nomem(err, "remembering file digests");
	memset(e, 0, sizeof(*e));
	e->stamp = stamp_of(st);
	memcpy(e->hex, digest_hex(digest), DIGEST_HEX_LEN);
	e->path_len = (uint32_t)strlen(path);
	pthread_mutex_lock(&f->lock);
	ret = map_put(f->entries, path, e->path_len, e);
	f->changed |= ret == 0;
	pthread_mutex_unlock(&f->lock);
	if (ret == 0)
		return 0;
	free(e);
	return error_nomem(err, "remembering file digests");
}

/* Entries nobody asks for any more belong to files long gone. */
static bool save_entry(void *ctx, const void *path, size_t path_len,
		       void *value)
{
	struct entry *e = value;

	if (e->idle++ < IDLE_MAX) {
		buf_append(ctx, e, sizeof(*e));
		buf_append(ctx, path, path_len);
	}
	return true;
}

int file_digests_save(struct file_digests *f, struct batch *b,
		      struct error *err)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(buf_release) struct buf file = BUF_INIT;
	struct digest digest;
	bool changed;

	pthread_mutex_lock(&f->lock);
	changed = f->changed;
	f->changed = false;
	if (changed)
		map_each(f->entries, save_entry, &body);
	pthread_mutex_unlock(&f->lock);
	if (!changed)
		return 0;
	if (buf_check(&body, "writing file digests", err) < 0)
		return -1;
	digest_bytes(body.data, body.len, &digest);
	buf_append_str(&file, MAGIC);
	buf_append_str(&file, digest_hex(&digest));
	buf_append(&file, body.data, body.len);
	if (buf_check(&file, "writing file digests", err) < 0)
		return -1;
	return batch_add_record(b, f->dest, file.data, file.len, err);
}
