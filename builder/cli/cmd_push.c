#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/output.h"
#include "builder/cli/session_step.h"

struct push_command {
	struct session_options session;
	const char *compression, *level, *format;
	bool force;
	struct layer_format how;
};

static int make_format(struct push_command *c, struct error *err)
{
	c->how.compression.kind = COMPRESSION_GZIP;
	c->how.compression.level = COMPRESSION_LEVEL_DEFAULT;
	c->how.force = c->force;
	if (c->compression &&
	    compression_parse(c->compression, &c->how.compression.kind, err) <
		    0)
		return error_wrap(err, "--compression");
	if (c->level) {
		char *end;
		long level = strtol(c->level, &end, 10);

		if (!*c->level || *end || level < 0 || level > 22)
			return error_set(err, ERROR_USAGE,
					 "--compression-level takes 0 to 22, "
					 "not \"%s\"",
					 c->level);
		c->how.compression.level = (int)level;
	}
	if (c->format && !strcmp(c->format, "docker"))
		c->how.docker = true;
	else if (c->format && strcmp(c->format, "oci") != 0)
		return error_set(err, ERROR_USAGE,
				 "--format takes oci or docker, not \"%s\"",
				 c->format);
	return 0;
}

/* The name to push by; an id says nowhere to push to. */
static char *dest_name(struct session *s, const char *source, const char *dest,
		       struct error *err)
{
	struct digest ignored;
	char *name;

	if (dest)
		return session_name(dest, err);
	if (session_find_image(s, source, &ignored, &name, err) < 0)
		return NULL;
	if (!name)
		error_set(err, ERROR_USAGE,
			  "\"%s\" is an id; say where to push: `shale push %s "
			  "NAME`",
			  source, source);
	return name;
}

static int push(struct session *s, const struct push_command *c,
		const char *source, const char *dest, struct error *err)
{
	AUTO(image_free) struct image *image = NULL;
	AUTO(strv_release) struct strv names = STRV_INIT;
	const struct output_push how = { .names = &names, .format = &c->how };
	struct digest manifest;
	int rc;

	if (session_open_image(s, source, &image, err) < 0)
		return -1;
	strv_take(&names, dest_name(s, source, dest, err));
	if (names.failed)
		return -1;
	s->transfer_step = session_step_begin(s, "pushing", names.items[0]);
	rc = output_push(s, image, &how, &manifest, err);
	session_transfer_end(s, rc, err);
	if (rc == 0)
		printf("%s\n", manifest.text);
	return rc;
}

static int parse_words(struct push_command *c, int argc, char **argv,
		       struct strv *words, struct error *err)
{
	static const struct command_usage usage = {
		"push [OPTIONS] IMAGE [DESTINATION]",
		"push takes an image and, when it goes elsewhere, its "
		"destination",
		1, 2
	};
	const struct option_spec specs[] = {
		{ "compression", 0, OPTION_STRING, &c->compression, "KIND",
		  "gzip (default), zstd or uncompressed" },
		{ "compression-level", 0, OPTION_STRING, &c->level, "N",
		  "gzip 0-9, zstd 0-22" },
		{ "force-compression", 0, OPTION_BOOL, &c->force, NULL,
		  "compress base layers again, too" },
		{ "format", 0, OPTION_STRING, &c->format, "FORMAT",
		  "manifest format: oci (default) or docker" },
		{ "quiet", 'q', OPTION_BOOL, &c->session.quiet, NULL,
		  "print the digest only" },
		SESSION_STORE_OPTIONS(c->session),
		SESSION_REGISTRY_OPTIONS(c->session),
	};

	return options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			       words, err);
}

int cmd_push(int argc, char **argv, struct error *err)
{
	struct push_command c = { 0 };
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	int rc = parse_words(&c, argc, argv, &words, err);

	if (rc <= 0)
		return rc;
	if (make_format(&c, err) < 0 || session_open(&c.session, &s, err) < 0)
		return -1;
	return push(s, &c, words.items[0],
		    words.len > 1 ? words.items[1] : NULL, err);
}
