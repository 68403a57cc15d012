/*
 * Layers are shared, so what forgetting a step frees is not a number of its
 * own: the store that would remain is measured for some numbers of victims,
 * halving the interval each time.
 */
#include "store/gc_budget.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/array.h"
#include "store/base/io.h"
#include "store/base/timefmt.h"
#include "store/gc_mark.h"
#include "store/usage.h"

/* Every object that can be marked, with its size. */
struct object {
	enum gc_kind kind;
	uint64_t bytes;
	char name[];
};

struct plan {
	struct store *store;
	struct gc_budget *budget;
	const struct map *sizes;
	struct map *measured; /* or what is to become that */
	struct object **objects;
	size_t n_objects, capacity;
	struct map *dropped; /* names of steps that are victims for now */
};

void gc_budget_release(struct gc_budget *b)
{
	for (size_t i = 0; i < b->len; i++)
		free(b->items[i].name);
	free(b->items);
}

static void plan_release(struct plan *p)
{
	for (size_t i = 0; i < p->n_objects; i++)
		free(p->objects[i]);
	free(p->objects);
	map_free(p->dropped);
}
DEFINE_RELEASE(struct plan, plan_release);

static int for_each(struct plan *p, const char *path, unsigned kind,
		    int (*visit)(struct plan *p, unsigned kind, int dirfd,
				 const char *name, struct error *err),
		    struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(p->store), path);
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot list '%s'", path);
	while ((rc = io_next_entry(dir, path, &name, err)) > 0)
		if (*name != '.' && visit(p, kind, dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}

/* Objects never change: a size that is known stays. */
struct size_key {
	char text[sizeof("0/") + 128];
};

static struct size_key size_key(unsigned kind, const char *name)
{
	struct size_key key;

	snprintf(key.text, sizeof(key.text), "%u/%s", kind, name);
	return key;
}

static uint64_t size_of(const struct plan *p, unsigned kind, int dirfd,
			const char *name)
{
	struct size_key key = size_key(kind, name);
	const uint64_t *known = map_get(p->sizes, key.text, strlen(key.text));

	return known ? *known : usage_of(dirfd, name);
}

static int measure_object(struct plan *p, unsigned kind, int dirfd,
			  const char *name, struct error *err)
{
	struct size_key key = size_key(kind, name);
	uint64_t *bytes = malloc(sizeof(*bytes));

	if (!bytes)
		return error_nomem(err, "collecting garbage");
	*bytes = usage_of(dirfd, name);
	if (map_put(p->measured, key.text, strlen(key.text), bytes) == 0)
		return 0;
	free(bytes);
	return error_nomem(err, "collecting garbage");
}

static int add_object(struct plan *p, unsigned kind, int dirfd,
		      const char *name, struct error *err)
{
	size_t len = strlen(name) + 1;
	struct object **grown = array_room(p->objects, p->n_objects,
					   &p->capacity, sizeof(*grown));
	struct object *o;

	if (!grown)
		return error_nomem(err, "collecting garbage");
	p->objects = grown;
	o = malloc(sizeof(*o) + len);
	if (!o)
		return error_nomem(err, "collecting garbage");
	o->kind = (enum gc_kind)kind;
	o->bytes = size_of(p, kind, dirfd, name);
	memcpy(o->name, name, len);
	p->objects[p->n_objects++] = o;
	return 0;
}

static int add_victim(struct plan *p, unsigned is_mount, int dirfd,
		      const char *name, struct error *err)
{
	struct gc_budget *b = p->budget;
	struct gc_victim v = { .is_mount = is_mount }, *grown;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	v.used = st.st_mtim;
	v.bytes = usage_of(dirfd, name);
	grown = array_room(b->items, b->len, &b->capacity, sizeof(*grown));
	if (!grown)
		return error_nomem(err, "collecting garbage");
	b->items = grown;
	v.name = strdup(name);
	if (!v.name)
		return error_nomem(err, "collecting garbage");
	b->items[b->len++] = v;
	return 0;
}

static int by_last_use(const void *a, const void *b)
{
	const struct gc_victim *left = a, *right = b;

	return time_compare(left->used, right->used);
}

static bool is_kept(void *ctx, const char *file)
{
	const struct plan *p = ctx;

	return !map_get(p->dropped, file, strlen(file));
}

/* The store's size without its first `n` steps and mounts. */
static int measure(struct plan *p, size_t n, uint64_t *ret, struct error *err)
{
	AUTO(gc_marks_free) struct gc_marks *marks = NULL;
	const struct gc_budget *b = p->budget;
	uint64_t sum = 0;

	map_free(p->dropped);
	p->dropped = map_new(NULL);
	if (!p->dropped)
		return error_nomem(err, "collecting garbage");
	for (size_t i = 0; i < b->len; i++)
		if (i >= n)
			sum += b->items[i].bytes;
		else if (!b->items[i].is_mount &&
			 map_put(p->dropped, b->items[i].name,
				 strlen(b->items[i].name), p) < 0)
			return error_nomem(err, "collecting garbage");
	if (gc_mark(p->store, is_kept, p, &marks, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_objects; i++)
		if (gc_is_marked(marks, p->objects[i]->kind,
				 p->objects[i]->name))
			sum += p->objects[i]->bytes;
	*ret = sum;
	return 0;
}

static int each_object(struct plan *p,
		       int (*visit)(struct plan *p, unsigned kind, int dirfd,
				    const char *name, struct error *err),
		       struct error *err)
{
	if (for_each(p, "layers/sha256", GC_LAYER, visit, err) < 0 ||
	    for_each(p, "snapshots", GC_SNAPSHOT, visit, err) < 0)
		return -1;
	return for_each(p, "blobs/sha256", GC_BLOB, visit, err);
}

static int list_all(struct plan *p, struct error *err)
{
	if (each_object(p, add_object, err) < 0 ||
	    for_each(p, "cache", false, add_victim, err) < 0 ||
	    for_each(p, "mounts", true, add_victim, err) < 0)
		return -1;
	if (p->budget->len)
		qsort(p->budget->items, p->budget->len,
		      sizeof(*p->budget->items), by_last_use);
	return 0;
}

int gc_sizes_new(struct store *s, struct map **ret, struct error *err)
{
	AUTO(map_free) struct map *sizes = map_new(free);
	struct plan p = { .store = s, .measured = sizes };

	if (!sizes)
		return error_nomem(err, "collecting garbage");
	if (each_object(&p, measure_object, err) < 0)
		return -1;
	*ret = steal_pointer(&sizes);
	return 0;
}

int gc_budget_plan(struct store *s, uint64_t max_bytes, const struct map *sizes,
		   struct gc_budget *ret, struct error *err)
{
	AUTO(plan_release)
	struct plan p = { .store = s, .budget = ret, .sizes = sizes };
	size_t low = 0, high;

	if (list_all(&p, err) < 0)
		return -1;
	high = ret->len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		uint64_t bytes = 0;

		if (measure(&p, middle, &bytes, err) < 0)
			return -1;
		if (bytes <= max_bytes)
			high = middle;
		else
			low = middle + 1;
	}
	ret->n_victims = low;
	return 0;
}
