#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/file_listing.h"

#define LINE(attrs, hash, path) attrs " " hash " " path "\0"
#define A			"aaaaaaaaaaaaaaaa"
#define B			"bbbbbbbbbbbbbbbb"

/* `before` and `now` are listings with their zero bytes. */
#define EXPECT(before, now, max, n, text)                                      \
	expect(before, sizeof(before) - 1, now, sizeof(now) - 1, max, n, text)

static void expect(const char *before, size_t before_len, const char *now,
		   size_t now_len, unsigned max, int n, const char *text)
{
	AUTO(buf_release) struct buf b = BUF_INIT, c = BUF_INIT, ret = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_append(&b, before, before_len);
	buf_append(&c, now, now_len);
	buf_append_str(&ret, "");
	assert_int_equal(file_listing_compare(&b, &c, "", max, &ret, &err), n);
	assert_string_equal(ret.data ? ret.data : "", text);
}

static void each_kind_of_change_has_its_words(void **state)
{
	(void)state;
	EXPECT(LINE("00644", A, "same") LINE("00644", A, "bytes")
		       LINE("00644", A, "mode") LINE("00644", A, "type")
			       LINE("00644", A, "gone"),
	       LINE("00644", A, "same") LINE("00600", B, "bytes")
		       LINE("00755", A, "mode") LINE("20644", A, "type")
			       LINE("00644", A, "new"),
	       10, 5,
	       "file bytes: contents changed\nfile mode: mode changed\n"
	       "file type: is of another type now\nfile new: is new\n"
	       "file gone: is gone\n");
}

static void only_so_many_are_named(void **state)
{
	(void)state;
	EXPECT("",
	       LINE("00644", A, "a") LINE("00644", A, "b")
		       LINE("00644", A, "c"),
	       1, 3, "file a: is new\nand 2 more\n");
}

static void a_damaged_listing_ends_early(void **state)
{
	(void)state;
	EXPECT(LINE("00644", A, "a") "garbage\0", LINE("00644", A, "a"), 9, 0,
	       "");
	EXPECT("no end", LINE("00644", A, "a"), 9, 1, "file a: is new\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_change_has_its_words),
		cmocka_unit_test(only_so_many_are_named),
		cmocka_unit_test(a_damaged_listing_ends_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
