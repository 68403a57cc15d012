/* The tree as JSON. Bytes that are no UTF-8 appear as U+FFFD. */
#include "parser/dockerfile.h"
#include "store/base/json_text.h"

static json_t *json_text_or_null(const char *text)
{
	return text ? json_text(text) : json_null();
}

/* A list under construction: NULL once anything failed. */
static void list_add(json_t **list, json_t *item)
{
	if (*list && item && json_array_append_new(*list, item) == 0)
		return;
	if (!*list)
		json_decref(item);
	json_decref(*list);
	*list = NULL;
}

/* The same for objects. */
static void object_add(json_t **object, const char *key, json_t *value)
{
	if (*object && value && json_object_set_new(*object, key, value) == 0)
		return;
	if (!*object)
		json_decref(value);
	json_decref(*object);
	*object = NULL;
}

static json_t *json_heredoc(const struct heredoc *doc)
{
	json_t *object = json_object();

	object_add(&object, "name", json_text_or_null(doc->name));
	object_add(&object, "content",
		   json_text_len(doc->content, doc->content_len));
	object_add(&object, "expand", json_boolean(doc->expand));
	object_add(&object, "chomp", json_boolean(doc->chomp));
	object_add(&object, "fd", json_integer(doc->fd));
	return object;
}

static json_t *json_heredocs(const struct instruction *in)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < in->n_heredocs; i++)
		list_add(&list, json_heredoc(&in->heredocs[i]));
	return list;
}

static json_t *json_lines(const struct instruction *in)
{
	json_t *list = json_array();

	list_add(&list, json_integer(in->first_line));
	list_add(&list, json_integer(in->last_line));
	return list;
}

static json_t *json_instruction(const struct instruction *in)
{
	json_t *object = json_object();

	object_add(&object, "name", json_string(instruction_name(in->kind)));
	object_add(&object, "flags", json_texts(&in->flags));
	object_add(&object, "args", json_texts(&in->args));
	object_add(&object, "json", json_boolean(in->json));
	object_add(&object, "lines", json_lines(in));
	object_add(&object, "heredocs", json_heredocs(in));
	if (in->onbuild)
		object_add(&object, "sub", json_instruction(in->onbuild));
	return object;
}

static json_t *json_directives(const struct dockerfile *df)
{
	json_t *object = json_object();

	object_add(&object, "syntax", json_text_or_null(df->syntax));
	object_add(&object, "escape", json_text_len(&df->escape, 1));
	object_add(&object, "check", json_text_or_null(df->check));
	return object;
}

json_t *dockerfile_to_json(const struct dockerfile *df)
{
	json_t *object = json_object(), *list = json_array();
	size_t i;

	for (i = 0; i < df->len; i++)
		list_add(&list, json_instruction(&df->instructions[i]));
	object_add(&object, "directives", json_directives(df));
	object_add(&object, "instructions", list);
	return object;
}
