#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/ignore.h"
#include "parser/pattern.h"

static struct ignore *compile(const char *const *patterns)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	struct error err = ERROR_INIT;
	struct ignore *ig = NULL;

	for (; *patterns; patterns++)
		strv_append(&list, *patterns);
	if (ignore_new(&list, &ig, &err) < 0)
		fail_msg("%s", err.text);
	return ig;
}

static void the_last_matching_pattern_decides(void **state)
{
	static const struct {
		const char *patterns[4];
		const char *path;
		bool excluded;
	} rows[] = {
		{ { "*/temp*" }, "a/temp.txt", true },
		{ { "*/temp*" }, "a/b/temp", false },
		{ { "**/*.go" }, "x.go", true },
		{ { "**/*.go" }, "a/b/x.go", true },
		{ { "*.md", "!README.md" }, "README.md", false },
		{ { "!README.md", "*.md" }, "README.md", true },
		{ { "*", "!src" }, "src/a.c", false },
		{ { "*", "!src" }, "other", true },
		{ { "dir/" }, "dir/x", true },
		{ { "/dir" }, "dir/x", true },
		{ { "./dir" }, "dir/x", true },
		{ { "temp?" }, "tempa", true },
		{ { "temp?" }, "temp", false },
		{ { "*.o" }, "a/x.o", false },
		{ { "a/**" }, "a", false },
		{ { "a/**" }, "a/x", true },
		{ { "a/**" }, "a/b/c", true },
		{ { "a/**/b" }, "a/b", true },
		{ { "a/**/b" }, "a/x/y/b", true },
		{ { "a/**/b" }, "a/x/y/bb", false },
		{ { "**" }, "x/y", true },
		{ { "**/x" }, "x", true },
		{ { "**/x" }, "a/x/deeper", true },
		{ { "a**b" }, "ab", true },
		{ { "a**b" }, "ax/y/b", true },
		{ { "a**b" }, "axb", false },
		{ { "a**" }, "abc/d", true },
		{ { "**go" }, "go", true },
		{ { "**go" }, "a/go", true },
		{ { "**go" }, "x.go", false },
		{ { "[a-c]x" }, "bx", true },
		{ { "[^a-c]x" }, "bx", false },
		{ { "[^a-c]x" }, "dx", true },
		{ { "\\*" }, "*", true },
		{ { "\\*" }, "x", false },
		{ { "dir", "!dir/file" }, "dir/file", false },
		{ { "dir", "!dir/file" }, "dir/other", true },
		{ { "dir", "!dir/file", "dir" }, "dir/file", true },
		{ { ".*" }, ".git/x", true },
		{ { "a+(b)" }, "a+(b)", true },
		{ { "" }, "x", false },
		{ { "\xc3\xa4?" }, "\xc3\xa4\xc3\xb6", true },
		{ { "[\xc3\xa4-\xc3\xbc]" }, "\xc3\xb6", true },
		{ { "**/a/**/b" }, "x/a/y/b/z", true },
		{ { "**/a/*/b" }, "a/a/y/b", true },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(ignore_free) struct ignore *ig = compile(rows[i].patterns);

		if (ignore_match(ig, rows[i].path, NULL) != rows[i].excluded)
			fail_msg("%s %s: %s is %sexcluded", rows[i].patterns[0],
				 rows[i].patterns[1] ? rows[i].patterns[1] : "",
				 rows[i].path, rows[i].excluded ? "not " : "");
	}
}

static void the_deciding_pattern_is_told(void **state)
{
	static const char *const patterns[] = { "*.md", "", "!a.md", NULL };
	AUTO(ignore_free) struct ignore *ig = compile(patterns);
	ptrdiff_t index;

	(void)state;
	assert_true(ignore_match(ig, "b.md", &index));
	assert_int_equal(index, 0);
	assert_false(ignore_match(ig, "a.md", &index));
	assert_int_equal(index, 2);
	assert_false(ignore_match(ig, "c", &index));
	assert_int_equal(index, -1);
}

static void a_walk_may_skip_what_cannot_come_back(void **state)
{
	static const struct {
		const char *patterns[4];
		const char *path;
		bool below;
	} rows[] = {
		{ { "dir" }, "dir", false },
		{ { "dir", "!dir/file" }, "dir", true },
		{ { "!dir/file", "dir" }, "dir", false },
		{ { "*", "!src/lib" }, "src", true },
		{ { "*", "!src/lib" }, "doc", false },
		{ { "*", "!src/lib" }, "src/other", false },
		{ { "*", "!**/*.c" }, "any/where", true },
		{ { "*", "!a/*/c" }, "a/b", true },
		{ { "*", "!a/*/c" }, "a/b/x", false },
		{ { "*", "!a/**" }, "a", true },
		{ { "*", "!a/**/z" }, "b", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(ignore_free) struct ignore *ig = compile(rows[i].patterns);

		if (ignore_may_include_below(ig, rows[i].path) != rows[i].below)
			fail_msg("%s %s below %s", rows[i].patterns[0],
				 rows[i].patterns[1] ? rows[i].patterns[1] : "",
				 rows[i].path);
	}
}

static void bad_patterns_are_refused(void **state)
{
	static const struct {
		const char *pattern;
		const char *message;
	} rows[] = {
		{ "!", "illegal exclusion pattern: \"!\"" },
		{ "[a", "syntax error in pattern: \"[a\"" },
		{ "[]a]", "syntax error in pattern: \"[]a]\"" },
		{ "[a-]", "syntax error in pattern: \"[a-]\"" },
		{ "a\\", "syntax error in pattern: \"a\\\\\"" },
		{ "a**b**c**d**e**f", "too many '**' inside of names in "
				      "pattern" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv list = STRV_INIT;
		AUTO(ignore_free) struct ignore *ig = NULL;
		struct error err = ERROR_INIT;

		strv_append(&list, rows[i].pattern);
		assert_int_equal(ignore_new(&list, &ig, &err), -1);
		assert_int_equal(err.kind, ERROR_DOCKERFILE);
		assert_string_equal(err.text, rows[i].message);
	}
}

static void files_are_cleaned_line_by_line(void **state)
{
	static const char data[] = "\xef\xbb\xbf# comment\n"
				   "\n"
				   "  a/b/  \r\n"
				   "/rooted\n"
				   "./x/../y\n"
				   " #no comment\n"
				   "! spaced\n"
				   "!/r\n"
				   "!\n"
				   "a//b\n"
				   "/\n"
				   "last";
	static const char *const want[] = {
		"a/b", "rooted", "y",	"#no comment", "!spaced",
		"!r",  "!",	 "a/b", "/",	       "last",
	};
	static const int want_lines[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	AUTO(strv_release) struct strv patterns = STRV_INIT;
	struct error err = ERROR_INIT;
	autofree int *lines = NULL;
	size_t i;

	(void)state;
	assert_int_equal(ignorefile_read(data, sizeof(data) - 1, &patterns,
					 &lines, &err),
			 0);
	assert_int_equal(patterns.len, ARRAY_LEN(want));
	for (i = 0; i < patterns.len; i++) {
		assert_string_equal(patterns.items[i], want[i]);
		assert_int_equal(lines[i], want_lines[i]);
	}
}

static void a_nul_in_the_file_is_refused(void **state)
{
	AUTO(strv_release) struct strv patterns = STRV_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ignorefile_read("a\nb\0c\n", 6, &patterns, NULL, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_DOCKERFILE);
	assert_int_equal(err.first_line, 2);
}

static void globs_match_like_gos_filepath_match(void **state)
{
	static const struct {
		const char *pattern;
		const char *path;
		int match;
	} rows[] = {
		{ "abc", "abc", 1 },
		{ "*", "abc", 1 },
		{ "*c", "abc", 1 },
		{ "a*", "ab/c", 0 },
		{ "a*/b", "a/c/b", 0 },
		{ "a*b*c*d*e*/f", "axbxcxdxe/f", 1 },
		{ "a*b?c*x", "abxbbxdbxebxczzx", 1 },
		{ "a*b?c*x", "abxbbxdbxebxczzy", 0 },
		{ "ab[c]", "abc", 1 },
		{ "ab[^c]", "abc", 0 },
		{ "ab[^e-g]", "abc", 1 },
		{ "a\\*b", "a*b", 1 },
		{ "a\\*b", "ab", 0 },
		{ "a???b",
		  "a\xe2\x98\xba\xe2\x98\xba\xe2\x98\xba"
		  "b",
		  1 },
		{ "[[]x", "[x", 1 },
		{ "[\\]a]", "]", 1 },
		{ "[\\-x]", "-", 1 },
		{ "[x\\-]", "x", 1 },
		{ "[", "a", -1 },
		{ "[^", "a", -1 },
		{ "[a-b-c]", "a", -1 },
		{ "[-]", "-", -1 },
		{ "a[", "a", -1 },
		{ "\\", "a", -1 },
		{ "", "", 1 },
		{ "*", "", 1 },
		{ "?", "/", 0 },
		{ "[^a]", "/", 0 },
		{ "*x", "xxx", 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		int got = glob_match(rows[i].pattern, rows[i].path);

		if (got != rows[i].match)
			fail_msg("%s on %s: %d", rows[i].pattern, rows[i].path,
				 got);
	}
}

static void unescaped_wildcards_are_magic(void **state)
{
	(void)state;
	assert_true(glob_has_magic("a*"));
	assert_true(glob_has_magic("a?b"));
	assert_true(glob_has_magic("[[]"));
	assert_false(glob_has_magic("a\\*"));
	assert_false(glob_has_magic("plain]"));
	assert_false(glob_has_magic("\\"));
}

static void whole_paths_and_covered_paths_differ(void **state)
{
	AUTO(pattern_free) struct pattern *p = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(pattern_new("a/**/b", &p, &err), 0);
	assert_true(pattern_matches(p, "a/b"));
	assert_true(pattern_matches(p, "a/x/b"));
	assert_false(pattern_matches(p, "a/b/c"));
	assert_true(pattern_covers(p, "a/b/c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_matching_pattern_decides),
		cmocka_unit_test(the_deciding_pattern_is_told),
		cmocka_unit_test(a_walk_may_skip_what_cannot_come_back),
		cmocka_unit_test(bad_patterns_are_refused),
		cmocka_unit_test(files_are_cleaned_line_by_line),
		cmocka_unit_test(a_nul_in_the_file_is_refused),
		cmocka_unit_test(globs_match_like_gos_filepath_match),
		cmocka_unit_test(unescaped_wildcards_are_magic),
		cmocka_unit_test(whole_paths_and_covered_paths_differ),
	};

	return cmocka_run_group_tests_name("ignore", tests, NULL, NULL);
}
