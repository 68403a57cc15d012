#include "store/base/json.h"

#include <string.h>

json_t *json_parse(const char *data, size_t len, const char *what,
		   struct error *err)
{
	/* Nesting is bounded by jansson itself (2048 levels). */
	json_error_t problem;
	json_t *value = json_loadb(
		data, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);

	if (value)
		return value;
	if (json_error_code(&problem) == json_error_out_of_memory)
		error_nomem(err, "parsing JSON");
	else
		error_set(err, ERROR_INTEGRITY,
			  "%s is not valid JSON: line %d, column %d: %s", what,
			  problem.line, problem.column, problem.text);
	return NULL;
}

char *json_serialize(const json_t *value, size_t *len, struct error *err)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!text)
		error_nomem(err, "writing JSON");
	else if (len)
		*len = strlen(text);
	return text;
}

const char *json_get_string(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int64_t json_get_int(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

int json_get_strings(const json_t *object, const char *key, struct strv *ret,
		     struct error *err)
{
	const json_t *array = json_object_get(object, key), *item;
	size_t i;

	if (!array || json_is_null(array))
		return 0;
	if (!json_is_array(array))
		return error_set(err, ERROR_INTEGRITY, "\"%s\" is not a list",
				 key);
	json_array_foreach(array, i, item) {
		if (!json_is_string(item))
			return error_set(err, ERROR_INTEGRITY,
					 "\"%s\" holds what is no string", key);
		strv_append(ret, json_string_value(item));
	}
	return strv_check(ret, "reading JSON", err);
}

json_t *json_from_strv(const struct strv *v)
{
	AUTO(json_decref) json_t *array = json_array();
	size_t i;

	if (!array)
		return NULL;
	for (i = 0; i < v->len; i++)
		if (json_array_append_new(array, json_string(v->items[i])) < 0)
			return NULL;
	return steal_pointer(&array);
}

static json_t *sorted_array(const json_t *array)
{
	AUTO(json_decref) json_t *copy = json_array();
	const json_t *item;
	size_t i;

	if (!copy)
		return NULL;
	json_array_foreach(array, i, item)
		if (json_array_append_new(copy, json_sorted_copy(item)) < 0)
			return NULL;
	return steal_pointer(&copy);
}

static json_t *sorted_object(const json_t *object)
{
	AUTO(json_decref) json_t *copy = json_object();
	AUTO(strv_release) struct strv keys = STRV_INIT;
	const char *key;
	const json_t *value;
	size_t i;

	/* The iteration macro wants a pointer that it could write through. */
	json_object_foreach((json_t *)object, key, value)
		strv_append(&keys, key);
	if (!copy || keys.failed)
		return NULL;
	strv_sort(&keys);
	for (i = 0; i < keys.len; i++) {
		value = json_object_get(object, keys.items[i]);
		if (json_object_set_new(copy, keys.items[i],
					json_sorted_copy(value)) < 0)
			return NULL;
	}
	return steal_pointer(&copy);
}

json_t *json_sorted_copy(const json_t *value)
{
	if (json_is_object(value))
		return sorted_object(value);
	if (json_is_array(value))
		return sorted_array(value);
	return json_deep_copy(value);
}
