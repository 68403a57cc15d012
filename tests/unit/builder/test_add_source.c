#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "builder/fetch.h"
#include "tests/unit/builder/lab.h"
#include "tests/unit/registry/script.h"

#define SHA_OF_HELLO                                                           \
	"sha256:"                                                              \
	"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static const struct lab_entry base[] = {
	{ "d", ENTRY_DIR, 0755, 0, 0, NULL },
};

static int setup(void **state)
{
	if (lab_setup(state) < 0)
		return -1;
	umask(022);
	lab_make_base(*state, base, ARRAY_LEN(base));
	return 0;
}

/* The next builds download by these acts, all of which must be used. */
struct server {
	struct script script;
	struct lab *lab;
};

static void serve(struct server *s, struct lab *lab, const struct act *acts,
		  size_t n)
{
	*s = (struct server){ .script = { .acts = acts, .n = n }, .lab = lab };
	lab->registry = script_client(&s->script, NULL);
}

static void stop(struct server *s, const char *log)
{
	assert_log(&s->script, log);
	registry_free(s->lab->registry);
	s->lab->registry = NULL;
	script_release(&s->script);
}

static void a_file_is_named_by_its_url_in_a_directory(void **state)
{
	static const struct act acts[] = {
		{ .body = "a" },
		{ .body = "b" },
		{ .body = "c" },
		{ .body = "d" },
	};
	struct server s;

	serve(&s, *state, acts, ARRAY_LEN(acts));
	lab_expect(*state, "FROM base\nADD https://h/p/a%20b?x=/y#z /n/\n",
		   "n/ n/a b(600,0:0)=a");
	lab_expect(*state, "FROM base\nADD https://h/p/f /n\n", "n(600,0:0)=b");
	lab_expect(*state, "FROM base\nADD https://h/p/f /d\n",
		   "d/ d/f(600,0:0)=c");
	lab_expect(*state, "FROM base\nADD https://h /n/\n",
		   "n/ n/__unnamed__(600,0:0)=d");
	stop(&s, "GET https://h/p/a%20b?x=/y\nGET https://h/p/f\n"
		 "GET https://h/p/f\nGET https://h");
}

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const urls[] = {
		"https://h/..",	   "https://h/%2e%2e", "https://h/a/../..",
		"https://h/a%00b", "https://h/x%2F..", "https://h/.",
	};
	static const struct {
		const char *url;
		const char *name;
	} good[] = {
		{ "https://h/..%2fx", "x" },
		{ "https://h/a//", "a" },
		{ "https://h/a%2fb?c/d", "b" },
		{ "https://h#/x", "__unnamed__" },
		{ "https://h/%2D-x", "--x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		struct error err = ERROR_INIT;

		assert_null(fetch_file_name(urls[i], &err));
		assert_int_equal(err.kind, ERROR_REFUSED);
	}
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct error err = ERROR_INIT;
		autofree char *name = fetch_file_name(good[i].url, &err);

		assert_non_null(name);
		assert_string_equal(name, good[i].name);
	}
}

static void words_keep_their_order(void **state)
{
	static const struct act acts[] = { { .body = "url" },
					   { .body = "url" } };
	struct lab *lab = *state;
	struct server s;

	make_file(lab->dir->fd, "f", "local");
	make_file(lab->dir->fd, "g", "g");
	serve(&s, lab, acts, ARRAY_LEN(acts));
	lab_expect(lab, "FROM base\nADD f https://h/f g /n/\n",
		   "n/ n/f(600,0:0)=url n/g=g");
	lab_expect(lab, "FROM base\nADD https://h/f f /n/\n", "n/ n/f=local");
	stop(&s, "GET https://h/f\nGET https://h/f");
}

static void an_unchanged_file_hits_the_cache_without_coming_again(void **state)
{
	static const struct act acts[] = {
		{ .headers = "ETag: \"1\"", .body = "one" },
		{ .status = 304 },
		{ .headers = "ETag: \"2\"", .body = "two" },
		{ .headers = "ETag: \"2\"", .body = "two" },
		{ .headers = "ETag: \"3\"", .body = "one" },
	};
	const char *dockerfile = "FROM base\nADD https://h/f /n\n";
	struct server s;

	serve(&s, *state, acts, ARRAY_LEN(acts));
	lab_expect(*state, dockerfile, "n(600,0:0)=one");
	lab_expect(*state, dockerfile, "n(600,0:0)=one");
	assert_int_equal(lab_cached(*state), 1);
	lab_expect(*state, dockerfile, "n(600,0:0)=two");
	assert_int_equal(lab_cached(*state), 0);
	/* Another server with the same file. */
	lab_expect(*state, "FROM base\nADD https://mirror/f?sign=1 /n\n",
		   "n(600,0:0)=two");
	assert_int_equal(lab_cached(*state), 1);
	lab_expect(*state, dockerfile, "n(600,0:0)=one");
	assert_int_equal(lab_cached(*state), 1);
	stop(&s, "GET https://h/f\n"
		 "GET https://h/f | If-None-Match: \"1\"\n"
		 "GET https://h/f | If-None-Match: \"1\"\n"
		 "GET https://mirror/f?sign=1\n"
		 "GET https://h/f | If-None-Match: \"2\"");
}

static void a_checksum_is_kept_and_saves_the_request(void **state)
{
	static const struct act acts[] = {
		{ .body = "hello" },
		{ .body = "HELLO" },
	};
	const char *good =
		"FROM base\nADD --checksum=" SHA_OF_HELLO " https://h/f /n\n";
	const char *other = "FROM base\nADD --checksum=" SHA_OF_HELLO
			    " https://h/f /other\n";
	struct server s;

	serve(&s, *state, acts, ARRAY_LEN(acts));
	lab_expect(*state, good, "n(600,0:0)=hello");
	lab_expect(*state, good, "n(600,0:0)=hello");
	lab_expect_error(*state, other, "https://h/f: digest mismatch sha256:");
	stop(&s, "GET https://h/f\nGET https://h/f");
}

static void a_missing_file_is_told_with_its_line(void **state)
{
	static const struct act acts[] = { { .status = 404 } };
	struct error err = ERROR_INIT;
	autofree char *listing = NULL;
	char message[2048];
	struct server s;

	serve(&s, *state, acts, 1);
	assert_int_equal(lab_build(*state, "FROM base\nADD https://u:p@h/f /\n",
				   &listing, &err),
			 -1);
	assert_string_equal(error_message(&err, message, sizeof(message)),
			    "https://u:xxxxx@h/f: invalid response status 404");
	assert_int_equal(err.first_line, 2);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	stop(&s, "GET https://h/f | Authorization: Basic dTpw");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_named_by_its_url_in_a_directory),
		TEST(names_that_lead_out_are_refused),
		TEST(words_keep_their_order),
		TEST(an_unchanged_file_hits_the_cache_without_coming_again),
		TEST(a_checksum_is_kept_and_saves_the_request),
		TEST(a_missing_file_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
