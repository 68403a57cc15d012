#include "builder/cli/diff_print.h"

#include <string.h>

#include "registry/printable.h"
#include "store/base/json.h"

/* Longer values are cut. */
#define VALUE_SIZE 400

static void append_text(struct buf *ret, const char *text)
{
	char safe[VALUE_SIZE];

	buf_append_str(ret, printable(safe, sizeof(safe), text, strlen(text)));
}

static void append_value(struct buf *ret, const json_t *value)
{
	autofree char *text = NULL;

	if (json_is_null(value)) {
		buf_append_char(ret, '-');
	} else if (json_is_string(value)) {
		append_text(ret, json_string_value(value));
	} else {
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		append_text(ret, text ? text : "?");
	}
}

static void append_sides(struct buf *ret, const json_t *item)
{
	append_value(ret, json_object_get(item, "left"));
	buf_append_str(ret, " -> ");
	append_value(ret, json_object_get(item, "right"));
}

/* "config.Env[1]: A=1 -> A=2" */
static void append_member(struct buf *ret, const json_t *item)
{
	append_text(ret, json_get_string(item, "path"));
	buf_append_str(ret, ": ");
	append_sides(ret, item);
}

/* "mode: 0644 -> 0755", "content: from byte 17 on" */
static void append_field(struct buf *ret, const json_t *field)
{
	int64_t offset = json_get_int(field, "offset", -1);

	append_text(ret, json_get_string(field, "field"));
	buf_append_str(ret, ": ");
	if (offset >= 0)
		buf_printf(ret, "from byte %lld on", (long long)offset);
	else
		append_sides(ret, field);
}

/* "/etc/hostname: mode: 0644 -> 0755, mtime: ..." */
static void append_file(struct buf *ret, const json_t *file)
{
	const json_t *fields = json_object_get(file, "fields");
	const json_t *field;
	size_t i;

	buf_append_char(ret, '/');
	append_text(ret, json_get_string(file, "path"));
	buf_append_str(ret, ": ");
	if (!fields)
		buf_append_str(ret, json_get_string(file, "change"));
	json_array_foreach((json_t *)fields, i, field) {
		if (i)
			buf_append_str(ret, ", ");
		append_field(ret, field);
	}
}

/* "layer 3 (RUN make)", "layer 3, only on the left (RUN make)" */
static void append_layer(struct buf *ret, const json_t *layer)
{
	const json_t *left = json_object_get(layer, "left");
	const json_t *right = json_object_get(layer, "right");
	const json_t *one = json_is_null(left) ? right : left;
	const char *by = json_get_string(one, "createdBy");

	buf_printf(ret, "layer %lld", (long long)json_get_int(one, "index", 0));
	if (json_is_null(left))
		buf_append_str(ret, ", only on the right");
	else if (json_is_null(right))
		buf_append_str(ret, ", only on the left");
	if (by) {
		buf_append_str(ret, " (");
		append_text(ret, by);
		buf_append_char(ret, ')');
	}
}

static void append_members(struct buf *ret, const json_t *diff,
			   const char *section)
{
	const json_t *items = json_object_get(diff, section);
	const json_t *item;
	size_t i;

	if (json_array_size(items))
		buf_printf(ret, "%s:\n", section);
	json_array_foreach((json_t *)items, i, item) {
		buf_append_str(ret, "  ");
		append_member(ret, item);
		buf_append_char(ret, '\n');
	}
}

static void append_layer_files(struct buf *ret, const json_t *layer)
{
	const json_t *files = json_object_get(layer, "files");
	const json_t *file;
	size_t i;

	append_layer(ret, layer);
	buf_append_str(ret, ":\n");
	json_array_foreach((json_t *)files, i, file) {
		buf_append_str(ret, "  ");
		append_file(ret, file);
		buf_append_char(ret, '\n');
	}
	/* Equal files in another order, or another way to write them. */
	if (!json_array_size(files))
		buf_append_str(ret, "  the same files, packed otherwise\n");
}

void diff_print(const json_t *diff, struct buf *ret)
{
	const json_t *layers = json_object_get(diff, "layers");
	const json_t *layer;
	size_t i;

	append_members(ret, diff, "config");
	append_members(ret, diff, "history");
	json_array_foreach((json_t *)layers, i, layer)
		append_layer_files(ret, layer);
}

void diff_print_first(const json_t *diff, struct buf *ret)
{
	const json_t *layer =
		json_array_get(json_object_get(diff, "layers"), 0);
	const json_t *file = json_array_get(json_object_get(layer, "files"), 0);
	const char *section = json_array_size(json_object_get(diff, "config"))
				      ? "config"
				      : "history";

	if (layer) {
		append_layer(ret, layer);
		buf_append_str(ret, ": ");
		if (file)
			append_file(ret, file);
		else
			buf_append_str(ret, "packed otherwise");
		return;
	}
	buf_printf(ret, "%s: ", section);
	append_member(ret, json_array_get(json_object_get(diff, section), 0));
}
