/*
 * One test for each folder of testdata/parser/: valid/NAME/ holds a Dockerfile
 * and its tree as JSON, invalid/NAME/ a Dockerfile and "LINE: message". Run
 * from the top of the repository.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/dockerfile.h"
#include "store/base/io.h"
#include "store/base/json.h"

enum { MAX_CASES = 512, MAX_BYTES = 1 << 20 };

static void read_case(const char *folder, const char *name, struct buf *buf)
{
	struct error err = ERROR_INIT;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (io_read_file(AT_FDCWD, path, MAX_BYTES, buf, &err) < 0)
		fail_msg("%s", err.text);
}

static void the_tree_is_as_expected(void **state)
{
	AUTO(buf_release) struct buf data = BUF_INIT, expected = BUF_INIT;
	AUTO(json_decref) json_t *want = NULL, *got = NULL;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;
	autofree char *text = NULL;

	read_case(*state, "Dockerfile", &data);
	read_case(*state, "expected.json", &expected);
	if (dockerfile_parse(data.data, data.len, &df, &err) < 0)
		fail_msg("line %d: %s", err.first_line, err.text);
	if (dockerfile_check(df, &err) < 0)
		fail_msg("line %d: %s", err.first_line, err.text);
	assert_true(dockerfile_lines_ascend(df));
	got = dockerfile_to_json(df);
	assert_non_null(got);
	want = json_parse(expected.data, expected.len, "expected.json", &err);
	if (!want)
		fail_msg("%s", err.text);
	text = json_dumps(got, JSON_INDENT(1));
	if (!json_equal(got, want))
		fail_msg("the tree is %s", text);
}

static void the_error_is_as_expected(void **state)
{
	AUTO(buf_release) struct buf data = BUF_INIT, expected = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	char message[sizeof(((struct error *)0)->text)];
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;

	read_case(*state, "Dockerfile", &data);
	read_case(*state, "error", &expected);
	if (dockerfile_parse(data.data ? data.data : "", data.len, &df, &err) ==
		    0 &&
	    dockerfile_check(df, &err) == 0)
		fail_msg("accepted");
	assert_int_equal(err.kind, ERROR_DOCKERFILE);
	assert_true(err.last_line >= err.first_line);
	buf_printf(&got, "%d: %s\n", err.first_line,
		   error_message(&err, message, sizeof(message)));
	assert_string_equal(got.data, expected.data);
}

struct cases {
	struct CMUnitTest tests[MAX_CASES];
	size_t len;
};

static void add_cases(struct cases *cases, const char *folder,
		      CMUnitTestFunction run)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort), i;

	for (i = 0; i < count; i++) {
		char *path = NULL;

		if (entries[i]->d_name[0] != '.' && cases->len < MAX_CASES &&
		    asprintf(&path, "%s/%s", folder, entries[i]->d_name) >= 0)
			cases->tests[cases->len++] =
				(struct CMUnitTest){ path, run, NULL, NULL,
						     path };
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

int main(void)
{
	struct cases cases = { .len = 0 };
	int failed;
	size_t i;

	add_cases(&cases, "testdata/parser/valid", the_tree_is_as_expected);
	add_cases(&cases, "testdata/parser/invalid", the_error_is_as_expected);
	if (cases.len == 0)
		return 1;
	failed = _cmocka_run_group_tests("cases", cases.tests, cases.len, NULL,
					 NULL);
	for (i = 0; i < cases.len; i++)
		free((char *)cases.tests[i].name);
	return failed;
}
