#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/base/cleanup.h"
#include "store/platform.h"

static struct platform parsed(const char *text)
{
	struct error err = ERROR_INIT;
	struct platform p = { 0 };

	if (platform_parse(text, &p, &err) < 0)
		fail_msg("'%s': %s", text, err.text);
	return p;
}

static void platforms_are_normalised(void **state)
{
	static const struct {
		const char *text, *full;
	} cases[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "Linux/x86_64", "linux/amd64" },
		{ "linux/x86-64", "linux/amd64" },
		{ "linux/i386", "linux/386" },
		{ "linux/aarch64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9" },
		{ "linux/arm", "linux/arm/v7" },
		{ "linux/arm/6", "linux/arm/v6" },
		{ "linux/armhf", "linux/arm/v7" },
		{ "linux/armel", "linux/arm/v6" },
		{ "linux/amd64/v2", "linux/amd64/v2" },
		{ "linux/amd64/v1", "linux/amd64" },
		{ "arm64", "linux/arm64" },
		{ "i686", "linux/386" },
		{ "macos/arm64", "darwin/arm64" },
		{ "windows(10.0.17763)/amd64", "windows/amd64" },
	};
	char text[PLATFORM_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct platform p = parsed(cases[i].text);

		assert_string_equal(platform_format(&p, text), cases[i].full);
	}
	assert_string_equal(parsed("windows(10.0.1)/amd64").os_version,
			    "10.0.1");
	assert_string_equal(parsed("linux").arch, platform_host().arch);
}

static void what_is_no_platform_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"linux/",
		"/amd64",
		"linux/amd64/",
		"linux/amd64/v1/x",
		"linux amd64",
		"linux(/amd64",
		"linux/a/../etc",
		"a\nb",
		"linux/"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct platform p;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;

		if (platform_parse(bad[i], &p, &err) == 0)
			fail_msg("'%s' was accepted", bad[i]);
	}
}

static int match(const char *want, const char *have)
{
	struct platform w = parsed(want), h = parsed(have);

	return platform_match(&w, &h);
}

static void the_best_variant_is_the_highest_not_above(void **state)
{
	(void)state;
	assert_true(match("linux/arm/v7", "linux/arm/v7") >
		    match("linux/arm/v7", "linux/arm/v6"));
	assert_true(match("linux/arm/v7", "linux/arm/v6") >
		    match("linux/arm/v7", "linux/arm/v5"));
	assert_int_equal(match("linux/arm/v6", "linux/arm/v7"), 0);
	assert_true(match("linux/amd64/v3", "linux/amd64") > 0);
	assert_int_equal(match("linux/amd64", "linux/amd64/v3"), 0);
	assert_true(match("linux/arm64/v9", "linux/arm64") > 0);
	assert_int_equal(match("linux/amd64", "linux/arm64"), 0);
	assert_int_equal(match("linux/amd64", "windows/amd64"), 0);
	assert_true(match("windows(10.0.17763)/amd64",
			  "windows(10.0.17763.5)/amd64") > 0);
	assert_int_equal(match("windows(10.0.17763)/amd64",
			       "windows(10.0.177631)/amd64"),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms_are_normalised),
		cmocka_unit_test(what_is_no_platform_is_refused),
		cmocka_unit_test(the_best_variant_is_the_highest_not_above),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
