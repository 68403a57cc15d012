#include "builder/cli/build_report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "builder/cli/stdout.h"
#include "store/base/io.h"

static int write_small_file(const char *path, const char *text, size_t len,
			    struct error *err)
{
	return io_replace_file(AT_FDCWD, path, text, len, 0644, false, err);
}

static json_t *join_names(const struct strv *names)
{
	AUTO(buf_release) struct buf joined = BUF_INIT;
	size_t i;

	for (i = 0; i < names->len; i++) {
		if (i)
			buf_append_char(&joined, ',');
		buf_append_str(&joined, names->items[i]);
	}
	return joined.failed ? NULL : json_string(joined.data);
}

static int write_metadata(const struct build_command *c,
			  const struct image *image,
			  const struct digest *manifest, struct error *err)
{
	AUTO(json_decref) json_t *doc = json_object();
	autofree char *text = NULL;

	if (!doc || json_object_set_new(doc, "containerimage.config.digest",
					json_string(image->id.text)) < 0)
		return error_nomem(err, "writing --metadata-file");
	if (digest_is_set(manifest) &&
	    json_object_set_new(doc, "containerimage.digest",
				json_string(manifest->text)) < 0)
		return error_nomem(err, "writing --metadata-file");
	if (c->names.len &&
	    json_object_set_new(doc, "image.name", join_names(&c->names)) < 0)
		return error_nomem(err, "writing --metadata-file");
	text = json_dumps(doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (!text)
		return error_nomem(err, "writing --metadata-file");
	return write_small_file(c->metadata_file, text, strlen(text), err);
}

int build_report_outputs(struct session *s, const struct build_command *c,
			 const struct build_result *result, struct error *err)
{
	const int64_t *epoch = result->has_epoch ? &result->epoch : NULL;
	struct output_result written = { 0 };
	size_t i;

	for (i = 0; i < c->n_parsed; i++)
		if (output_write(s, &c->parsed[i], result->image, &c->names,
				 epoch, &written, err) < 0)
			return -1;
	if (c->iidfile &&
	    write_small_file(c->iidfile, result->image->id.text,
			     strlen(result->image->id.text), err) < 0)
		return -1;
	if (c->metadata_file &&
	    write_metadata(c, result->image, &written.manifest, err) < 0)
		return -1;
	if (c->quiet)
		printf("%s\n", result->image->id.text);
	return 0;
}

int build_report_failure(struct session *s, const struct buf *report,
			 const struct error *err)
{
	char text[sizeof(err->text)];

	progress_free(steal_pointer(&s->progress));
	if (!stdout_was_left(err))
		fprintf(stderr, "error: %s\n%s",
			error_message(err, text, sizeof(text)),
			report->data ? report->data : "");
	return error_exit_status(err);
}

void build_report_warnings(struct session *s, const struct buf *warnings)
{
	if (!warnings->len || s->quiet)
		return;
	progress_free(steal_pointer(&s->progress));
	fprintf(stderr, "%s", warnings->data);
}

void build_report_explanation(struct session *s, const struct buf *text)
{
	if (!text->len)
		return;
	progress_free(steal_pointer(&s->progress));
	fprintf(stderr, "Why steps were run:\n%s", text->data);
}
