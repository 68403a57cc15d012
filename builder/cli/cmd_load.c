#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "store/export.h"
#include "store/names.h"

/* "REFERENCE=sha256:ID" as import_archive() reports it. */
static int name_loaded(struct session *s, const char *found, struct error *err)
{
	const char *id_text = strrchr(found, '=');
	autofree char *text = NULL, *name = NULL;
	struct digest id;

	if (!id_text || digest_parse(id_text + 1, &id, err) < 0)
		return -1;
	if (id_text == found) {
		printf("Loaded image ID: %s\n", id.text);
		return 0;
	}
	text = strndup(found, (size_t)(id_text - found));
	if (!text)
		return error_nomem(err, "loading an image");
	name = session_name(text, err);
	if (!name)
		return error_wrap(err, "the archive names an image \"%s\"",
				  text);
	if (name_set(s->batch, name, &id, NULL, err) < 0)
		return -1;
	printf("Loaded image: %s\n", name);
	return 0;
}

static int load(struct session *s, int fd, const struct platform *platform,
		struct error *err)
{
	AUTO(strv_release) struct strv found = STRV_INIT;
	size_t i;

	if (import_archive(s->batch, fd, platform, &found, err) < 0)
		return -1;
	for (i = 0; i < found.len; i++)
		if (name_loaded(s, found.items[i], err) < 0)
			return -1;
	return batch_publish(s->batch, err);
}

/* The archive; stdin when no file is named. */
static int open_input(const char *path, struct error *err)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC)
		      : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return error_sys(err, errno, "cannot read \"%s\"",
				 path ? path : "standard input");
	if (!path && isatty(fd)) {
		close(fd);
		return error_set(err, ERROR_USAGE,
				 "load reads an archive from standard input, "
				 "which is a terminal; name a file with -i");
	}
	return fd;
}

int cmd_load(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	struct platform platform;
	const char *input = NULL, *platform_text = NULL;
	static const struct command_usage usage = {
		"load [OPTIONS]",
		"load takes no arguments; name the archive with -i", 0, 0
	};
	const struct option_spec specs[] = {
		{ "input", 'i', OPTION_STRING, &input, "FILE",
		  "archive to read (default: stdin)" },
		{ "platform", 0, OPTION_STRING, &platform_text, "OS/ARCH",
		  "platform to take from an index" },
		{ "quiet", 'q', OPTION_BOOL, &options.quiet, NULL,
		  "no progress" },
		SESSION_STORE_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	autoclose int fd = -1;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (platform_wanted(platform_text, &platform, err) < 0)
		return -1;
	fd = open_input(input, err);
	if (fd < 0)
		return -1;
	if (session_open(&options, &s, err) < 0)
		return -1;
	if (load(s, fd, &platform, err) < 0)
		return error_wrap(err, "loading %s",
				  input ? input : "standard input");
	return 0;
}
