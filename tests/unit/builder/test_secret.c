#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "builder/secret.h"
#include "tests/unit/base/scratch.h"

/* What `spec` gives for the secret `id`: 1, 0 or -1, as secret_find(). */
static int find(const char *spec, const char *id, char *text, size_t size)
{
	AUTO(strv_release) struct strv specs = STRV_INIT;
	AUTO(buf_release) struct buf found = BUF_INIT;
	struct error err = ERROR_INIT;
	int result;

	strv_append(&specs, spec);
	result = secret_find(&specs, id, &found, &err);
	snprintf(text, size, "%s", found.data ? found.data : "");
	if (result < 0)
		error_message(&err, text, size);
	return result;
}

static void a_secret_comes_from_its_file_or_variable(void **state)
{
	struct scratch *s = *state;
	char spec[5000], text[1024];

	make_file(s->fd, "file", "from a file");
	snprintf(spec, sizeof(spec), "id=a,src=%s/file", s->path);
	assert_int_equal(find(spec, "a", text, sizeof(text)), 1);
	assert_string_equal(text, "from a file");
	snprintf(spec, sizeof(spec), "type=file,source=%s/file,id=a", s->path);
	assert_int_equal(find(spec, "a", text, sizeof(text)), 1);
	setenv("SHALE_TEST_SECRET", "from a variable", 1);
	assert_int_equal(
		find("id=a,env=SHALE_TEST_SECRET", "a", text, sizeof(text)), 1);
	assert_string_equal(text, "from a variable");
	assert_int_equal(find("id=SHALE_TEST_SECRET", "SHALE_TEST_SECRET", text,
			      sizeof(text)),
			 1);
	assert_string_equal(text, "from a variable");
	assert_int_equal(find("id=a,type=env,src=SHALE_TEST_SECRET", "a", text,
			      sizeof(text)),
			 1);
	assert_string_equal(text, "from a variable");
	/* A file's name may hold a comma. */
	make_file(s->fd, "a,b", "behind a comma");
	snprintf(spec, sizeof(spec), "id=a,\"src=%s/a,b\"", s->path);
	assert_int_equal(find(spec, "a", text, sizeof(text)), 1);
	assert_string_equal(text, "behind a comma");
}

static void other_secrets_are_not_found(void **state)
{
	char text[1024];

	(void)state;
	assert_int_equal(find("id=a,env=HOME", "b", text, sizeof(text)), 0);
	assert_int_equal(find("id=ab,env=HOME", "a", text, sizeof(text)), 0);
}

static void a_specification_that_cannot_be_read_is_told(void **state)
{
	static const struct {
		const char *spec, *message;
	} cases[] = {
		{ "id=a,scr=b", "\"scr=b\" is none of" },
		{ "a", "\"a\" is none of" },
		{ "src=b", "id= is missing" },
		{ "id=,src=b", "id= is missing" },
		{ "id=a,type=hex", "type=hex is neither" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(strv_release) struct strv specs = STRV_INIT;
		struct error err = ERROR_INIT;

		strv_append(&specs, cases[i].spec);
		assert_int_equal(secret_check(&specs, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_non_null(strstr(err.text, cases[i].message));
	}
}

static void what_is_missing_is_named(void **state)
{
	struct scratch *s = *state;
	char spec[5000], text[5000];

	snprintf(spec, sizeof(spec), "id=a,src=%s/nothing", s->path);
	assert_int_equal(find(spec, "a", text, sizeof(text)), -1);
	assert_non_null(strstr(text, "nothing"));
	unsetenv("SHALE_TEST_SECRET");
	assert_int_equal(
		find("id=a,env=SHALE_TEST_SECRET", "a", text, sizeof(text)),
		-1);
	assert_non_null(strstr(text, "SHALE_TEST_SECRET"));
}

static void large_secrets_are_refused(void **state)
{
	struct scratch *s = *state;
	char *large = calloc(1, SECRET_MAX + 2);
	char spec[5000], text[5000];

	assert_non_null(large);
	for (size_t i = 0; i <= SECRET_MAX; i++)
		large[i] = 'x';
	make_file(s->fd, "large", large);
	free(large);
	snprintf(spec, sizeof(spec), "id=a,src=%s/large", s->path);
	assert_int_equal(find(spec, "a", text, sizeof(text)), -1);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_secret_comes_from_its_file_or_variable),
		TEST(other_secrets_are_not_found),
		TEST(a_specification_that_cannot_be_read_is_told),
		TEST(what_is_missing_is_named),
		TEST(large_secrets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
