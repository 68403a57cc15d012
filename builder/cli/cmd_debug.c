/*
 * shale debug: single mechanisms of the parser as filters from JSON to JSON,
 * for scripts and tests.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "parser/expand.h"
#include "parser/ignore.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/json_text.h"
#include "store/base/path.h"

enum { MAX_INPUT_BYTES = 64 << 20 };

static int read_request(json_t **ret, struct error *err)
{
	AUTO(buf_release) struct buf data = BUF_INIT;

	if (io_read_all(STDIN_FILENO, MAX_INPUT_BYTES, "standard input", &data,
			err) < 0)
		return -1;
	*ret = json_parse(data.data ? data.data : "", data.len,
			  "standard input", err);
	return *ret ? 0 : -1;
}

/* Print the value, which may be NULL for "out of memory", and free it. */
static int print(json_t *value, struct error *err)
{
	AUTO(json_decref) json_t *owned = value;
	autofree char *text = NULL;

	if (!owned)
		return error_nomem(err, "printing the result");
	text = json_serialize(owned, NULL, err);
	if (!text)
		return -1;
	puts(text);
	return 0;
}

static const char *lookup(void *ctx, const char *name)
{
	return json_string_value(json_object_get(ctx, name));
}

static int debug_expand(int argc, char **argv, struct error *err)
{
	AUTO(json_decref) json_t *request = NULL;
	AUTO(strv_release) struct strv words = STRV_INIT;
	struct expand_env env = { .lookup = lookup };
	autofree char *expanded = NULL;
	const char *word, *escape;

	(void)argv;
	if (argc != 1)
		return error_set(err, ERROR_USAGE,
				 "debug expand takes no arguments");
	if (read_request(&request, err) < 0)
		return -1;
	word = json_get_string(request, "word");
	escape = json_get_string(request, "escape");
	env.ctx = json_object_get(request, "env");
	if (!word)
		return error_set(err, ERROR_USAGE, "\"word\" is missing");
	if (!escape || !*escape)
		escape = "\\";
	expanded = expand_word(word, *escape, &env, err);
	if (!expanded || expand_words(word, *escape, &env, &words, err) < 0)
		return -1;
	return print(json_pack("{s:o, s:o}", "word", json_text(expanded),
			       "words", json_texts(&words)),
		     err);
}

static json_t *match_all(const struct ignore *ig, const struct strv *paths)
{
	AUTO(json_decref) json_t *excluded = json_array();
	size_t i;

	for (i = 0; excluded && i < paths->len; i++) {
		autofree char *path = path_clean_rooted(paths->items[i]);

		if (!path || json_array_append_new(
				     excluded, json_boolean(ignore_match(
						       ig, path, NULL))) < 0)
			return NULL;
	}
	return steal_pointer(&excluded);
}

static int debug_ignore(int argc, char **argv, struct error *err)
{
	AUTO(json_decref) json_t *request = NULL;
	AUTO(strv_release) struct strv patterns = STRV_INIT, paths = STRV_INIT;
	AUTO(ignore_free) struct ignore *ig = NULL;

	(void)argv;
	if (argc != 1)
		return error_set(err, ERROR_USAGE,
				 "debug ignore takes no arguments");
	if (read_request(&request, err) < 0 ||
	    json_get_strings(request, "patterns", &patterns, err) < 0 ||
	    json_get_strings(request, "paths", &paths, err) < 0 ||
	    ignore_new(&patterns, &ig, err) < 0)
		return -1;
	return print(json_pack("{s:o}", "excluded", match_all(ig, &paths)),
		     err);
}

/* Pipes are welcome here; "-" is standard input. */
static int read_ignorefile(const char *path, struct buf *data,
			   struct error *err)
{
	autoclose int fd = -1;

	if (!strcmp(path, "-"))
		return io_read_all(STDIN_FILENO, MAX_INPUT_BYTES,
				   "standard input", data, err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return io_read_all(fd, MAX_INPUT_BYTES, path, data, err);
}

static int debug_ignorefile(int argc, char **argv, struct error *err)
{
	AUTO(strv_release) struct strv patterns = STRV_INIT;
	AUTO(buf_release) struct buf data = BUF_INIT;

	if (argc != 2)
		return error_set(err, ERROR_USAGE,
				 "debug ignorefile takes one file");
	if (read_ignorefile(argv[1], &data, err) < 0)
		return -1;
	if (ignorefile_read(data.data ? data.data : "", data.len, &patterns,
			    NULL, err) < 0)
		return error_wrap(err, "%s:%d", argv[1], err->first_line);
	return print(json_texts(&patterns), err);
}

static const struct command mechanisms[] = {
	{ "expand", debug_expand, NULL },
	{ "ignore", debug_ignore, NULL },
	{ "ignorefile", debug_ignorefile, NULL },
};

int cmd_debug(int argc, char **argv, struct error *err)
{
	size_t i;

	for (i = 0; argc > 1 && i < ARRAY_LEN(mechanisms); i++)
		if (!strcmp(mechanisms[i].name, argv[1]))
			return mechanisms[i].run(argc - 1, argv + 1, err);
	return error_set(err, ERROR_USAGE,
			 "usage: shale debug expand|ignore|ignorefile FILE");
}
