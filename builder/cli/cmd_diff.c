#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/diff_print.h"
#include "builder/cli/place_source.h"
#include "builder/cli/session.h"
#include "builder/cli/stdout.h"
#include "store/blob.h"
#include "store/image_diff.h"
#include "store/manifest.h"

/* As diff(1) has it: the command's own failures are no difference. */
#define STATUS_TROUBLE 2

struct diff_command {
	struct session_options session;
	const char *format;
	const char *platform_text;
	struct platform platform;
};

/* Nothing is compared that has not to be fetched: layers stay where they are.
 */
static int open_remote(struct session *s, const char *name,
		       const struct platform *platform, struct image **ret,
		       struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };

	if (reference_parse(name, &ref, err) < 0)
		return -1;
	return registry_pull(s->registry, s->batch, &ref, platform, ret, err);
}

/* Any other place: through the batch, which is dropped in the end. */
static int open_copied(struct session *s, const struct place *p,
		       const struct platform *platform, struct image **ret,
		       struct error *err)
{
	static const char name[] = "localhost/diff:latest";
	AUTO(copy_source_free) struct copy_source *from = NULL;
	AUTO(copy_target_free) struct copy_target *to = NULL;
	AUTO(descriptor_release) struct descriptor root = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *m = NULL;
	const struct copy_options how = { .platform = platform, .parallel = 2 };

	if (place_source(s, p, &from, err) < 0 ||
	    copy_to_store(s->batch, name, &to, err) < 0 ||
	    copy_image(from, to, &how, &root, err) < 0 ||
	    blob_read(s->store, s->batch, &root.digest, MANIFEST_MAX, &text,
		      err) < 0 ||
	    manifest_parse(text.data, text.len, NULL, &m, err) < 0)
		return -1;
	return image_open(s->batch, &m->config.digest, ret, err);
}

static int open_side(struct session *s, const char *text,
		     const struct platform *platform, struct image **ret,
		     struct error *err)
{
	AUTO(place_release) struct place p = { 0 };

	if (place_parse(text, &p, err) < 0)
		return -1;
	/* A bare name is a local one, as it is for all but `copy`. */
	if (p.kind == PLACE_STORE ||
	    (p.kind == PLACE_REGISTRY && p.name == text))
		return session_open_image(s, p.name, ret, err);
	if (p.kind == PLACE_REGISTRY)
		return open_remote(s, p.name, platform, ret, err);
	return open_copied(s, &p, platform, ret, err);
}

static int print_diff(const struct diff_command *c, const json_t *diff,
		      struct error *err)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	autofree char *text = NULL;

	if (!c->format || !strcmp(c->format, "text")) {
		diff_print(diff, &out);
		if (buf_check(&out, "comparing images", err) < 0)
			return -1;
		fputs(out.data ? out.data : "", stdout);
		return 0;
	}
	text = json_dumps(diff, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (!text)
		return error_nomem(err, "comparing images");
	printf("%s\n", text);
	return 0;
}

static int compare(const struct diff_command *c, const struct strv *words,
		   struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(image_free) struct image *a = NULL;
	AUTO(image_free) struct image *b = NULL;
	AUTO(json_decref) json_t *diff = NULL;

	if (session_open(&c->session, &s, err) < 0 ||
	    open_side(s, words->items[0], &c->platform, &a, err) < 0 ||
	    open_side(s, words->items[1], &c->platform, &b, err) < 0)
		return -1;
	diff = image_diff(s->batch, a, b, err);
	if (!diff || print_diff(c, diff, err) < 0)
		return -1;
	return image_diff_is_empty(diff) ? 0 : 1;
}

static int parse_words(struct diff_command *c, int argc, char **argv,
		       struct strv *words, struct error *err)
{
	static const struct command_usage usage = {
		"diff [OPTIONS] IMAGE IMAGE\n\n"
		"Each is a local image's name or id, or a place as `copy` "
		"takes it\n(docker://NAME, oci:DIR[:TAG], ...). Exit status: "
		"0 no difference,\n1 some, 2 trouble.",
		"diff takes two images", 2, 2
	};
	const struct option_spec specs[] = {
		{ "format", 0, OPTION_STRING, &c->format, "FORMAT",
		  "text or json" },
		{ "platform", 0, OPTION_STRING, &c->platform_text, "OS/ARCH",
		  "image of an index to compare (default: this machine's)" },
		SESSION_STORE_OPTIONS(c->session),
		SESSION_REGISTRY_OPTIONS(c->session),
	};
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 words, err);

	if (rc <= 0)
		return rc;
	if (c->format && strcmp(c->format, "text") && strcmp(c->format, "json"))
		return error_set(err, ERROR_USAGE,
				 "--format takes text or json, not \"%s\"",
				 c->format);
	return platform_wanted(c->platform_text, &c->platform, err) < 0 ? -1
									: rc;
}

int cmd_diff(int argc, char **argv, struct error *err)
{
	struct diff_command c = { .session.quiet = true };
	AUTO(strv_release) struct strv words = STRV_INIT;
	char text[sizeof(err->text)];
	int rc = parse_words(&c, argc, argv, &words, err);

	if (rc > 0)
		rc = compare(&c, &words, err);
	if (rc >= 0 && stdout_flush(err) < 0)
		rc = -1;
	if (rc >= 0 || err->kind == ERROR_CANCELED)
		return rc;
	fprintf(stderr, "error: %s\n", error_message(err, text, sizeof(text)));
	return STATUS_TROUBLE;
}
