#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/output.h"
#include "builder/cli/session.h"

/* Images found under what the user wrote. */
struct selection {
	struct output_image *items;
	struct strv *names; /* of each */
	size_t n;
};

static void selection_release(struct selection *sel)
{
	size_t i;

	for (i = 0; i < sel->n; i++) {
		image_free(sel->items[i].image);
		strv_release(&sel->names[i]);
	}
	free(sel->items);
	free(sel->names);
}
DEFINE_RELEASE(struct selection, selection_release);

static int find_image(struct session *s, const char *text,
		      struct output_image *ret, struct strv *names,
		      struct error *err)
{
	struct digest id;
	char *name;

	if (session_find_image(s, text, &id, &name, err) < 0)
		return -1;
	if (name)
		strv_take(names, name);
	ret->names = names;
	if (strv_check(names, "saving images", err) < 0 ||
	    image_open(s->batch, &id, &ret->image, err) < 0)
		return error_wrap(err, "saving \"%s\"", text);
	return 0;
}

static int find_images(struct session *s, const struct strv *words,
		       struct selection *ret, struct error *err)
{
	ret->items = calloc(words->len, sizeof(*ret->items));
	ret->names = calloc(words->len, sizeof(*ret->names));
	if (!ret->items || !ret->names)
		return error_nomem(err, "saving images");
	while (ret->n < words->len) {
		size_t i = ret->n++;

		if (find_image(s, words->items[i], &ret->items[i],
			       &ret->names[i], err) < 0)
			return -1;
	}
	return 0;
}

static int save(struct session *s, const struct strv *words, const char *format,
		const char *dest, struct error *err)
{
	AUTO(output_release) struct output o = { 0 };
	AUTO(selection_release) struct selection sel = { 0 };
	autofree char *spec = NULL;

	if (asprintf(&spec, "type=%s", format) < 0)
		return error_nomem(err, "saving images");
	if (output_parse(spec, &o, err) < 0)
		return -1;
	if (dest) {
		o.dest = strdup(dest);
		if (!o.dest)
			return error_nomem(err, "saving images");
	}
	if (find_images(s, words, &sel, err) < 0 ||
	    output_save(s, &o, sel.items, sel.n, err) < 0)
		return -1;
	return batch_publish(s->batch, err);
}

int cmd_save(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	const char *dest = NULL, *format = "docker";
	static const struct command_usage usage = { "save [OPTIONS] IMAGE...",
						    "save takes image names", 1,
						    WORDS_ANY };
	const struct option_spec specs[] = {
		{ "output", 'o', OPTION_STRING, &dest, "FILE",
		  "archive to write (default: stdout)" },
		{ "format", 0, OPTION_STRING, &format, "FORMAT",
		  "docker (default; readable as OCI, too) or oci" },
		{ "quiet", 'q', OPTION_BOOL, &options.quiet, NULL,
		  "no progress" },
		SESSION_STORE_OPTIONS(options),
		SESSION_REGISTRY_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (strcmp(format, "docker") != 0 && strcmp(format, "oci") != 0)
		return error_set(err, ERROR_USAGE,
				 "--format takes docker or oci, not \"%s\"",
				 format);
	if (session_open(&options, &s, err) < 0)
		return -1;
	return save(s, &words, format, dest, err);
}
