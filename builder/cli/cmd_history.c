#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "builder/cli/table.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"
#include "store/layer.h"

#define COLUMNS		 4
#define CREATED_BY_WIDTH 60

/* One line of `text`, cut unless `whole`. */
static void add_created_by(struct strv *cells, const char *text, bool whole)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const char *c, *end = text + strlen(text);

	if (!whole && end - text > CREATED_BY_WIDTH)
		end = text + CREATED_BY_WIDTH;
	for (c = text; c < end; c++)
		buf_append_char(&line, (unsigned char)*c < 0x20 ? ' ' : *c);
	if (*end)
		buf_append_str(&line, "...");
	strv_append(cells, line.data ? line.data : "");
	cells->failed |= line.failed;
}

static void add_row(struct strv *cells, const json_t *item, struct layer *layer,
		    bool whole)
{
	const char *created = json_get_string(item, "created");
	const char *by = json_get_string(item, "created_by");
	const char *comment = json_get_string(item, "comment");
	struct timespec then;

	if (created && time_parse(created, &then))
		table_age(cells, then);
	else
		strv_append(cells, "-");
	add_created_by(cells, by ? by : "", whole);
	table_size(cells, layer ? layer_size(layer) : 0);
	strv_append(cells, comment ? comment : "");
}

static int print_history(const struct image *image, bool whole,
			 struct error *err)
{
	AUTO(strv_release) struct strv cells = STRV_INIT;
	const json_t *history = json_object_get(image->config, "history");
	size_t i = json_array_size(history), layer = image->n_layers;

	strv_append(&cells, "CREATED");
	strv_append(&cells, "CREATED BY");
	strv_append(&cells, "SIZE");
	strv_append(&cells, "COMMENT");
	while (i-- > 0) {
		const json_t *item = json_array_get(history, i);
		bool empty = json_is_true(json_object_get(item, "empty_layer"));

		if (!empty && layer > 0)
			layer--;
		add_row(&cells, item, empty ? NULL : image->layers[layer],
			whole);
	}
	if (strv_check(&cells, "printing the history", err) < 0)
		return -1;
	table_print(stdout, &cells, COLUMNS);
	return 0;
}

int cmd_history(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	bool whole = false;
	static const struct command_usage usage = { "history [OPTIONS] IMAGE",
						    "history takes one image",
						    1, 1 };
	const struct option_spec specs[] = {
		{ "no-trunc", 0, OPTION_BOOL, &whole, NULL,
		  "show whole instructions" },
		SESSION_STORE_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	AUTO(image_free) struct image *image = NULL;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (session_open(&options, &s, err) < 0 ||
	    session_open_image(s, words.items[0], &image, err) < 0)
		return -1;
	return print_history(image, whole, err);
}
