/* The rules that the reference does not have, and what advice means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/lint.h"
#include "parser/secret_text.h"
#include "store/base/buf.h"

/* All advice as "Rule:LINE" words. */
static char *advice_on(const char *text, const struct lint_facts *facts)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t i;

	if (dockerfile_parse(text, strlen(text), &df, &err) < 0 ||
	    dockerfile_check(df, &err) < 0 ||
	    lint(df, facts, &report, &err) < 0)
		fail_msg("%s\nline %d: %s", text, err.first_line, err.text);
	buf_append_str(&out, "");
	for (i = 0; i < report.len; i++)
		if (report.items[i].advice)
			buf_printf(&out, "%s%s:%d", out.len ? " " : "",
				   lint_rule_info(report.items[i].rule)->name,
				   report.items[i].first_line);
	return buf_steal(&out);
}

struct row {
	const char *text;
	const char *advice;
};

static void assert_advice(const struct row *rows, size_t count,
			  const struct lint_facts *facts)
{
	const struct lint_facts none = { 0 };
	size_t i;

	for (i = 0; i < count; i++) {
		autofree char *got =
			advice_on(rows[i].text, facts ? facts : &none);

		if (strcmp(got, rows[i].advice) != 0)
			fail_msg("%s\ngives: %s", rows[i].text, got);
	}
}

static void base_images_have_versions(void **state)
{
	static const char digest[] =
		"FROM a@sha256:"
		"0123456789012345678901234567890123456789012345678901234567890"
		"123\n";
	const struct row rows[] = {
		{ "FROM debian\n", "UnpinnedBaseImage:1" },
		{ "FROM localhost:5000/a\n", "UnpinnedBaseImage:1" },
		{ "FROM debian:latest\n", "UnpinnedBaseImage:1" },
		{ "ARG T\nFROM debian${T:+:$T}\n", "UnpinnedBaseImage:2" },
		{ "ARG T=12\nFROM debian${T:+:$T}\n", "" },
		{ "FROM debian:12\n", "" },
		{ "FROM localhost:5000/a:1\n", "" },
		{ digest, "" },
		{ "FROM a:1 AS b\nFROM b\n", "" },
		{ "FROM a AS b\nFROM c:1\n", "UnpinnedBaseImage:1" },
	};

	(void)state;
	assert_advice(rows, ARRAY_LEN(rows), NULL);
}

#define ON "FROM a:1\nRUN "

static void lists_of_apt_do_not_stay(void **state)
{
	static const struct row rows[] = {
		{ ON "apt-get update && apt-get install -y x\n",
		  "AptListsInLayer:2" },
		{ ON "apt -qq update\n", "AptListsInLayer:2" },
		{ ON "/usr/bin/apt-get -o a=b -q update\n",
		  "AptListsInLayer:2" },
		{ ON "[\"apt-get\", \"update\"]\n", "AptListsInLayer:2" },
		{ ON "sh -c 'apt-get update'\n", "AptListsInLayer:2" },
		{ ON "<<E\nx\napt-get update\nE\n", "AptListsInLayer:2" },
		{ ON "x && \\\n  apt-get update\n", "AptListsInLayer:2" },
		{ ON "--mount=type=cache,target=/var/cache/apt apt-get "
		     "update\n",
		  "AptListsInLayer:2" },
		{ ON "--mount=type=bind,target=/var/lib/apt apt-get update\n",
		  "AptListsInLayer:2" },
		{ ON "apt-get update && rm -rf /var/lib/apt/lists/*\n", "" },
		{ ON "apt-get update && apt-get dist-clean\n", "" },
		{ ON "--mount=type=cache,target=/var/lib/apt/ apt-get "
		     "update\n",
		  "" },
		{ ON "--mount=type=tmpfs,target=/var/lib/apt/lists apt-get "
		     "update\n",
		  "" },
		{ ON "apt-get install x\n", "" },
		{ ON "apt-get install update\n", "" },
		{ ON "apt; update\n", "" },
		{ ON "capt update; apt-mark update\n", "" },
		/* Only where the layer is one of the result. */
		{ "FROM a:1 AS b\nRUN apt update\nFROM c:1\nCOPY --from=b / "
		  "/\n",
		  "" },
		{ "FROM a:1 AS b\nRUN apt update\nFROM b\n",
		  "AptListsInLayer:2" },
	};

	(void)state;
	assert_advice(rows, ARRAY_LEN(rows), NULL);
}

static void the_target_is_what_counts(void **state)
{
	static const struct lint_facts facts = { .target = "B" };
	static const struct row rows[] = {
		{ "FROM a:1 AS b\nRUN apt update\nFROM c:1\n",
		  "AptListsInLayer:2" },
		{ "FROM a:1 AS b\nFROM c:1\nRUN apt update\n", "" },
	};

	(void)state;
	assert_advice(rows, ARRAY_LEN(rows), &facts);
}

static const char *users(void *ctx, size_t stage)
{
	(void)ctx;
	return stage == 0 ? "" : stage == 1 ? "joe" : NULL;
}

static void images_have_a_user(void **state)
{
	static const struct lint_facts facts = { .base_user = users };
	static const struct row rows[] = {
		{ "FROM a:1\n", "MissingUser:1" },
		{ "FROM a:1\nUSER x\n", "" },
		{ "FROM a:1\nUSER root\n", "" },
		{ "FROM a:1 AS b\nUSER x\nFROM b\n", "" },
		{ "FROM a:1 AS b\nFROM b AS c\nFROM c\n", "MissingUser:3" },
		{ "FROM a:1\nFROM b:1\n", "" },
		{ "FROM a:1\nFROM a:1\nFROM b:1\n", "" },
		{ "FROM a:1\nFROM scratch\n", "MissingUser:2" },
	};

	(void)state;
	assert_advice(rows, ARRAY_LEN(rows), &facts);
}

static void values_are_no_secrets(void **state)
{
	static const struct row rows[] = {
		{ "FROM a:1\nENV A=https://u:p@h/\n", "SecretInValue:2" },
		{ "FROM a:1\nENV A=\"x https://u:p@h/\" B=c\n",
		  "SecretInValue:2" },
		{ "ARG A=AKIA0123456789ABCDEF\nFROM a:1\n", "SecretInValue:1" },
		{ "FROM a:1\nLABEL a=glpat-0123456789abcdefghij\n",
		  "SecretInValue:2" },
		{ "FROM a:1\nENV A=https://u:$P@h/ B=https://u@h:1/ "
		  "C=https://h:1/a@b\n",
		  "" },
		{ "FROM a:1\nENV A=AKIA B=xAKIA0123456789ABCDEF\n", "" },
	};

	(void)state;
	assert_advice(rows, ARRAY_LEN(rows), NULL);
}

static void json_arrays_are_valid(void **state)
{
	static const struct row rows[] = {
		{ ON "['a', 'b']\n", "BrokenJSONForm:2" },
		{ ON "[ \"a\" \"b\" ]\n", "BrokenJSONForm:2" },
		{ "FROM a:1\nCMD [\"C:\\dir\"]\n", "BrokenJSONForm:2" },
		{ "FROM a:1\nVOLUME [\"/a\",]\n", "BrokenJSONForm:2" },
		{ "FROM a:1\nHEALTHCHECK CMD [\"a\",]\n", "BrokenJSONForm:2" },
		{ ON "[\"a\", \"b\"]\n", "" },
		{ ON "[ -f x ]\n", "" },
		{ ON "[ \"$a\" = b ] && x\n", "" },
		{ ON "x [\"a\"]\n", "" },
	};

	(void)state;
	assert_advice(rows, ARRAY_LEN(rows), NULL);
}

static void secrets_are_found_with_their_place(void **state)
{
	static const struct {
		const char *text;
		const char *secret; /* NULL: none */
	} rows[] = {
		{ "a ghp_0123456789abcdefghij0123456789abcdef b",
		  "ghp_0123456789abcdefghij0123456789abcdef" },
		{ "ghp_short", NULL },
		{ "git+https://me:pass@host/x.git", "pass" },
		{ "https://me:@host", NULL },
		{ "https://me:<password>@host", NULL },
		{ "-----BEGIN RSA PRIVATE KEY-----\nx",
		  "-----BEGIN RSA PRIVATE KEY-----\nx" },
		{ "-----BEGIN CERTIFICATE-----", NULL },
		{ "", NULL },
		{ "://", NULL },
		{ "-", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct secret_text found;
		const char *text = rows[i].text, *want = rows[i].secret;
		bool got = secret_text_find(text, strlen(text), &found);

		if (got != (want != NULL))
			fail_msg("%s: %d", text, got);
		if (!want)
			continue;
		assert_int_equal(found.len, strlen(want));
		assert_memory_equal(text + found.start, want, found.len);
	}
}

static void lint_with(const char *text, struct lint_report *ret)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	const struct lint_facts none = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(dockerfile_parse(text, strlen(text), &df, &err), 0);
	assert_int_equal(lint(df, &none, ret, &err), 0);
}

/* What other builders find clean must pass here with the same options. */
static void advice_fails_nothing_unless_asked_for_by_name(void **state)
{
	static const struct {
		const char *options;
		size_t findings;
		size_t warnings;
		int verdict;
	} rows[] = {
		{ "error=true", 1, 0, 0 },
		{ "error=true;experimental=all", 1, 0, 0 },
		{ "error=true;experimental=UnpinnedBaseImage", 1, 1, -1 },
		{ "experimental=UnpinnedBaseImage", 1, 1, 0 },
		{ "skip=UnpinnedBaseImage", 0, 0, 0 },
		{ "skip=all", 0, 0, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(lint_report_release) struct lint_report report = { 0 };
		struct error err = ERROR_INIT;
		char text[128];

		snprintf(text, sizeof(text), "# check=%s\nFROM a\n",
			 rows[i].options);
		lint_with(text, &report);
		assert_int_equal(report.len, rows[i].findings);
		assert_int_equal(report.n_warnings, rows[i].warnings);
		assert_int_equal(lint_verdict(&report, &err), rows[i].verdict);
	}
}

static void every_rule_says_what_to_do(void **state)
{
	int rule;

	(void)state;
	for (rule = 0; rule < LINT_RULES; rule++) {
		const struct lint_rule_info *info =
			lint_rule_info((enum lint_rule)rule);

		assert_true(info->name && *info->name);
		assert_true(info->url && *info->url);
		assert_true(info->description && *info->description);
		assert_true(info->help && *info->help);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_images_have_versions),
		cmocka_unit_test(lists_of_apt_do_not_stay),
		cmocka_unit_test(the_target_is_what_counts),
		cmocka_unit_test(images_have_a_user),
		cmocka_unit_test(values_are_no_secrets),
		cmocka_unit_test(json_arrays_are_valid),
		cmocka_unit_test(secrets_are_found_with_their_place),
		cmocka_unit_test(advice_fails_nothing_unless_asked_for_by_name),
		cmocka_unit_test(every_rule_says_what_to_do),
	};

	return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
