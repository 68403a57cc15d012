#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "builder/cli/table.h"
#include "store/base/json.h"
#include "store/usage.h"

#define COLUMNS 4

struct line {
	const char *label;
	const char *name; /* in JSON */
	struct usage_line usage;
};

#define N_LINES 6

static void list_lines(const struct usage *u, struct line lines[N_LINES])
{
	const struct line all[N_LINES] = {
		{ "Layers", "layers", u->packed },
		{ "Trees", "trees", u->trees },
		{ "Blobs", "blobs", u->blobs },
		{ "Build cache records", "steps", u->steps },
		{ "File digests", "files", u->files },
		{ "Cache mounts", "mounts", u->mounts },
	};

	memcpy(lines, all, sizeof(all));
}

static int print_table(const struct usage *u, struct error *err)
{
	AUTO(strv_release) struct strv cells = STRV_INIT;
	struct line lines[N_LINES];
	const char *const heads[COLUMNS] = { "TYPE", "COUNT", "SIZE",
					     "WITHOUT A NAME" };
	char count[24];

	list_lines(u, lines);
	for (size_t i = 0; i < COLUMNS; i++)
		strv_append(&cells, heads[i]);
	for (size_t i = 0; i < N_LINES; i++) {
		const struct usage_line *l = &lines[i].usage;

		snprintf(count, sizeof(count), "%llu",
			 (unsigned long long)l->n);
		strv_append(&cells, lines[i].label);
		strv_append(&cells, count);
		table_size(&cells, (int64_t)l->bytes);
		table_size(&cells, (int64_t)l->free_bytes);
	}
	if (strv_check(&cells, "showing the space used", err) < 0)
		return -1;
	table_print(stdout, &cells, COLUMNS);
	return 0;
}

static int print_json(const struct usage *u, struct error *err)
{
	AUTO(json_decref)
	json_t *doc = json_pack("{s:I, s:I}", "names", (json_int_t)u->n_names,
				"bytes", (json_int_t)usage_total(u));
	autofree char *text = NULL;
	struct line lines[N_LINES];
	size_t len;

	list_lines(u, lines);
	for (size_t i = 0; doc && i < N_LINES; i++) {
		const struct usage_line *l = &lines[i].usage;
		json_t *entry =
			json_pack("{s:I, s:I, s:I}", "count", (json_int_t)l->n,
				  "bytes", (json_int_t)l->bytes, "unnamedBytes",
				  (json_int_t)l->free_bytes);

		if (json_object_set_new(doc, lines[i].name, entry) < 0)
			return error_nomem(err, "showing the space used");
	}
	text = doc ? json_serialize(doc, &len, err) : NULL;
	if (!text)
		return error_nomem(err, "showing the space used");
	printf("%s\n", text);
	return 0;
}

static int show_usage(const struct session_options *session, const char *format,
		      struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	struct usage u = { 0 };

	if (format && strcmp(format, "json") && strcmp(format, "table"))
		return error_set(err, ERROR_USAGE,
				 "--format takes table or json, not \"%s\"",
				 format);
	if (session_open(session, &s, err) < 0 ||
	    store_usage(s->store, &u, err) < 0)
		return -1;
	return format && !strcmp(format, "json") ? print_json(&u, err)
						 : print_table(&u, err);
}

int cmd_system(int argc, char **argv, struct error *err)
{
	struct session_options session = { .reads = true };
	const char *format = NULL;
	AUTO(strv_release) struct strv words = STRV_INIT;
	static const struct command_usage usage = { "system df [OPTIONS]",
						    "system takes one word, df",
						    1, 1 };
	const struct option_spec specs[] = {
		{ "format", 0, OPTION_STRING, &format, "FORMAT",
		  "table or json" },
		SESSION_STORE_OPTIONS(session),
	};
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 &words, err);

	if (rc <= 0)
		return rc;
	if (strcmp(words.items[0], "df") != 0)
		return error_set(err, ERROR_USAGE,
				 "unknown command \"system %s\"; there is "
				 "system df",
				 words.items[0]);
	return show_usage(&session, format, err);
}
