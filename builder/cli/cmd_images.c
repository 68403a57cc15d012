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

struct list_options {
	const char *format;
	bool quiet;
	bool full_ids;
	const char *wanted; /* a name, or NULL for all */
};

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

/* An id as docker shows it: 12 digits, or all of it. */
static const char *shown_id(const struct digest *id, bool full, size_t *len)
{
	*len = full ? strlen(id->text) : SHORT_ID;
	return full ? id->text : digest_hex(id);
}

static int add_cells(const struct row *row, bool full_id, struct strv *cells,
		     struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	autofree char *repository = NULL;
	const char *id;
	size_t id_len;
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
	id = shown_id(&row->record->image, full_id, &id_len);
	strv_append_len(cells, id, id_len);
	table_age(cells, row->created);
	table_size(cells, row->size_bytes);
	return strv_check(cells, "listing images", err);
}

static int print_table(struct session *s, const struct name_record *records,
		       size_t n, bool full_ids, struct error *err)
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
		if (add_cells(&row, full_ids, &cells, err) < 0)
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

static void print_ids(const struct name_record *records, size_t n,
		      bool full_ids)
{
	size_t i, j, len;

	for (i = 0; i < n; i++) {
		const char *id = shown_id(&records[i].image, full_ids, &len);

		for (j = 0; j < i; j++)
			if (digest_equal(&records[i].image, &records[j].image))
				break;
		if (j == i)
			printf("%.*s\n", (int)len, id);
	}
}

/*
 * Keep the records that `word` names: one, or without a tag all those of a
 * repository.
 */
static int keep_wanted(const char *word, struct name_record *records, size_t *n,
		       struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	const char *last = strrchr(word, '/');
	bool any_tag = !strpbrk(last ? last : word, ":@");
	autofree char *name = NULL;
	size_t kept = 0;

	if (reference_parse(word, &ref, err) < 0)
		return -1;
	name = any_tag ? reference_repository(&ref, err)
		       : reference_format(&ref, err);
	if (!name)
		return -1;
	for (size_t i = 0; i < *n; i++) {
		const char *rest = records[i].name + strlen(name);

		if (!strncmp(records[i].name, name, strlen(name)) &&
		    (any_tag ? *rest == ':' || *rest == '@' : !*rest))
			records[kept++] = records[i];
		else
			name_record_release(&records[i]);
	}
	*n = kept;
	return 0;
}

static int list(struct session *s, const struct list_options *o,
		struct error *err)
{
	struct name_record *records = NULL;
	size_t n = 0, i;
	int rc = names_list(s->store, &records, &n, err);

	if (rc == 0 && o->wanted)
		rc = keep_wanted(o->wanted, records, &n, err);
	if (rc == 0) {
		if (o->quiet)
			print_ids(records, n, o->full_ids);
		else if (!strcmp(o->format, "json"))
			rc = print_json(s, records, n, err);
		else
			rc = print_table(s, records, n, o->full_ids, err);
	}
	for (i = 0; i < n; i++)
		name_record_release(&records[i]);
	free(records);
	return rc;
}

int cmd_images(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	struct list_options o = { .format = "table" };
	static const struct command_usage usage = {
		"images [OPTIONS] [NAME]", "images takes at most one name", 0, 1
	};
	const struct option_spec specs[] = {
		{ "quiet", 'q', OPTION_BOOL, &o.quiet, NULL, "print ids only" },
		{ "no-trunc", 0, OPTION_BOOL, &o.full_ids, NULL,
		  "print ids in full" },
		{ "format", 0, OPTION_STRING, &o.format, "FORMAT",
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
	if (strcmp(o.format, "table") != 0 && strcmp(o.format, "json") != 0)
		return error_set(err, ERROR_USAGE,
				 "unknown format \"%s\"; use table or json",
				 o.format);
	o.wanted = words.len ? words.items[0] : NULL;
	if (session_open(&options, &s, err) < 0)
		return -1;
	return list(s, &o, err);
}
