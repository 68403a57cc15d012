#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "builder/cli/table.h"
#include "registry/reference.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"
#include "store/layer.h"
#include "store/names.h"

#define COLUMNS	 5
#define SHORT_ID 12

/* What is shown of one name; sizes of layers nobody has looked into: -1. */
struct row {
	const struct name_record *record;
	struct timespec created;
	int64_t size_bytes;
};

static void measure(struct session *s, struct row *row)
{
	AUTO(image_free) struct image *image = NULL;
	struct error ignored = ERROR_INIT;
	const char *created;
	size_t i;

	row->size_bytes = -1;
	row->created = row->record->set_at;
	/* A damaged image is listed all the same, so that it can be removed. */
	if (image_open(s->batch, &row->record->image, &image, &ignored) < 0)
		return;
	created = json_get_string(image->config, "created");
	if (created)
		time_parse(created, &row->created);
	row->size_bytes = 0;
	for (i = 0; i < image->n_layers; i++) {
		int64_t size = layer_size(image->layers[i]);

		row->size_bytes += size > 0 ? size : 0;
	}
}

static int add_cells(const struct row *row, struct strv *cells,
		     struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	autofree char *repository = NULL;
	char *tag;

	if (reference_parse(row->record->name, &ref, err) < 0)
		return -1;
	tag = ref.tag;
	ref.tag = NULL;
	repository = reference_familiar(&ref, err);
	ref.tag = tag;
	if (!repository)
		return -1;
	strv_append(cells, repository);
	strv_append(cells, tag ? tag : "<none>");
	strv_append_len(cells, digest_hex(&row->record->image), SHORT_ID);
	table_age(cells, row->created);
	table_size(cells, row->size_bytes);
	return strv_check(cells, "listing images", err);
}

static int print_table(struct session *s, const struct name_record *records,
		       size_t n, struct error *err)
{
	AUTO(strv_release) struct strv cells = STRV_INIT;
	static const char *const headings[COLUMNS] = { "REPOSITORY", "TAG",
						       "IMAGE ID", "CREATED",
						       "SIZE" };
	size_t i;

	for (i = 0; i < COLUMNS; i++)
		strv_append(&cells, headings[i]);
	for (i = 0; i < n; i++) {
		struct row row = { .record = &records[i] };

		measure(s, &row);
		if (add_cells(&row, &cells, err) < 0)
			return -1;
	}
	table_print(stdout, &cells, COLUMNS);
	return 0;
}

static int print_json(struct session *s, const struct name_record *records,
		      size_t n, struct error *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct row row = { .record = &records[i] };
		AUTO(json_decref) json_t *line = NULL;
		autofree char *text = NULL;
		char created[TIME_TEXT_SIZE];

		measure(s, &row);
		line = json_pack("{s:s, s:s, s:s, s:I}", "Name",
				 records[i].name, "ID", records[i].image.text,
				 "CreatedAt", time_format(row.created, created),
				 "Size", (json_int_t)row.size_bytes);
		text = line ? json_serialize(line, NULL, err) : NULL;
		if (!text)
			return error_nomem(err, "listing images");
		printf("%s\n", text);
	}
	return 0;
}

static void print_ids(const struct name_record *records, size_t n)
{
	size_t i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++)
			if (digest_equal(&records[i].image, &records[j].image))
				break;
		if (j == i)
			printf("%.*s\n", SHORT_ID,
			       digest_hex(&records[i].image));
	}
}

/* "repository" stands for all its tags, "repository:tag" for one. */
static int filter(struct name_record *records, size_t *n, const char *text,
		  struct error *err)
{
	const char *base = strrchr(text, '/');
	bool exact = strpbrk(base ? base : text, ":@") != NULL;
	autofree char *wanted = session_name(text, err);
	size_t i, len, kept = 0;

	if (!wanted)
		return -1;
	/* Of a bare repository the name ends before its tag, ":latest". */
	len = (size_t)(strrchr(wanted, ':') - wanted);
	for (i = 0; i < *n; i++) {
		const char *name = records[i].name;
		bool keep = exact ? !strcmp(name, wanted)
				  : !strncmp(name, wanted, len) &&
					    strchr(":@", name[len]);
		struct name_record record = records[i];

		if (keep)
			records[kept++] = record;
		else
			name_record_release(&record);
	}
	*n = kept;
	return 0;
}

static int list(struct session *s, const char *name, const char *format,
		bool quiet, struct error *err)
{
	struct name_record *records = NULL;
	size_t n = 0, i;
	int rc = names_list(s->store, &records, &n, err);

	if (rc == 0 && name)
		rc = filter(records, &n, name, err);
	if (rc == 0) {
		if (quiet)
			print_ids(records, n);
		else if (!strcmp(format, "json"))
			rc = print_json(s, records, n, err);
		else
			rc = print_table(s, records, n, err);
	}
	for (i = 0; i < n; i++)
		name_record_release(&records[i]);
	free(records);
	return rc;
}

int cmd_images(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	bool quiet = false;
	const char *format = "table";
	static const struct command_usage usage = {
		"images [OPTIONS] [NAME]", "images takes at most one name", 0, 1
	};
	const struct option_spec specs[] = {
		{ "quiet", 'q', OPTION_BOOL, &quiet, NULL, "print ids only" },
		{ "format", 0, OPTION_STRING, &format, "FORMAT",
		  "table or json (one object a line)" },
		SESSION_STORE_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0)
		return error_set(err, ERROR_USAGE,
				 "unknown format \"%s\"; use table or json",
				 format);
	if (session_open(&options, &s, err) < 0)
		return -1;
	return list(s, words.len ? words.items[0] : NULL, format, quiet, err);
}
