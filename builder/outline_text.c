/* Targets and inputs of a Dockerfile, as text for people. */
#include "builder/outline.h"
#include "store/base/json.h"

void outline_append_targets(struct buf *out, const json_t *targets)
{
	const json_t *list = json_object_get(targets, "targets"), *target;
	size_t i;

	buf_printf(out, "%-24s %s\n", "TARGET", "DESCRIPTION");
	json_array_foreach(list, i, target) {
		AUTO(buf_release) struct buf name = BUF_INIT;
		const char *text = json_get_string(target, "description");
		const char *known = json_get_string(target, "name");
		bool is_default =
			json_is_true(json_object_get(target, "default"));

		buf_append_str(&name, known && *known ? known : "-");
		if (is_default)
			buf_append_str(&name, " (default)");
		buf_printf(out, "%-24s %s\n", name.data ? name.data : "",
			   text ? text : "");
	}
}

/* Caches have an "ID" in place of a name, and need nothing. */
static void append_caches(struct buf *out, const json_t *outline)
{
	const json_t *list = json_object_get(outline, "cache"), *item;
	size_t i;

	if (json_array_size(list))
		buf_append_str(out, "\nCACHE MOUNT\n");
	json_array_foreach(list, i, item)
		buf_printf(out, "%s\n", json_get_string(item, "ID"));
}

static void append_list(struct buf *out, const json_t *outline, const char *key,
			const char *title)
{
	const json_t *list = json_object_get(outline, key), *item;
	size_t i;

	if (!json_array_size(list))
		return;
	buf_printf(out, "\n%-24s REQUIRED\n", title);
	json_array_foreach(list, i, item)
		buf_printf(out, "%-24s %s\n", json_get_string(item, "name"),
			   json_is_true(json_object_get(item, "required"))
				   ? "true"
				   : "false");
}

void outline_append_target(struct buf *out, const json_t *outline)
{
	const json_t *args = json_object_get(outline, "args"), *item;
	const char *name = json_get_string(outline, "name");
	const char *text = json_get_string(outline, "description");
	size_t i;

	buf_printf(out, "TARGET: %s\n", name && *name ? name : "default");
	if (text && *text)
		buf_printf(out, "DESCRIPTION: %s\n", text);
	if (json_array_size(args))
		buf_printf(out, "\n%-24s %-16s %s\n", "BUILD ARG", "VALUE",
			   "DESCRIPTION");
	json_array_foreach(args, i, item) {
		const char *value = json_get_string(item, "value");
		const char *about = json_get_string(item, "description");

		buf_printf(out, "%-24s %-16s %s\n",
			   json_get_string(item, "name"), value ? value : "",
			   about ? about : "");
	}
	append_list(out, outline, "secrets", "SECRET");
	append_list(out, outline, "ssh", "SSH");
	append_caches(out, outline);
}
