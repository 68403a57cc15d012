/* shale parse: the syntax tree of a Dockerfile, or what is wrong with it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/options.h"
#include "parser/dockerfile.h"
#include "store/base/io.h"
#include "store/base/json.h"

/* Far beyond any real Dockerfile; what an endless file must not exceed. */
enum { MAX_FILE_BYTES = 256 << 20 };

struct parse_options {
	bool json;
	bool strict;
	bool help;
	const char *file; /* inside argv */
};

static int read_options(int argc, char **argv, struct parse_options *o,
			struct error *err)
{
	const struct option_spec specs[] = {
		{ "json", 0, OPTION_BOOL, &o->json, NULL,
		  "print the syntax tree as JSON" },
		{ "strict", 0, OPTION_BOOL, &o->strict, NULL,
		  "judge everything that needs no build" },
	};
	AUTO(strv_release) struct strv words = STRV_INIT;

	if (options_parse(specs, ARRAY_LEN(specs), argc, argv, &words, &o->help,
			  err) < 0)
		return -1;
	if (o->help) {
		printf("Usage: shale parse [OPTIONS] FILE\n\n"
		       "Read a Dockerfile (\"-\": standard input).\n\n");
		options_print(stdout, specs, ARRAY_LEN(specs));
		return 0;
	}
	if (words.len != 1)
		return error_set(err, ERROR_USAGE,
				 "parse takes one file (\"-\" for standard "
				 "input)");
	/* The word is a copy of one of argv, which lives long enough. */
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], words.items[0]))
			o->file = argv[i];
	return 0;
}

static int read_file(const char *path, struct buf *buf, struct error *err)
{
	autoclose int fd = -1;

	if (!strcmp(path, "-"))
		return io_read_all(STDIN_FILENO, MAX_FILE_BYTES,
				   "standard input", buf, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return io_read_all(fd, MAX_FILE_BYTES, path, buf, err);
}

/* What is wrong with the file, in the form that editors understand. */
static int report(const char *file, const struct error *err)
{
	char text[sizeof(err->text)];

	fprintf(stderr, "%s:%d: %s\n", file, err->first_line,
		error_message(err, text, sizeof(text)));
	return 1;
}

static int print_tree(const struct dockerfile *df, struct error *err)
{
	AUTO(json_decref) json_t *tree = dockerfile_to_json(df);
	autofree char *text = NULL;

	if (!tree)
		return error_nomem(err, "printing the syntax tree");
	text = json_serialize(tree, NULL, err);
	if (!text)
		return -1;
	puts(text);
	return 0;
}

int cmd_parse(int argc, char **argv, struct error *err)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	AUTO(buf_release) struct buf data = BUF_INIT;
	struct parse_options o = { 0 };
	int status;

	if (read_options(argc, argv, &o, err) < 0)
		return -1;
	if (o.help)
		return 0;
	if (read_file(o.file, &data, err) < 0)
		return -1;
	status = dockerfile_parse(data.data, data.len, &df, err);
	if (status == 0 && o.strict)
		status = dockerfile_check(df, err);
	if (status < 0)
		return err->kind == ERROR_DOCKERFILE ? report(o.file, err) : -1;
	return o.json ? print_tree(df, err) : 0;
}
