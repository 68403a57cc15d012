/*
 * The file: MAGIC, the digest of the rest, padding, then one record for each
 * file. It is read only by the machine that wrote it, so numbers are in its own
 * byte order; a file that is damaged in any way is forgotten as a whole.
 *
 * In memory it stays as it is on disk: a context may have hundreds of thousands
 * of files, and each build reads it all. It asks for them in the order of the
 * build before, mostly; for what is not where it was expected there is a table
 * of places.
 */
#include "store/file_digests.h"

#include <pthread.h>
#include <string.h>

#include "store/base/io.h"
#include "store/base/timefmt.h"

/* Another number when xattr_rules.h comes to keep more: see `plain`. */
#define MAGIC	    "shale file digests 2\n"
#define MAGIC_LEN   (sizeof(MAGIC) - 1)
#define HEADER_LEN  (MAGIC_LEN + DIGEST_HEX_LEN)
#define RECORDS_AT  96 /* behind the header, where a record is aligned */
#define FILE_MAX    ((size_t)1 << 30)
#define RECORDS_MAX ((size_t)1 << 23)
#define SLOTS_MIN   1024 /* a power of two */
#define IDLE_MAX    16	 /* saves survived without being asked for */
#define FINE_NS	    50000000L
#define COARSE_SEC  2

/* What must be the same for a digest to be believed. */
struct stamp {
	uint64_t device, inode, size;
	int64_t mtime_sec, ctime_sec;
	uint32_t mtime_nsec, ctime_nsec;
};

struct record {
	struct stamp stamp;
	char hex[DIGEST_HEX_LEN];
	uint32_t idle;	/* saves since it was last asked for */
	uint32_t plain; /* it has no extended attributes that we keep */
};

_Static_assert(HEADER_LEN <= RECORDS_AT, "the header has room");
_Static_assert(RECORDS_AT % _Alignof(struct record) == 0, "records align");

struct file_digests {
	char *dest; /* "files/<digest of the identity>" */
	struct timespec opened;
	pthread_mutex_t lock; /* guards what follows */
	struct buf file;      /* as on disk; the header is set when saved */
	size_t expected;      /* the number of the record asked for next */
	uint32_t *slots;      /* by device and inode: a record's number + 1 */
	size_t n_slots;	      /* 0: there is no table yet */
	bool changed;
};

static struct record *records(const struct file_digests *f)
{
	return (struct record *)(f->file.data + RECORDS_AT);
}

static size_t n_records(const struct file_digests *f)
{
	if (f->file.len < RECORDS_AT)
		return 0;
	return (f->file.len - RECORDS_AT) / sizeof(struct record);
}

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

static bool is_same_file(const struct stamp *a, const struct stamp *b)
{
	return a->inode == b->inode && a->device == b->device;
}

/* The slot of the file's record, or the empty one where it belongs. */
static uint32_t *find_slot(const struct file_digests *f, const struct stamp *s)
{
	uint64_t at = (s->inode ^ s->device << 40) * 0x9e3779b97f4a7c15;

	for (at >>= 32;; at++) {
		uint32_t *slot = &f->slots[at & (f->n_slots - 1)];

		if (*slot == 0 || is_same_file(&records(f)[*slot - 1].stamp, s))
			return slot;
	}
}

/* A table with room for as many records again as there are. */
static int make_slots(struct file_digests *f, struct error *err)
{
	size_t n = n_records(f), n_slots = SLOTS_MIN;
	uint32_t *slots;

	while (n_slots < n * 4)
		n_slots *= 2;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return error_nomem(err, "reading file digests");
	free(f->slots);
	f->slots = slots;
	f->n_slots = n_slots;
	for (size_t i = 0; i < n; i++)
		*find_slot(f, &records(f)[i].stamp) = (uint32_t)i + 1;
	return 0;
}

static int need_slots(struct file_digests *f, struct error *err)
{
	return f->n_slots ? 0 : make_slots(f, err);
}

/* After the records were put in another order. */
static void drop_slots(struct file_digests *f)
{
	free(f->slots);
	f->slots = NULL;
	f->n_slots = f->expected = 0;
}

static void digest_records(const struct buf *file, struct digest *ret)
{
	digest_bytes(file->data + RECORDS_AT, file->len - RECORDS_AT, ret);
}

static bool is_whole(const struct buf *file)
{
	struct digest found;

	if (file->len < RECORDS_AT ||
	    (file->len - RECORDS_AT) % sizeof(struct record) != 0 ||
	    memcmp(file->data, MAGIC, MAGIC_LEN) != 0)
		return false;
	digest_records(file, &found);
	return memcmp(file->data + MAGIC_LEN, digest_hex(&found),
		      DIGEST_HEX_LEN) == 0;
}

static void put_header(struct buf *file)
{
	struct digest digest;

	digest_records(file, &digest);
	memcpy(file->data, MAGIC, MAGIC_LEN);
	memcpy(file->data + MAGIC_LEN, digest_hex(&digest), DIGEST_HEX_LEN);
}

static int start_empty(struct file_digests *f, struct error *err)
{
	static const char header[RECORDS_AT];

	buf_clear(&f->file);
	buf_append(&f->file, header, sizeof(header));
	return buf_check(&f->file, "reading file digests", err);
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
	struct error ignored;
	struct digest name;

	f->opened = time_now();
	digest_bytes(identity, strlen(identity), &name);
	if (asprintf(&f->dest, "files/%s", digest_hex(&name)) < 0)
		f->dest = NULL;
	if (!f->dest)
		return error_nomem(err, "reading file digests");
	if ((io_read_file(store_fd(s), f->dest, FILE_MAX, &f->file, &ignored) <
		     0 ||
	     !is_whole(&f->file)) &&
	    start_empty(f, err) < 0)
		return -1;
	return 0;
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
	buf_release(&f->file);
	free(f->slots);
	pthread_mutex_destroy(&f->lock);
	free(f->dest);
	free(f);
}

/* NULL: there is none. */
static struct record *find_record(struct file_digests *f,
				  const struct stamp *stamp)
{
	struct error ignored;
	uint32_t at;

	if (f->expected >= n_records(f) ||
	    !is_same_file(&records(f)[f->expected].stamp, stamp)) {
		if (need_slots(f, &ignored) < 0)
			return NULL;
		at = *find_slot(f, stamp);
		if (at == 0)
			return NULL;
		f->expected = at - 1;
	}
	return &records(f)[f->expected++];
}

bool file_digests_get(struct file_digests *f, const struct stat *st,
		      struct digest *ret, bool *plain)
{
	struct stamp stamp = stamp_of(st);
	struct record *r;
	bool known = false;

	pthread_mutex_lock(&f->lock);
	r = find_record(f, &stamp);
	if (r) {
		r->idle = 0;
		known = !memcmp(&r->stamp, &stamp, sizeof(stamp));
	}
	if (known) {
		*plain = r->plain;
		snprintf(ret->text, sizeof(ret->text), "sha256:%.*s",
			 DIGEST_HEX_LEN, r->hex);
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

/* The record in place of an older one of that file, or as a new one. */
static int put_record(struct file_digests *f, const struct record *r,
		      struct error *err)
{
	uint32_t *slot;

	/* When it could not be saved. */
	if (f->file.len < RECORDS_AT && start_empty(f, err) < 0)
		return -1;
	if (need_slots(f, err) < 0)
		return -1;
	slot = find_slot(f, &r->stamp);
	f->changed = true;
	if (*slot) {
		records(f)[*slot - 1] = *r;
		return 0;
	}
	if (n_records(f) >= RECORDS_MAX)
		return 0;
	buf_append(&f->file, r, sizeof(*r));
	if (buf_check(&f->file, "remembering file digests", err) < 0)
		return -1;
	*slot = (uint32_t)n_records(f);
	return n_records(f) * 2 > f->n_slots ? make_slots(f, err) : 0;
}

int file_digests_put(struct file_digests *f, const struct stat *st,
		     const struct digest *digest, bool plain, struct error *err)
{
	struct record r;
	int ret;

	if (!is_settled(f, st))
		return 0;
	/* Its bytes are written and hashed: none is left to chance. */
	memset(&r, 0, sizeof(r));
	r.stamp = stamp_of(st);
	memcpy(r.hex, digest_hex(digest), DIGEST_HEX_LEN);
	r.plain = plain;
	pthread_mutex_lock(&f->lock);
	ret = put_record(f, &r, err);
	pthread_mutex_unlock(&f->lock);
	return ret;
}

/* Records nobody asks for any more belong to files long gone. */
static void drop_idle(struct file_digests *f)
{
	size_t n = n_records(f), kept = 0;

	for (size_t i = 0; i < n; i++) {
		struct record *r = records(f) + i;

		if (r->idle++ < IDLE_MAX)
			records(f)[kept++] = *r;
	}
	buf_truncate(&f->file, RECORDS_AT + kept * sizeof(struct record));
}

static int save(struct file_digests *f, struct batch *b, struct error *err)
{
	drop_idle(f);
	drop_slots(f);
	put_header(&f->file);
	f->changed = false;
	/* Megabytes, which are not needed twice. */
	if (batch_take_record(b, f->dest, &f->file, err) < 0 ||
	    start_empty(f, err) < 0)
		return -1;
	return 0;
}

int file_digests_save(struct file_digests *f, struct batch *b,
		      struct error *err)
{
	int ret = 0;

	pthread_mutex_lock(&f->lock);
	if (f->changed)
		ret = save(f, b, err);
	pthread_mutex_unlock(&f->lock);
	return ret;
}
