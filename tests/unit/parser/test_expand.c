#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/expand.h"
#include "store/base/buf.h"

struct row {
	const char *word;
	const char *want; /* of a failing row: the message, without its frame */
};

/* The environment of the specification's tables. */
static struct expand_env test_env(struct strv *env)
{
	strv_append(env, "PWD=/home");
	strv_append(env, "EMPTY=");
	strv_append(env, "XXYY=xxyy");
	strv_append(env, "STARS=xx**");
	strv_append(env, "FILE=/tmp/foo.txt");
	strv_append(env, "space=abc  def");
	strv_append(env, "ABC=abc");
	strv_append(env, "MARKS=a*b?c\\d}e/f[g]");
	strv_append(env, "UTF=\xc3\xa4\xc3\xb6\xc3\xbc");
	return expand_env_from_strv(env);
}

static void assert_expands(const struct row *rows, size_t count, char escape)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	struct expand_env env = test_env(&list);
	size_t i;

	for (i = 0; i < count; i++) {
		struct error err = ERROR_INIT;
		autofree char *got =
			expand_word(rows[i].word, escape, &env, &err);

		if (!got)
			fail_msg("%s: %s", rows[i].word, err.text);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s gives '%s', not '%s'", rows[i].word, got,
				 rows[i].want);
	}
}

static void assert_fails(const struct row *rows, size_t count)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	struct expand_env env = test_env(&list);
	size_t i;

	for (i = 0; i < count; i++) {
		struct error err = ERROR_INIT;
		autofree char *got =
			expand_word(rows[i].word, '\\', &env, &err);

		if (got)
			fail_msg("%s gives '%s'", rows[i].word, got);
		assert_int_equal(err.kind, ERROR_DOCKERFILE);
		/* The innermost frame comes first. */
		assert_string_equal(err.text, rows[i].want);
	}
}

static void quotes_and_escapes_are_removed(void **state)
{
	static const struct row rows[] = {
		{ "he'll'o", "hello" },
		{ "he\\'llo", "he'llo" },
		{ "abc\\tdef", "abctdef" },
		{ "\"abc\\tdef\"", "abc\\tdef" },
		{ "'hello\\'", "hello\\" },
		{ "hello\\", "hello" },
		{ "\"a\\\"b\\$c\\\\d\"", "a\"b$c\\d" },
		{ "", "" },
		{ "''", "" },
		{ "b\\ c", "b c" },
		{ "\"e f\"", "e f" },
		{ "b=c \"d\"", "b=c d" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

static void names_are_replaced(void **state)
{
	static const struct row rows[] = {
		{ "he\\$PWD", "he$PWD" },
		{ "he\\\\$PWD", "he\\/home" },
		{ "\"he'$PWD'\"", "he'/home'" },
		{ "'he$PWD'", "he$PWD" },
		{ "he$PWD.x", "he/home.x" },
		{ "$UNSET", "" },
		{ "${PWD}", "/home" },
		{ "${aaa}}", "}" },
		{ "$space", "abc  def" },
		{ "$PWDx", "" },
		{ "$", "$" },
		{ "a$", "a$" },
		{ "$.", "$." },
		{ "\"$\"", "$" },
		{ "$\\a", "$a" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

static void special_parameters_are_never_set(void **state)
{
	static const struct row rows[] = {
		{ "$@@@", "@@" },   { "$999aaa", "aaa" }, { "$1", "" },
		{ "$*", "" },	    { "$#", "" },	  { "$?", "" },
		{ "$-", "" },	    { "$$", "" },	  { "$!", "" },
		{ "$0", "" },	    { "${1:-a}", "a" },	  { "${@:-b}", "b" },
		{ "$$PWD", "PWD" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

static void defaults_depend_on_set_and_empty(void **state)
{
	static const struct row rows[] = {
		{ "${XXX:-${YYY:-yyy}}", "yyy" },
		{ "he${XXX:-\\$PWD:}xx", "he$PWD:xx" },
		{ "${PWD:+in}", "in" },
		{ "${EMPTY:+in}", "" },
		{ "${EMPTY+in}", "in" },
		{ "${XXX+in}", "" },
		{ "${EMPTY:-d}", "d" },
		{ "${EMPTY-d}", "" },
		{ "${XXX-d}", "d" },
		{ "${PWD:-d}", "/home" },
		{ "${PWD:?no}", "/home" },
		{ "${EMPTY?no}", "" },
		{ "${XXX:-'a b'\"$PWD\"}", "a b/home" },
		{ "${XXX:-a\\}b}", "a}b" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

static void patterns_trim_prefixes_and_suffixes(void **state)
{
	static const struct row rows[] = {
		{ "${XXYY#*x*y}", "y" },
		{ "${XXYY##*x}", "yy" },
		{ "${XXYY#*x}", "xyy" },
		{ "${XXYY#x}", "xyy" },
		{ "${XXYY#?x}", "yy" },
		{ "${XXYY##*}", "" },
		{ "${XXYY#*}", "xxyy" },
		{ "${XXYY#y}", "xxyy" },
		{ "${STARS%%\\**}", "xx" },
		{ "${STARS%\\*}", "xx*" },
		{ "${STARS%\\**}", "xx*" },
		{ "${FILE%.*}", "/tmp/foo" },
		{ "${FILE##*/}", "foo.txt" },
		{ "${FILE%/*}", "/tmp" },
		{ "${FILE%%/*}", "" },
		{ "${XXX#a}", "" },
		{ "${UTF#?}", "\xc3\xb6\xc3\xbc" },
		{ "${UTF%?}", "\xc3\xa4\xc3\xb6" },
		{ "${FILE#${XXX:-/tmp}}", "/foo.txt" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

static void patterns_replace_text(void **state)
{
	static const struct row rows[] = {
		{ "${XXYY/$EMPTY/ww}", "wwxxyy" },
		{ "${FILE//\\//\\/}", "\\/tmp\\/foo.txt" },
		{ "${XXYY/x/a}", "axyy" },
		{ "${XXYY//x/a}", "aayy" },
		{ "${XXYY//x*y/a}", "a" },
		{ "${XXYY//x/}", "yy" },
		{ "${XXYY///}", "xxyy" },
		{ "${ABC///x}", "xaxbxcx" },
		{ "${ABC//*/x}", "x" },
		{ "${ABC/*/x}", "x" },
		{ "${ABC//?/x}", "xxx" },
		{ "${ABC/b/$PWD}", "a/homec" },
		{ "${UTF//?/-}", "---" },
		{ "${XXX/a/b}", "" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

/* Only * and ? mean something, and only when nothing escapes them. */
static void patterns_may_be_literal(void **state)
{
	static const struct row rows[] = {
		{ "${MARKS/\\*/x}", "axb?c\\d}e/f[g]" },
		{ "${MARKS/\\?/x}", "a*bxc\\d}e/f[g]" },
		{ "${MARKS/\\\\/x}", "a*b?cxd}e/f[g]" },
		{ "${MARKS/\\}/x}", "a*b?c\\dxe/f[g]" },
		{ "${MARKS/\\//x}", "a*b?c\\d}exf[g]" },
		{ "${MARKS/[g]/x}", "a*b?c\\d}e/fx" },
		{ "${MARKS/[a-z]/x}", "a*b?c\\d}e/f[g]" },
		{ "${MARKS#a\\*}", "b?c\\d}e/f[g]" },
		{ "${MARKS%/f*}", "a*b?c\\d}e" },
		{ "${MARKS//*/'$x'}", "$x" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '\\');
}

static void the_backquote_can_be_the_escape(void **state)
{
	static const struct row rows[] = {
		{ "he`$PWD", "he$PWD" },  { "c:\\x", "c:\\x" },
		{ "\"a`\"b\"", "a\"b" },  { "x`", "x" },
		{ "${STARS%`*}", "xx*" },
	};

	(void)state;
	assert_expands(rows, ARRAY_LEN(rows), '`');
}

static void errors_have_the_references_text(void **state)
{
	static const struct row rows[] = {
		{ "${}", "syntax error: bad substitution" },
		{ "${:}", "syntax error: bad substitution" },
		{ "${{", "syntax error: bad substitution" },
		{ "${", "syntax error: missing '}'" },
		{ "${v", "syntax error: missing '}'" },
		{ "${v:", "syntax error: missing '}'" },
		{ "${v:-w", "syntax error: missing '}'" },
		{ "${v:-'w}", "syntax error: missing '}'" },
		{ "${v:=w}", "unsupported modifier (:=) in substitution" },
		{ "${v.w}", "unsupported modifier (.) in substitution" },
		{ "${v/p}", "syntax error: missing '/' in ${}" },
		{ "${v/p/r", "syntax error: missing '}'" },
		{ "${v:?w}", "v: w" },
		{ "${v?w}", "v: w" },
		{ "${v:?}", "v: is not allowed to be empty" },
		{ "${EMPTY:?}", "EMPTY: is not allowed to be empty" },
		{ "${v?}", "v: is not allowed to be unset" },
		{ "'abc", "unexpected end of statement while looking for "
			  "matching single-quote" },
		{ "\"abc", "unexpected end of statement while looking for "
			   "matching double-quote" },
	};

	(void)state;
	assert_fails(rows, ARRAY_LEN(rows));
}

static void errors_name_the_word(void **state)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	struct expand_env env = test_env(&list);
	struct error err = ERROR_INIT;
	char text[256];

	(void)state;
	assert_null(expand_word("a\"${v", '\\', &env, &err));
	assert_string_equal(error_message(&err, text, sizeof(text)),
			    "failed to process \"a\\\"${v\": syntax error: "
			    "missing '}'");
}

static void only_unquoted_results_split(void **state)
{
	static const struct {
		const char *word;
		const char *want; /* words joined by '|' */
	} rows[] = {
		{ "hello${space}bye", "helloabc|defbye" },
		{ "\"hello${space}bye\"", "helloabc  defbye" },
		{ "$EMPTY", "" },
		{ "\"\"", "|" },
		{ "${XXX:-a b}", "a|b" },
		{ "a\\ b", "a b" },
		{ "x'$space'", "x$space" },
		{ "$space$space", "abc|defabc|def" },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv list = STRV_INIT;
		AUTO(strv_release) struct strv words = STRV_INIT;
		AUTO(buf_release) struct buf got = BUF_INIT;
		struct expand_env env = test_env(&list);
		struct error err = ERROR_INIT;

		assert_int_equal(
			expand_words(rows[i].word, '\\', &env, &words, &err),
			0);
		buf_append_str(&got, "");
		for (j = 0; j < words.len; j++)
			buf_printf(&got, "%s%s", j ? "|" : "", words.items[j]);
		if (words.len == 1 && !got.len)
			buf_append_char(&got, '|');
		assert_string_equal(got.data, rows[i].want);
	}
}

static void heredoc_bodies_keep_their_quotes(void **state)
{
	static const struct row rows[] = {
		{ "Hello '${PWD}'!\n", "Hello '/home'!\n" },
		{ "\\\\\n", "\\\n" },
		{ "\\$A\n", "$A\n" },
		{ "a\\\nb\n", "a\nb\n" },
		{ "\"$ABC\" it's\n", "\"abc\" it's\n" },
		{ "", "" },
	};
	AUTO(strv_release) struct strv list = STRV_INIT;
	struct expand_env env = test_env(&list);
	size_t i, len;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;
		autofree char *got = expand_heredoc(
			rows[i].word, strlen(rows[i].word), &env, &len, &err);

		assert_non_null(got);
		assert_string_equal(got, rows[i].want);
		assert_int_equal(len, strlen(rows[i].want));
	}
}

static void heredoc_bodies_may_hold_nul(void **state)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	struct expand_env env = test_env(&list);
	struct error err = ERROR_INIT;
	autofree char *got = NULL;
	size_t len = 0;

	(void)state;
	got = expand_heredoc("a\0$ABC", 6, &env, &len, &err);
	assert_non_null(got);
	assert_int_equal(len, 5);
	assert_memory_equal(got, "a\0abc", 5);
}

static const char *refuse_all(void *ctx, const char *name)
{
	(void)ctx;
	(void)name;
	return NULL;
}

static void collect(void *ctx, const char *name)
{
	strv_append(ctx, name);
}

static void unset_names_are_told_where_nothing_replaces_them(void **state)
{
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct expand_env env = { refuse_all, &names, collect };
	struct error err = ERROR_INIT;
	autofree char *got = NULL;

	(void)state;
	got = expand_word("$a ${b} ${c:-x} ${d+x} $1 ${e#x} ${f:-$g}", '\\',
			  &env, &err);
	assert_non_null(got);
	assert_int_equal(names.len, 4);
	assert_string_equal(names.items[0], "a");
	assert_string_equal(names.items[1], "b");
	assert_string_equal(names.items[2], "e");
	assert_string_equal(names.items[3], "g");
}

static void deep_nesting_is_refused(void **state)
{
	AUTO(strv_release) struct strv list = STRV_INIT;
	AUTO(buf_release) struct buf word = BUF_INIT;
	struct expand_env env = test_env(&list);
	struct error err = ERROR_INIT;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		buf_append_str(&word, "${a:-");
	assert_null(expand_word(word.data, '\\', &env, &err));
	assert_int_equal(err.kind, ERROR_DOCKERFILE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotes_and_escapes_are_removed),
		cmocka_unit_test(names_are_replaced),
		cmocka_unit_test(special_parameters_are_never_set),
		cmocka_unit_test(defaults_depend_on_set_and_empty),
		cmocka_unit_test(patterns_trim_prefixes_and_suffixes),
		cmocka_unit_test(patterns_replace_text),
		cmocka_unit_test(patterns_may_be_literal),
		cmocka_unit_test(the_backquote_can_be_the_escape),
		cmocka_unit_test(errors_have_the_references_text),
		cmocka_unit_test(errors_name_the_word),
		cmocka_unit_test(only_unquoted_results_split),
		cmocka_unit_test(heredoc_bodies_keep_their_quotes),
		cmocka_unit_test(heredoc_bodies_may_hold_nul),
		cmocka_unit_test(
			unset_names_are_told_where_nothing_replaces_them),
		cmocka_unit_test(deep_nesting_is_refused),
	};

	return cmocka_run_group_tests_name("expand", tests, NULL, NULL);
}
