#include "store/import_members.h"

#include <string.h>
#include <sys/stat.h>

#include "store/base/path.h"
#include "store/blob.h"
#include "store/tar.h"

#define MEMBERS_MAX 20000
#define LINKS_MAX   8

static void member_free(void *value)
{
	struct member *m = value;

	if (!m)
		return;
	free(m->name);
	free(m->link);
	free(m);
}
DEFINE_CLEANUP(struct member *, member_free);

void members_release(struct members *a)
{
	map_free(a->by_digest);
	map_free(a->by_path);
}
static int add_member(struct members *a, const char *path, struct member *m,
		      struct error *err)
{
	struct member *older = map_get(a->by_path, path, strlen(path));

	if (map_len(a->by_path) >= MEMBERS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "it has more than %d members", MEMBERS_MAX);
	/* Two readers could disagree on which of two counts. */
	if (older)
		return error_set(err, ERROR_REFUSED, "it has '%s' twice", path);
	if (map_put(a->by_path, path, strlen(path), m) < 0)
		return error_nomem(err, "reading an archive");
	return 0;
}

/* Copy a member's bytes to the folder. */
static int store_file(struct members *a, struct stream *contents,
		      struct member *m, struct error *err)
{
	AUTO(sink_free) struct sink *hash = NULL, *file = NULL, *both = NULL;
	struct batch *b = a->source.batch;
	autoclose int fd = -1;

	fd = batch_fresh_file(b, "member", &m->name, err);
	if (fd < 0)
		return -1;
	if (sink_hash(&hash, err) < 0 ||
	    sink_to_fd(fd, m->name, &file, err) < 0 ||
	    sink_tee(hash, file, &both, err) < 0 ||
	    stream_copy(contents, both, err) < 0)
		return -1;
	sink_hash_result(hash, &m->digest, &m->size_bytes);
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%s/%s'",
				 batch_path(b), m->name);
	return 0;
}

/* Where a link leads, as a path of the archive. */
static char *link_target(const struct entry *e)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	if (e->type == ENTRY_SYMLINK && e->link[0] != '/') {
		const char *base = path_base(e->path);

		buf_append(&path, e->path, (size_t)(base - e->path));
	}
	buf_append_str(&path, e->link);
	return path.failed ? NULL : path_clean_rooted(path.data);
}

static int read_member(struct members *a, const struct entry *e,
		       struct stream *contents, struct error *err)
{
	AUTO(member_free) struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return error_nomem(err, "reading an archive");
	if (e->type == ENTRY_FILE) {
		if (store_file(a, contents, m, err) < 0)
			return -1;
	} else if (e->type == ENTRY_SYMLINK || e->type == ENTRY_HARDLINK) {
		m->link = link_target(e);
		if (!m->link)
			return error_nomem(err, "reading an archive");
	} else {
		return 0; /* folders; nobody needs anything else */
	}
	if (add_member(a, e->path, m, err) < 0)
		return -1;
	if (m->name && map_put(a->by_digest, m->digest.text,
			       strlen(m->digest.text), m) < 0) {
		m = NULL; /* owned by the other map */
		return error_nomem(err, "reading an archive");
	}
	m = NULL;
	return 0;
}

static int read_all(struct members *a, int fd, struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *tar = NULL;
	const struct entry *e;
	struct stream *contents;
	int more;

	if (tar_reader_open(fd, &tar, err) < 0)
		return -1;
	while ((more = tar_reader_next(tar, &e, &contents, err)) > 0)
		if (read_member(a, e, contents, err) < 0)
			return -1;
	/* To the end, so that a compressed archive proves to be whole. */
	return more < 0 ? -1 : tar_reader_drain(tar, err);
}

const struct member *members_find(const struct members *a, const char *path)
{
	const struct member *m = map_get(a->by_path, path, strlen(path));
	int links;

	for (links = 0; m && m->link && links < LINKS_MAX; links++)
		m = map_get(a->by_path, m->link, strlen(m->link));
	return m && !m->link ? m : NULL;
}

static int adopt_member(struct import_source *source,
			const struct digest *digest, struct error *err)
{
	struct members *a = (struct members *)source;
	const struct member *m =
		map_get(a->by_digest, digest->text, strlen(digest->text));

	if (blob_exists(batch_store(source->batch), source->batch, digest))
		return 0;
	if (!m)
		return error_set(err, ERROR_NOT_FOUND,
				 "the archive lacks the blob '%s', or holds "
				 "other bytes under its name",
				 digest->text);
	return blob_adopt(source->batch, m->name, digest, err);
}

int members_read(struct batch *b, int fd, struct members *ret,
		 struct error *err)
{
	AUTO(members_release)
	struct members a = {
		.source = { .batch = b, .adopt = adopt_member },
		.by_path = map_new(member_free),
		.by_digest = map_new(NULL),
	};

	if (!a.by_path || !a.by_digest)
		return error_nomem(err, "reading an archive");
	if (read_all(&a, fd, err) < 0)
		return -1;
	*ret = a;
	a = (struct members){ 0 };
	return 0;
}
