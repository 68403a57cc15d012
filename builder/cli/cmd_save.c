#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/output.h"
#include "builder/cli/session.h"

/*
 * One archive of one image is what `-o type=docker` writes, so that this is
 * only another way to say it.
 */
static int save(struct session *s, const char *source, const char *format,
		const char *dest, struct error *err)
{
	AUTO(output_release) struct output o = { 0 };
	AUTO(image_free) struct image *image = NULL;
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct output_result result;
	autofree char *spec = NULL, *name = NULL;
	struct digest id;

	if (asprintf(&spec, "type=%s", format) < 0)
		return error_nomem(err, "saving an image");
	if (output_parse(spec, &o, err) < 0)
		return -1;
	if (dest) {
		o.dest = strdup(dest);
		if (!o.dest)
			return error_nomem(err, "saving an image");
	}
	if (session_find_image(s, source, &id, &name, err) < 0 ||
	    image_open(s->batch, &id, &image, err) < 0)
		return error_wrap(err, "saving \"%s\"", source);
	if (name)
		strv_take(&names, steal_pointer(&name));
	if (strv_check(&names, "saving an image", err) < 0 ||
	    output_write(s, &o, image, &names, NULL, &result, err) < 0)
		return -1;
	return batch_publish(s->batch, err);
}

int cmd_save(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	const char *dest = NULL, *format = "docker";
	static const struct command_usage usage = { "save [OPTIONS] IMAGE",
						    "save takes one image", 1,
						    1 };
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
	return save(s, words.items[0], format, dest, err);
}
