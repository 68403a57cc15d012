/*
 * Neither order nor form of a foreign tar can be relied on, so the left one is
 * read into a table with a digest of each file, and the right one held against
 * it. Files whose digests differ are read a second time, side by side.
 */
#include "store/layer_diff.h"

#include <fcntl.h>
#include <string.h>

#include "store/base/map.h"
#include "store/diff_fact.h"
#include "store/tar.h"

#define WHAT "comparing layers"

/* An entry on the left. */
struct known {
	struct diff_fact fact;
	bool seen;	/* on the right, too */
	char *aside;	/* contents, once they are known to differ */
	json_t *change; /* gets the offset; borrowed */
};

struct diff {
	struct batch *batch;
	struct map *known; /* by key */
	json_t *report;
	bool failed; /* out of memory in a callback without an error */
};

/* Call for each entry; an absent layer has none. */
static int each_entry(struct layer *l, struct diff *d,
		      int (*visit)(struct diff *d, const struct entry *e,
				   struct stream *contents, struct error *err),
		      struct error *err)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	const struct entry *e;
	struct stream *from, *contents;
	int found;

	if (!l)
		return 0;
	if (layer_stream(l, &from, err) < 0 ||
	    tar_reader_new(from, true, &r, err) < 0)
		return -1;
	while ((found = tar_reader_next(r, &e, &contents, err)) > 0)
		if (visit(d, e, contents, err) < 0)
			return -1;
	/* To its end: that is where the digest is verified. */
	return found < 0 ? -1 : tar_reader_drain(r, err);
}

static void known_free(void *p)
{
	struct known *k = p;

	if (!k)
		return;
	diff_fact_release(&k->fact);
	free(k->aside);
	free(k);
}
DEFINE_CLEANUP(struct known *, known_free);

static int learn(struct diff *d, const struct entry *e, struct stream *contents,
		 struct error *err)
{
	AUTO(known_free) struct known *k = calloc(1, sizeof(*k));

	if (!k)
		return error_nomem(err, WHAT);
	if (diff_fact_init(&k->fact, e, contents, err) < 0)
		return -1;
	/* A later entry of the same name replaces the earlier one. */
	if (map_put(d->known, k->fact.key, strlen(k->fact.key), k) < 0)
		return error_nomem(err, WHAT);
	steal_pointer(&k);
	return 0;
}

static json_t *add_change(struct diff *d, const struct diff_fact *f,
			  const char *change)
{
	json_t *item = diff_fact_report(f, change);

	return json_array_append_new(d->report, item) < 0 ? NULL : item;
}

static int report_pair(struct diff *d, struct known *left,
		       const struct diff_fact *right, struct error *err)
{
	AUTO(json_decref)
	json_t *fields = diff_fact_compare(&left->fact, right);
	bool contents = diff_contents_differ(&left->fact, right);

	if (!fields)
		return error_nomem(err, WHAT);
	if (!json_array_size(fields) && !contents)
		return 0;
	left->change = add_change(d, &left->fact, "changed");
	if (!left->change ||
	    json_object_set(left->change, "fields", fields) < 0)
		return error_nomem(err, WHAT);
	if (!contents)
		return 0;
	left->aside = batch_fresh_name(d->batch, "left", err);
	return left->aside ? 0 : -1;
}

static int hold_against(struct diff *d, const struct entry *e,
			struct stream *contents, struct error *err)
{
	AUTO(diff_fact_release) struct diff_fact right = { 0 };
	struct known *left;

	if (diff_fact_init(&right, e, contents, err) < 0)
		return -1;
	left = map_get(d->known, right.key, strlen(right.key));
	if (left) {
		left->seen = true;
		return report_pair(d, left, &right, err);
	}
	return add_change(d, &right, "added") ? 0 : error_nomem(err, WHAT);
}

static bool report_unseen(void *ctx, const void *key, size_t key_len,
			  void *value)
{
	struct diff *d = ctx;
	const struct known *k = value;

	(void)key;
	(void)key_len;
	if (k->seen || add_change(d, &k->fact, "removed"))
		return true;
	d->failed = true;
	return false;
}

/* ---- contents byte by byte ---- */

static const struct known *differing(struct diff *d, const struct entry *e)
{
	autofree char *key = diff_key(e);
	const struct known *k =
		key ? map_get(d->known, key, strlen(key)) : NULL;

	return k && k->aside && e->type == ENTRY_FILE ? k : NULL;
}

static int put_aside(struct diff *d, const struct entry *e,
		     struct stream *contents, struct error *err)
{
	const struct known *k = differing(d, e);
	AUTO(sink_free) struct sink *to = NULL;
	autoclose int fd = -1;

	if (!k)
		return 0;
	fd = openat(batch_fd(d->batch), k->aside,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot create '%s'", k->aside);
	if (sink_to_fd(fd, k->aside, &to, err) < 0)
		return -1;
	return stream_copy(contents, to, err);
}

/* Where two streams part: an offset, which may be the end of one; or -1. */
static int64_t first_difference(struct stream *a, struct stream *b,
				struct error *err)
{
	char left[32768], right[sizeof(left)];
	int64_t offset = 0;

	for (;;) {
		ssize_t n = stream_read_full(a, left, sizeof(left), err);
		ssize_t m =
			n < 0 ? -1
			      : stream_read_full(b, right, sizeof(right), err);
		ssize_t i = 0;

		if (m < 0)
			return -1;
		while (i < n && i < m && left[i] == right[i])
			i++;
		offset += i;
		if (i < n || i < m || !n)
			return offset;
	}
}

static int find_offset(struct diff *d, const struct entry *e,
		       struct stream *contents, struct error *err)
{
	const struct known *k = differing(d, e);
	AUTO(stream_free) struct stream *left = NULL;
	int64_t offset;
	int fd;

	if (!k)
		return 0;
	fd = openat(batch_fd(d->batch), k->aside, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", k->aside);
	if (stream_from_fd(fd, true, 0, UINT64_MAX, &left, err) < 0)
		return -1;
	offset = first_difference(left, contents, err);
	if (offset < 0)
		return -1;
	unlinkat(batch_fd(d->batch), k->aside, 0);
	return json_array_append_new(json_object_get(k->change, "fields"),
				     json_pack("{s:s, s:I}", "field", "content",
					       "offset", (json_int_t)offset)) <
			       0
		       ? error_nomem(err, WHAT)
		       : 0;
}

static bool has_aside(void *ctx, const void *key, size_t key_len, void *value)
{
	const struct known *k = value;

	(void)key;
	(void)key_len;
	*(bool *)ctx |= k->aside != NULL;
	return true;
}

static int compare_contents(struct diff *d, struct layer *a, struct layer *b,
			    struct error *err)
{
	bool any = false;

	map_each(d->known, has_aside, &any);
	if (!any)
		return 0;
	return each_entry(a, d, put_aside, err) < 0 ||
			       each_entry(b, d, find_offset, err) < 0
		       ? -1
		       : 0;
}

static int by_path(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;

	return entry_path_compare(json_get_string(*left, "path"),
				  json_get_string(*right, "path"));
}

static json_t *sorted(const json_t *report)
{
	size_t n = json_array_size(report);
	autofree json_t **items = calloc(n + 1, sizeof(json_t *));
	AUTO(json_decref) json_t *ret = json_array();

	if (!items || !ret)
		return NULL;
	for (size_t i = 0; i < n; i++)
		items[i] = json_array_get(report, i);
	qsort(items, n, sizeof(json_t *), by_path);
	for (size_t i = 0; i < n; i++)
		if (json_array_append(ret, items[i]) < 0)
			return NULL;
	return steal_pointer(&ret);
}

static int compare(struct diff *d, struct layer *a, struct layer *b,
		   struct error *err)
{
	if (!d->known || !d->report)
		return error_nomem(err, WHAT);
	if (each_entry(a, d, learn, err) < 0 ||
	    each_entry(b, d, hold_against, err) < 0)
		return -1;
	map_each(d->known, report_unseen, d);
	if (d->failed)
		return error_nomem(err, WHAT);
	return compare_contents(d, a, b, err);
}

json_t *layer_diff(struct batch *batch, struct layer *a, struct layer *b,
		   struct error *err)
{
	struct diff d = {
		.batch = batch,
		.known = map_new(known_free),
		.report = json_array(),
	};
	json_t *ret = NULL;

	if (compare(&d, a, b, err) == 0) {
		ret = sorted(d.report);
		if (!ret)
			error_nomem(err, WHAT);
	}
	map_free(d.known);
	json_decref(d.report);
	return ret;
}
