#include "builder/sandbox/wire.h"

#include <string.h>

/*
 * Form: struct sandbox as it lies in memory, with meaningless pointers, then
 * what the pointers meant: the strings and lists of strings in the order of
 * the tables, then the lists of plain structs. A string is its length with
 * the NUL (0 for NULL) and its bytes, a list its count and its items.
 */
static const size_t string_fields[] = {
	offsetof(struct sandbox, runtime),
	offsetof(struct sandbox, upper),
	offsetof(struct sandbox, work),
	offsetof(struct sandbox, scratch),
	offsetof(struct sandbox, cwd),
	offsetof(struct sandbox, hostname),
	offsetof(struct sandbox, hosts),
	offsetof(struct sandbox, resolv_conf),
	offsetof(struct sandbox, apparmor),
	offsetof(struct sandbox, seccomp_rules),
	offsetof(struct sandbox, limits.cpuset_cpus),
	offsetof(struct sandbox, limits.cgroup_parent),
};

/* NULL-terminated lists of strings. */
static const size_t list_fields[] = {
	offsetof(struct sandbox, args),
	offsetof(struct sandbox, env),
};

static const char **string_at(const struct sandbox *sb, size_t offset)
{
	return (const char **)((const char *)sb + offset);
}

static const char *const **list_at(const struct sandbox *sb, size_t offset)
{
	return (const char *const **)((const char *)sb + offset);
}

static void put_u32(struct buf *buf, size_t value)
{
	uint32_t v = (uint32_t)value;

	/* Longer than this is longer than the kernel takes anywhere. */
	if (value > UINT32_MAX)
		buf->failed = true;
	buf_append(buf, &v, sizeof(v));
}

static void put_string(struct buf *buf, const char *str)
{
	size_t size = str ? strlen(str) + 1 : 0;

	put_u32(buf, size);
	buf_append(buf, str, size);
}

static void put_list(struct buf *buf, const char *const *items, size_t n)
{
	put_u32(buf, n);
	for (size_t i = 0; i < n; i++)
		put_string(buf, items[i]);
}

static size_t list_len(const char *const *items)
{
	size_t n = 0;

	while (items && items[n])
		n++;
	return n;
}

int wire_encode(const struct sandbox *sb, struct buf *buf, struct error *err)
{
	buf_append(buf, sb, sizeof(*sb));
	for (size_t i = 0; i < ARRAY_LEN(string_fields); i++)
		put_string(buf, *string_at(sb, string_fields[i]));
	for (size_t i = 0; i < ARRAY_LEN(list_fields); i++) {
		const char *const *list = *list_at(sb, list_fields[i]);

		put_list(buf, list, list_len(list));
	}
	put_list(buf, sb->lowers, sb->n_lowers);
	put_list(buf, sb->pending, sb->pending ? sb->n_lowers : 0);
	buf_append(buf, sb->user.groups,
		   sb->user.n_groups * sizeof(*sb->user.groups));
	buf_append(buf, sb->rlimits, sb->n_rlimits * sizeof(*sb->rlimits));
	buf_append(buf, sb->limits.device_rates,
		   sb->limits.n_device_rates *
			   sizeof(*sb->limits.device_rates));
	buf_append(buf, sb->seccomp, sb->n_seccomp * sizeof(*sb->seccomp));
	buf_append(buf, sb->mounts, sb->n_mounts * sizeof(*sb->mounts));
	for (size_t i = 0; i < sb->n_mounts; i++)
		put_string(buf, sb->mounts[i].target);
	return buf_check(buf, "a container's description", err);
}

struct reader {
	const char *data;
	size_t left;
	struct wire_sandbox *out;
	bool is_bad;
	bool is_out_of_memory;
};

/* The next `size` bytes, or NULL when there are fewer. */
static const void *take(struct reader *r, size_t size)
{
	const void *data = r->data;

	if (r->is_bad || size > r->left) {
		r->is_bad = true;
		return NULL;
	}
	r->data += size;
	r->left -= size;
	return data;
}

static uint32_t take_u32(struct reader *r)
{
	const void *data = take(r, sizeof(uint32_t));
	uint32_t v = 0;

	if (data)
		memcpy(&v, data, sizeof(v));
	return v;
}

static const char *take_string(struct reader *r)
{
	uint32_t size = take_u32(r);
	const char *str = size ? take(r, size) : NULL;

	if (str && str[size - 1] != '\0') {
		r->is_bad = true;
		return NULL;
	}
	return str;
}

/* Memory for `n` items that take at least `least` bytes each in the data. */
static void *allocate(struct reader *r, size_t n, size_t size, size_t least)
{
	struct wire_sandbox *w = r->out;
	void **grown;

	if (r->is_bad || n > r->left / least) {
		r->is_bad = true;
		return NULL;
	}
	grown = reallocarray(w->allocations, w->n_allocations + 1,
			     sizeof(*grown));
	if (!grown) {
		r->is_out_of_memory = true;
		return NULL;
	}
	w->allocations = grown;
	grown[w->n_allocations] = calloc(n + 1, size);
	if (!grown[w->n_allocations]) {
		r->is_out_of_memory = true;
		return NULL;
	}
	return grown[w->n_allocations++];
}

static const char *const *take_list(struct reader *r, size_t *count)
{
	uint32_t n = take_u32(r);
	const char **items = allocate(r, n, sizeof(*items), sizeof(uint32_t));

	if (!items)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		items[i] = take_string(r);
	if (count)
		*count = n;
	return items;
}

static void *take_structs(struct reader *r, size_t n, size_t size)
{
	void *items = allocate(r, n, size, size);
	const void *data = items ? take(r, n * size) : NULL;

	if (!data)
		return NULL;
	memcpy(items, data, n * size);
	return items;
}

static void take_sandbox(struct reader *r, struct sandbox *sb)
{
	const void *raw = take(r, sizeof(*sb));
	struct sandbox_mount *mounts;
	size_t n_pending = 0;

	if (!raw)
		return;
	memcpy(sb, raw, sizeof(*sb));
	for (size_t i = 0; i < ARRAY_LEN(string_fields); i++)
		*string_at(sb, string_fields[i]) = take_string(r);
	for (size_t i = 0; i < ARRAY_LEN(list_fields); i++)
		*list_at(sb, list_fields[i]) = take_list(r, NULL);
	sb->lowers = take_list(r, &sb->n_lowers);
	sb->pending = take_list(r, &n_pending);
	if (!n_pending)
		sb->pending = NULL;
	else if (n_pending != sb->n_lowers)
		r->is_bad = true;
	sb->user.groups =
		take_structs(r, sb->user.n_groups, sizeof(*sb->user.groups));
	sb->rlimits = take_structs(r, sb->n_rlimits, sizeof(*sb->rlimits));
	sb->limits.device_rates = take_structs(
		r, sb->limits.n_device_rates, sizeof(*sb->limits.device_rates));
	sb->seccomp = take_structs(r, sb->n_seccomp, sizeof(*sb->seccomp));
	mounts = take_structs(r, sb->n_mounts, sizeof(*mounts));
	for (size_t i = 0; mounts && i < sb->n_mounts; i++) {
		mounts[i].target = take_string(r);
		mounts[i].source_fd = -1;
	}
	sb->mounts = mounts;
}

int wire_decode(const void *data, size_t len, struct wire_sandbox *ret,
		struct error *err)
{
	AUTO(wire_release) struct wire_sandbox w = { 0 };
	struct reader r = { .data = data, .left = len, .out = &w };

	take_sandbox(&r, &w.sb);
	if (r.is_out_of_memory)
		return error_nomem(err, "a container's description");
	if (r.is_bad || r.left)
		return error_set(err, ERROR_INTEGRITY,
				 "a container's description is damaged");
	*ret = w;
	w = (struct wire_sandbox){ 0 };
	return 0;
}

void wire_release(struct wire_sandbox *w)
{
	for (size_t i = 0; i < w->n_allocations; i++)
		free(w->allocations[i]);
	free(w->allocations);
	*w = (struct wire_sandbox){ 0 };
}
