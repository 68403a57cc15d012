#include "builder/file_root.h"

#include <string.h>

#include "builder/file_root_kind.h"
#include "store/base/io.h"
#include "store/base/parallel.h"
#include "store/base/path.h"
#include "store/base/text.h"

/* Below this many files a further thread costs more than it brings. */
#define FILES_PER_THREAD 64
/* Names further apart than this are other names, not misspelled ones. */
#define MAX_DISTANCE 2
#define READ_SIZE    ((size_t)256 << 10)

void file_root_free(struct file_root *r)
{
	if (!r)
		return;
	free(r->name);
	r->kind->free(r);
}

bool file_root_keeps_owners(const struct file_root *r)
{
	return r->kind->keeps_owners;
}

const char *file_root_name(const struct file_root *r)
{
	return r->name;
}

struct context *file_root_context(const struct file_root *r)
{
	return r->context;
}

int file_root_lookup(struct file_root *r, const char *path,
		     struct file_node **ret, struct error *err)
{
	return r->kind->lookup(r, path, ret, err);
}

/* The name in the same directory that was probably meant; NULL: none. */
static char *near_miss(struct file_root *r, const char *path)
{
	const char *name = path_base(path);
	autofree char *dir = strndup(path, (size_t)(name - path));
	AUTO(file_node_free) struct file_node *node = NULL;
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct error ignored = ERROR_INIT;
	size_t best = MAX_DISTANCE + 1;
	const char *found = NULL;

	if (!dir || file_root_lookup(r, dir, &node, &ignored) <= 0 ||
	    file_root_list(r, node->meta.path, &names, &ignored) < 0)
		return NULL;
	for (size_t i = 0; i < names.len; i++) {
		const char *other = names.items[i];
		size_t far =
			text_distance(other, strlen(other), name, strlen(name));

		if (far < best && far < strlen(name)) {
			best = far;
			found = other;
		}
	}
	return found ? strdup(found) : NULL;
}

int file_root_missing(struct file_root *r, const char *path, struct error *err)
{
	autofree char *reason =
		r->kind->reason ? r->kind->reason(r, path) : NULL;
	autofree char *guess = reason ? NULL : near_miss(r, path);
	struct buf hint = BUF_INIT;

	if (reason)
		buf_printf(&hint, " (%s)", reason);
	/* What is listed and cannot be found is a link, followed in here. */
	if (guess && strcmp(guess, path_base(path)) == 0)
		buf_append_str(&hint, " (it is a link to nothing in there)");
	else if (guess)
		buf_printf(&hint, " (did you mean \"%s\"?)", guess);
	error_set(err, ERROR_NOT_FOUND, "\"/%s\": not found in %s%s", path,
		  r->name, hint.data ? hint.data : "");
	buf_release(&hint);
	return -1;
}

bool file_root_hides(struct file_root *r, const char *path)
{
	autofree char *reason =
		r->kind->reason ? r->kind->reason(r, path) : NULL;

	return reason != NULL;
}

int file_root_list(struct file_root *r, const char *path, struct strv *ret,
		   struct error *err)
{
	return r->kind->list(r, path, ret, err);
}

int file_root_walk(struct file_root *r, const char *path,
		   int (*visit)(void *ctx, struct file_node *n,
				struct error *err),
		   void *ctx, struct error *err)
{
	return r->kind->walk(r, path, visit, ctx, err);
}

int file_root_open(struct file_root *r, const struct file_node *n,
		   off_t *offset, struct error *err)
{
	return r->kind->open(r, n, offset, err);
}

/* Digest of `len` bytes of `fd` from `offset` on. */
static int hash_contents(int fd, off_t offset, uint64_t len, const char *name,
			 struct digest *ret, struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;
	size_t size = len < READ_SIZE ? (size_t)len : READ_SIZE;
	autofree char *data = malloc(size ? size : 1);

	if (!data)
		return error_nomem(err, "reading a file");
	if (hash_new(&hash, err) < 0)
		return -1;
	while (len > 0) {
		size_t want = len < size ? (size_t)len : size;
		ssize_t n = io_pread(fd, data, want, offset, name, err);

		if (n < 0)
			return -1;
		if ((size_t)n < want)
			return error_set(
				err, ERROR_INTEGRITY,
				"'%s' became shorter while it was read", name);
		hash_update(hash, data, want);
		offset += n;
		len -= (uint64_t)n;
	}
	hash_finish(hash, ret);
	return 0;
}

struct digest_work {
	struct file_root *root;
	struct file_node **nodes;
};

static int digest_one(void *ctx, size_t i, struct error *err)
{
	struct digest_work *work = ctx;
	struct file_node *n = work->nodes[i];
	off_t offset = 0;
	autoclose int fd = file_root_open(work->root, n, &offset, err);

	if (fd < 0)
		return -1;
	if (hash_contents(fd, offset, n->meta.size, n->meta.path, &n->digest,
			  err) < 0)
		return -1;
	if (!work->root->kind->remember)
		return 0;
	return work->root->kind->remember(work->root, n, err);
}

int file_root_digest(struct file_root *r, struct file_node **nodes, size_t n,
		     struct error *err)
{
	autofree struct file_node **unknown =
		calloc(n ? n : 1, sizeof(*unknown));
	struct digest_work work = { r, unknown };
	size_t n_unknown = 0;
	unsigned threads = parallel_cpus();

	if (!unknown)
		return error_nomem(err, "a list of files");
	for (size_t i = 0; i < n; i++) {
		if (nodes[i]->meta.type != ENTRY_FILE ||
		    digest_is_set(&nodes[i]->digest))
			continue;
		if (!r->kind->recall || !r->kind->recall(r, nodes[i]))
			unknown[n_unknown++] = nodes[i];
	}
	if (threads > n_unknown / FILES_PER_THREAD + 1)
		threads = (unsigned)(n_unknown / FILES_PER_THREAD) + 1;
	return parallel_for(n_unknown, threads, digest_one, &work, err);
}
