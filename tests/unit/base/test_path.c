#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/base/cleanup.h"
#include "store/base/path.h"

static void paths_are_cleaned(void **state)
{
	static const struct {
		const char *path, *cleaned;
	} cases[] = {
		{ "", "." },
		{ ".", "." },
		{ "/", "/" },
		{ "//", "/" },
		{ "a//b/./c/", "a/b/c" },
		{ "a/../b", "b" },
		{ "a/..", "." },
		{ "..", ".." },
		{ "../..", "../.." },
		{ "../a/../..", "../.." },
		{ "/..", "/" },
		{ "/../a", "/a" },
		{ "/a/../../b", "/b" },
		{ "a/../../b", "../b" },
		{ "...", "..." },
		{ "a/...", "a/..." },
		{ "/a/b/../..", "/" },
		{ "./../x", "../x" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = path_clean(cases[i].path);

		assert_string_equal(got, cases[i].cleaned);
	}
}

static void rooted_paths_never_leave_the_root(void **state)
{
	static const struct {
		const char *path, *cleaned;
	} cases[] = {
		{ "", "" },
		{ "/", "" },
		{ ".", "" },
		{ "..", "" },
		{ "/b", "b" },
		{ "a/../../b", "b" },
		{ "../../a/b/", "a/b" },
		{ "a/b/../..", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = path_clean_rooted(cases[i].path);

		assert_string_equal(got, cases[i].cleaned);
	}
}

static void relative_paths_are_joined(void **state)
{
	static const struct {
		const char *base, *path, *joined;
	} cases[] = {
		{ "/a", "b", "/a/b" },	   { "/a", "/b", "/b" },
		{ "/a", "", "/a" },	   { "/", "b", "/b" },
		{ "", "b", "b" },	   { "", "", "." },
		{ "/a", "../../b", "/b" }, { "a", "..", "." },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *got = path_join(cases[i].base, cases[i].path);

		assert_string_equal(got, cases[i].joined);
	}
}

static void being_below_is_judged_by_components(void **state)
{
	(void)state;
	assert_true(path_is_below("a/b", "a"));
	assert_true(path_is_below("a", "a"));
	assert_true(path_is_below("a", ""));
	assert_true(path_is_below("a", "."));
	assert_false(path_is_below("ab", "a"));
	assert_false(path_is_below("a", "a/b"));
	assert_string_equal(path_base("a/b"), "b");
	assert_string_equal(path_base("b"), "b");
	assert_string_equal(path_base("/"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_cleaned),
		cmocka_unit_test(rooted_paths_never_leave_the_root),
		cmocka_unit_test(relative_paths_are_joined),
		cmocka_unit_test(being_below_is_judged_by_components),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
