/* Go's ways of printing, which history texts have to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/history.h"

struct duration_case {
	int64_t ns;
	const char *text;
};

static void durations_are_written_like_go(void **state)
{
	static const struct duration_case cases[] = {
		{ 0, "0s" },
		{ 1, "1ns" },
		{ 1100, "1.1\xc2\xb5s" },
		{ 2200000, "2.2ms" },
		{ 500000000, "500ms" },
		{ 3300000000, "3.3s" },
		{ 30000000000, "30s" },
		{ 60000000000, "1m0s" },
		{ 300000000000, "5m0s" },
		{ 305500000000, "5m5.5s" },
		{ 5401001000000, "1h30m1.001s" },
		{ -1, "-1ns" },
		{ INT64_MIN, "-2562047h47m16.854775808s" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf out = BUF_INIT;

		history_duration(&out, cases[i].ns);
		assert_string_equal(out.data, cases[i].text);
	}
}

static void strings_are_quoted_like_go(void **state)
{
	AUTO(strv_release) struct strv items = STRV_INIT;
	AUTO(buf_release) struct buf out = BUF_INIT;

	(void)state;
	history_quoted(&out, "CMD", &items);
	assert_string_equal(out.data, "CMD []");
	buf_clear(&out);
	strv_append(&items, "a \"b\"\\");
	strv_append(&items, "\t\n\x01\x7f\xc3\xa9");
	history_quoted(&out, "CMD", &items);
	assert_string_equal(out.data, "CMD [\"a \\\"b\\\"\\\\\" "
				      "\"\\t\\n\\x01\\x7f\xc3\xa9\"]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_written_like_go),
		cmocka_unit_test(strings_are_quoted_like_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
