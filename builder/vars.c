#include "builder/vars.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

void vars_release(struct vars *v)
{
	strv_release(&v->list);
	map_free(v->index);
	v->index = NULL;
}

/* As in a process's environment, a name ends before its first "=". */
static size_t name_len(const char *name)
{
	return strcspn(name, "=");
}

/* Positions count from 1 in the index: nothing is NULL. */
static size_t position(const struct vars *v, const char *name)
{
	return v->index ? (uintptr_t)map_get(v->index, name, name_len(name))
			: 0;
}

/* Takes `item`; its name is not known yet. */
static void append(struct vars *v, char *item)
{
	strv_take(&v->list, item);
	if (v->list.failed)
		return;
	if (!v->index)
		v->index = map_new(NULL);
	if (!v->index || map_put(v->index, item, name_len(item),
				 (void *)(uintptr_t)v->list.len) < 0)
		v->list.failed = true;
}

/* Takes `item`; NULL: no memory. */
static void put(struct vars *v, char *item)
{
	size_t at;

	if (!item) {
		v->list.failed = true;
		return;
	}
	at = position(v, item);
	if (!at) {
		append(v, item);
		return;
	}
	free(v->list.items[at - 1]);
	v->list.items[at - 1] = item;
}

void vars_set(struct vars *v, const char *name, const char *value)
{
	char *item;

	if (asprintf(&item, "%s%s%s", name, value ? "=" : "",
		     value ? value : "") < 0)
		item = NULL;
	put(v, item);
}

void vars_add_all(struct vars *v, const struct strv *items)
{
	size_t i;

	for (i = 0; i < items->len; i++)
		put(v, strdup(items->items[i]));
	v->list.failed |= items->failed;
}

const char *vars_get(const struct vars *v, const char *name)
{
	size_t at = position(v, name);
	const char *after = at ? v->list.items[at - 1] + name_len(name) : "";

	return *after == '=' ? after + 1 : NULL;
}

bool vars_has(const struct vars *v, const char *name)
{
	return position(v, name);
}

int vars_check(const struct vars *v, const char *what, struct error *err)
{
	return strv_check(&v->list, what, err);
}

static const char *lookup(void *ctx, const char *name)
{
	return vars_get(ctx, name);
}

struct expand_env vars_expand_env(const struct vars *v)
{
	/* It is only read; the field is shared with other lookups. */
	return (struct expand_env){ .lookup = lookup, .ctx = (void *)v };
}
