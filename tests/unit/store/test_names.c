#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/names.h"
#include "tests/unit/store/place.h"

static struct digest digest_of(const char *text)
{
	struct digest d;

	digest_bytes(text, strlen(text), &d);
	return d;
}

static void set(struct place *p, const char *name, const char *image)
{
	struct digest d = digest_of(image);
	struct error err = ERROR_INIT;

	expect_ok(name_set(p->batch, name, &d, NULL, &err), &err);
	place_publish(p);
}

static void a_name_leads_to_its_newest_image(void **state)
{
	struct place *p = *state;
	AUTO(name_record_release) struct name_record r = { 0 };
	struct digest second = digest_of("second"), m = digest_of("manifest");
	struct error err = ERROR_INIT;

	set(p, "docker.io/library/a:latest", "first");
	expect_ok(name_set(p->batch, "docker.io/library/a:latest", &second, &m,
			   &err),
		  &err);
	place_restart(p);
	expect_ok(name_get(p->store, "docker.io/library/a:latest", &r, &err),
		  &err);
	assert_string_equal(r.name, "docker.io/library/a:latest");
	assert_true(digest_equal(&r.image, &second));
	assert_true(digest_equal(&r.manifest, &m));
	assert_true(r.set_at.tv_sec > 0);
}

static void a_name_set_to_what_it_is_keeps_its_time(void **state)
{
	struct place *p = *state;
	AUTO(name_record_release) struct name_record before = { 0 };
	AUTO(name_record_release) struct name_record after = { 0 };
	struct error err = ERROR_INIT;

	set(p, "a", "first");
	expect_ok(name_get(p->store, "a", &before, &err), &err);
	set(p, "a", "first");
	expect_ok(name_get(p->store, "a", &after, &err), &err);
	assert_memory_equal(&before.set_at, &after.set_at,
			    sizeof(after.set_at));
}

static void names_that_differ_are_kept_apart(void **state)
{
	static char long_a[600], long_b[600];
	const char *const names[] = {
		"a/b",	   "a%2Fb", "a:b",	    "A:b",	"..",	".",
		".hidden", "a b",   "[::1]:5000/x", "\xff\xfe", long_a, long_b,
	};
	struct place *p = *state;
	struct name_record *list = NULL;
	struct error err = ERROR_INIT;
	size_t n = 0, i;

	memset(long_a, 'a', sizeof(long_a) - 1);
	memset(long_b, 'a', sizeof(long_b) - 1);
	long_b[500] = 'b';
	for (i = 0; i < ARRAY_LEN(names); i++)
		if (names[i][0] != '\xff') /* JSON is UTF-8 */
			set(p, names[i], names[i]);
	for (i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(name_record_release) struct name_record r = { 0 };
		struct digest d = digest_of(names[i]);

		if (names[i][0] == '\xff')
			continue;
		expect_ok(name_get(p->store, names[i], &r, &err), &err);
		assert_true(digest_equal(&r.image, &d));
	}
	expect_ok(names_list(p->store, &list, &n, &err), &err);
	assert_int_equal(n, ARRAY_LEN(names) - 1);
	for (i = 1; i < n; i++)
		assert_true(strcmp(list[i - 1].name, list[i].name) < 0);
	for (i = 0; i < n; i++)
		name_record_release(&list[i]);
	free(list);
}

static void a_removed_name_is_gone(void **state)
{
	struct place *p = *state;
	struct name_record r = { 0 };
	struct error err = ERROR_INIT;

	set(p, "a", "x");
	expect_ok(name_remove(p->store, "a", &err), &err);
	assert_int_equal(name_get(p->store, "a", &r, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(name_remove(p->store, "a", &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

static void a_damaged_record_hides_no_other(void **state)
{
	struct place *p = *state;
	struct name_record *list = NULL, r = { 0 };
	struct error err = ERROR_INIT;
	size_t n = 0;

	set(p, "good", "x");
	make_file(p->scratch->fd, "names/bad", "{\"name\":");
	assert_int_equal(name_get(p->store, "bad", &r, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
	expect_ok(names_list(p->store, &list, &n, &err), &err);
	assert_int_equal(n, 1);
	name_record_release(&list[0]);
	free(list);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_leads_to_its_newest_image),
		TEST(a_name_set_to_what_it_is_keeps_its_time),
		TEST(names_that_differ_are_kept_apart),
		TEST(a_removed_name_is_gone),
		TEST(a_damaged_record_hides_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
