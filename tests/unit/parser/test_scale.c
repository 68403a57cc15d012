/*
 * Files as no one writes them by hand: reading, judging and linting them takes
 * time and memory in proportion to their size. What must be in proportion is
 * counted where it can be (bytes, comparisons); a limit of processor time,
 * far above what is needed, turns a hang into a failure.
 */
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "parser/dockerfile.h"
#include "parser/expand.h"
#include "parser/lint.h"
#include "store/base/buf.h"

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

enum { LIMIT_SECONDS = 120 };

static size_t allocated_bytes(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

/* Of the whole process and not of the clock: others may use the machine. */
static int limit_time(void **state)
{
	struct itimerval limit = { .it_value = { .tv_sec = LIMIT_SECONDS } };

	(void)state;
	return setitimer(ITIMER_PROF, &limit, NULL);
}

static struct dockerfile *parse(const struct buf *text)
{
	struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;

	assert_false(text->failed);
	if (dockerfile_parse(text->data, text->len, &df, &err) < 0)
		fail_msg("line %d: %s", err.first_line, err.text);
	if (dockerfile_check(df, &err) < 0)
		fail_msg("line %d: %s", err.first_line, err.text);
	assert_true(dockerfile_lines_ascend(df));
	return df;
}

/* Warnings of all rules. */
static size_t count_warnings(const struct dockerfile *df)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };
	const struct lint_facts none = { 0 };
	struct error err = ERROR_INIT;

	if (lint(df, &none, &report, &err) < 0)
		fail_msg("%s", err.text);
	return report.n_warnings;
}

static void fifty_megabytes_are_read(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	char line[1024];
	size_t n = 0;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	buf_append_str(&text, "FROM scratch\n");
	for (; text.len < 50 << 20; n++)
		buf_printf(&text, "# %s\nLABEL a%zu=%s\n", line, n, line);
	df = parse(&text);
	assert_int_equal(df->len, n + 1);
	assert_int_equal(count_warnings(df), 0);
}

static size_t tree_bytes(size_t lines)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct dockerfile *df;
	size_t before, bytes, i;

	buf_append_str(&text, "FROM scratch\n");
	for (i = 0; i < lines; i++)
		buf_printf(&text,
			   "COPY --chown=1:1 <<E%zu a b%zu /c\nbody\nE%zu\n", i,
			   i, i);
	before = allocated_bytes();
	df = parse(&text);
	bytes = allocated_bytes() - before;
	dockerfile_free(df);
	return bytes;
}

static void memory_grows_like_the_file(void **state)
{
	size_t small = tree_bytes(8192), big = tree_bytes(4 * 8192);

	(void)state;
	assert_true(small > 8192);
	if (big > small * 9 / 2)
		fail_msg("four times the lines: %zu bytes, then %zu", small,
			 big);
}

static void a_thousand_stages_are_linked(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	int i;

	(void)state;
	buf_append_str(&text, "FROM scratch AS s0\n");
	for (i = 1; i < 1000; i++)
		buf_printf(&text,
			   "FROM s%d AS s%d\nENV V%d=$V%d\n"
			   "COPY --from=s%d a b\nCOPY --from=%d a b\n",
			   i - 1, i, i, i - 1, i - 1, i - 1);
	df = parse(&text);
	/* V0 is not set. */
	assert_int_equal(count_warnings(df), 1);
}

static void ten_thousand_args_are_known(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	int i;

	(void)state;
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ARG NAME%d=%d\n", i, i);
	buf_append_str(&text, "FROM scratch\n");
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ARG NAME%d\nENV E%d=$NAME%d\n", i, i, i);
	df = parse(&text);
	assert_int_equal(df->len, 30001);
	assert_int_equal(count_warnings(df), 0);
}

/* Each misspelt name is compared with some names, not with all. */
static void ten_thousand_undefined_names_are_told(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	int i;

	(void)state;
	buf_append_str(&text, "FROM scratch\n");
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ARG NAME%d=1\n", i);
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ENV E%d=$NAMX%d\n", i, i);
	buf_append_str(&text, "ENV all=\"\\\n");
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "$NAMY%d \\\n", i);
	buf_append_str(&text, "\"\n");
	df = parse(&text);
	assert_int_equal(count_warnings(df), 20000);
}

static void many_heredocs_are_read(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	int i;

	(void)state;
	buf_append_str(&text, "FROM scratch\nRUN cat");
	for (i = 0; i < 5000; i++)
		buf_printf(&text, " <<E%d", i);
	for (i = 0; i < 5000; i++)
		buf_printf(&text, "\nE%d", i);
	buf_append_str(&text, "\nONBUILD COPY <<-A <<B /x/\n");
	for (i = 0; i < 100000; i++)
		buf_append_str(&text, "\t<<A $x\n");
	buf_append_str(&text, "\tA\nB\n");
	df = parse(&text);
	assert_int_equal(df->instructions[1].n_heredocs, 5000);
	assert_int_equal(df->instructions[2].onbuild->heredocs[0].content_len,
			 800000);
	count_warnings(df);
}

/* Bodies may be longer than what stands within braces. */
static void long_bodies_are_expanded(void **state)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(strv_release) struct strv none = STRV_INIT;
	struct expand_env env = expand_env_from_strv(&none);
	struct error err = ERROR_INIT;
	autofree char *got = NULL;
	size_t len, i;

	(void)state;
	for (i = 0; i < 100000; i++)
		buf_append_str(&body, "${unset:-word} '${unset:-\"a b\"}'\n");
	got = expand_heredoc(body.data, body.len, &env, &len, &err);
	if (!got)
		fail_msg("%s", err.text);
	assert_int_equal(len, 100000 * strlen("word '\"a b\"'\n"));
}

static void continuations_are_joined(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	int i;

	(void)state;
	buf_append_str(&text, "FROM scratch\nRUN a");
	for (i = 0; i < 200000; i++)
		buf_append_str(&text, " \\\n# c\nb");
	df = parse(&text);
	assert_int_equal(df->len, 2);
	assert_int_equal(df->instructions[1].last_line, 400002);
}

static void twenty_thousand_stages_do_not_hang(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	int i;

	(void)state;
	for (i = 0; i < 20000; i++)
		buf_printf(&text, "FROM a AS s%d\nCOPY --from=s%d a b\n", i,
			   i ? i - 1 : 20001);
	df = parse(&text);
	assert_int_equal(df->len, 40000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fifty_megabytes_are_read, limit_time),
		cmocka_unit_test_setup(memory_grows_like_the_file, limit_time),
		cmocka_unit_test_setup(a_thousand_stages_are_linked,
				       limit_time),
		cmocka_unit_test_setup(ten_thousand_args_are_known, limit_time),
		cmocka_unit_test_setup(ten_thousand_undefined_names_are_told,
				       limit_time),
		cmocka_unit_test_setup(many_heredocs_are_read, limit_time),
		cmocka_unit_test_setup(long_bodies_are_expanded, limit_time),
		cmocka_unit_test_setup(continuations_are_joined, limit_time),
		cmocka_unit_test_setup(twenty_thousand_stages_do_not_hang,
				       limit_time),
	};

	return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
