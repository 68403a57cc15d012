#include "store/base/strv.h"

#include <stdio.h>
#include <string.h>

#include "store/base/array.h"

void strv_release(struct strv *v)
{
	size_t i;

	for (i = 0; i < v->len; i++)
		free(v->items[i]);
	free(v->items);
	*v = (struct strv)STRV_INIT;
}

void strv_take(struct strv *v, char *str)
{
	char **items = NULL;

	/* The NULL behind the last one counts, too. */
	if (str && !v->failed)
		items = array_room(v->items, v->len + 1, &v->capacity,
				   sizeof(*items));
	if (!items) {
		v->failed = true;
		free(str);
		return;
	}
	v->items = items;
	v->items[v->len++] = str;
	v->items[v->len] = NULL;
}

void strv_append(struct strv *v, const char *str)
{
	strv_take(v, strdup(str));
}

void strv_append_len(struct strv *v, const char *str, size_t len)
{
	strv_take(v, strndup(str, len));
}

void strv_append_all(struct strv *v, const struct strv *from)
{
	size_t i;

	for (i = 0; i < from->len; i++)
		strv_append(v, from->items[i]);
	v->failed |= from->failed;
}

char *strv_remove(struct strv *v, size_t i)
{
	char *item = v->items[i];

	memmove(v->items + i, v->items + i + 1,
		(v->len - i) * sizeof(*v->items));
	v->len--;
	return item;
}

ptrdiff_t strv_find(const struct strv *v, const char *str)
{
	size_t i;

	for (i = 0; i < v->len; i++)
		if (!strcmp(v->items[i], str))
			return (ptrdiff_t)i;
	return -1;
}

static int compare_items(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void strv_sort(struct strv *v)
{
	if (v->len > 1)
		qsort(v->items, v->len, sizeof(*v->items), compare_items);
}

int strv_check(const struct strv *v, const char *what, struct error *err)
{
	return v->failed ? error_nomem(err, what) : 0;
}

static ptrdiff_t find_env(const struct strv *env, const char *name)
{
	size_t len = strlen(name), i;

	for (i = 0; i < env->len; i++)
		if (!strncmp(env->items[i], name, len) &&
		    env->items[i][len] == '=')
			return (ptrdiff_t)i;
	return -1;
}

const char *strv_env_get(const struct strv *env, const char *name)
{
	ptrdiff_t i = find_env(env, name);

	return i < 0 ? NULL : env->items[i] + strlen(name) + 1;
}

void strv_env_set(struct strv *env, const char *name, const char *value)
{
	ptrdiff_t i = find_env(env, name);
	char *item;

	if (asprintf(&item, "%s=%s", name, value) < 0)
		item = NULL;
	if (i < 0 || !item) {
		strv_take(env, item);
		return;
	}
	free(env->items[i]);
	env->items[i] = item;
}
