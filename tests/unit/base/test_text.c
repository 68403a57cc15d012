/* Text: durations, quoting, case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/base/cleanup.h"
#include "store/base/duration.h"
#include "store/base/quote.h"
#include "store/base/text.h"

static void durations_are_read_like_go_does(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{ "0", 0 },
		{ "5s", 5000000000 },
		{ "1m30s", 90000000000 },
		{ "500ms", 500000000 },
		{ "1.5h", 5400000000000 },
		{ ".5s", 500000000 },
		{ "1.s", 1000000000 },
		{ "-2us", -2000 },
		{ "+3\xc2\xb5s", 3000 },
		{ "3\xce\xbcs", 3000 },
		{ "7ns", 7 },
		{ "9223372036854775807ns", INT64_MAX },
		{ "-9223372036854775808ns", INT64_MIN },
		{ "0.3333333333333333333h", 1200000000000 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;
		int64_t ns = -1;

		if (duration_parse(rows[i].text, &ns, &err) < 0)
			fail_msg("%s", err.text);
		if (ns != rows[i].ns)
			fail_msg("%s is %lld", rows[i].text, (long long)ns);
	}
}

#define UNITS " (use h, m, s or ms)"

static void bad_durations_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "", "time: invalid duration \"\"" },
		{ "-", "time: invalid duration \"-\"" },
		{ "s", "time: invalid duration \"s\"" },
		{ ".s", "time: invalid duration \".s\"" },
		{ "3",
		  "time: missing unit in duration \"3\" (such as \"s\" for "
		  "seconds)" },
		{ "3d", "time: unknown unit \"d\" in duration \"3d\"" UNITS },
		{ "3 s",
		  "time: unknown unit \" s\" in duration \"3 s\"" UNITS },
		{ "9223372036854775808ns",
		  "time: invalid duration \"9223372036854775808ns\"" },
		{ "3000000h", "time: invalid duration \"3000000h\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;
		int64_t ns;

		assert_int_equal(duration_parse(rows[i].text, &ns, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_string_equal(err.text, rows[i].message);
	}
}

static void quoted_text_stays_on_one_line(void **state)
{
	struct quoted storage;
	char big[1000];

	(void)state;
	assert_string_equal(quote(&storage, "a\"b\\c\n\t\x01\xff\xc3\xa4"),
			    "\"a\\\"b\\\\c\\n\\t\\x01\\xff\xc3\xa4\"");
	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_true(strlen(quote(&storage, big)) < sizeof(storage.text));
	assert_string_equal(storage.text + strlen(storage.text) - 4, "...\"");
}

static void letters_change_their_case(void **state)
{
	char text[] = "MiXed 1\xc3\x84", cut[4];

	(void)state;
	text_lower(text);
	assert_string_equal(text, "mixed 1\xc3\x84");
	text_lower(NULL);
	assert_string_equal(text_copy_lower(cut, sizeof(cut), "AbCd"), "abc");
	assert_string_equal(text_copy_upper(cut, sizeof(cut), "ab"), "AB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_like_go_does),
		cmocka_unit_test(bad_durations_are_refused),
		cmocka_unit_test(quoted_text_stays_on_one_line),
		cmocka_unit_test(letters_change_their_case),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
