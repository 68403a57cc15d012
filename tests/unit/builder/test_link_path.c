#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/link_path.h"

/* A small world: what is not listed does not exist. */
static const struct thing {
	const char *path;
	int type;
	const char *target;
	bool watched;
} things[] = {
	{ "d", LOOK_DIR, NULL, false },
	{ "d/e", LOOK_DIR, NULL, false },
	{ "d/f", LOOK_OTHER, NULL, false },
	{ "abs", LOOK_LINK, "/d/e", false },
	{ "rel", LOOK_LINK, "d", false },
	{ "d/e/up", LOOK_LINK, "../f", false },
	{ "chain", LOOK_LINK, "rel/e/up", false },
	{ "out", LOOK_LINK, "../../../d", false },
	{ "trap", LOOK_LINK, "../d", true },
	{ "fair", LOOK_LINK, "d/../d/e", true },
	{ "dangling", LOOK_LINK, "no/where", false },
	{ "loop", LOOK_LINK, "loop", false },
};

static int look(void *ctx, const char *path, struct link_look *ret,
		struct error *err)
{
	(void)ctx;
	(void)err;
	for (size_t i = 0; i < sizeof(things) / sizeof(*things); i++)
		if (strcmp(things[i].path, path) == 0) {
			ret->type = things[i].type;
			ret->target = things[i].target;
			ret->watched = things[i].watched;
		}
	return 0;
}

static void expect(const char *path, bool follow, int exists,
		   const char *resolved, bool climbs)
{
	struct error err = ERROR_INIT;
	char *got = NULL;
	bool climbed = false;

	assert_int_equal(link_path_resolve(path, follow, look, NULL, &got,
					   &climbed, &err),
			 exists);
	assert_string_equal(got, resolved);
	assert_int_equal(climbed, climbs);
	free(got);
}

static void links_are_followed_inside_the_root(void **state)
{
	(void)state;
	expect("", true, 1, "", false);
	expect("/", true, 1, "", false);
	expect("d//./e/", true, 1, "d/e", false);
	expect("abs", true, 1, "d/e", false);
	expect("abs", false, 1, "abs", false);
	expect("abs/up", true, 1, "d/f", false);
	expect("chain", true, 1, "d/f", false);
	expect("out/e", true, 1, "d/e", false);
	expect("abs/..", true, 1, "d", false);
	expect("../../d", true, 1, "d", false);
}

static void what_does_not_exist_is_taken_as_written(void **state)
{
	(void)state;
	expect("d/new/file", true, 0, "d/new/file", false);
	expect("rel/new/../x", true, 0, "d/x", false);
	expect("dangling", true, 0, "no/where", false);
	expect("d/f/x", true, 0, "d/f/x", false);
}

static void a_watched_link_that_climbs_is_told(void **state)
{
	(void)state;
	expect("trap/e", true, 1, "d/e", true);
	expect("fair", true, 1, "d/e", false);
	expect("out", true, 1, "d", false);
	expect("fair/../../..", true, 1, "", false);
}

static void loops_are_errors(void **state)
{
	struct error err = ERROR_INIT;
	char *got = NULL;

	(void)state;
	assert_int_equal(
		link_path_resolve("loop", true, look, NULL, &got, NULL, &err),
		-1);
	assert_int_equal(err.sys, ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_are_followed_inside_the_root),
		cmocka_unit_test(what_does_not_exist_is_taken_as_written),
		cmocka_unit_test(a_watched_link_that_climbs_is_told),
		cmocka_unit_test(loops_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
