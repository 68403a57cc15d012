/*
 * Plans of files that programs write. A limit of processor time, far above
 * what is needed, turns a hang into a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "builder/outline.h"
#include "store/base/buf.h"
#include "tests/unit/builder/plan_fixture.h"

enum { LIMIT_SECONDS = 120 };

static int begin(void **state)
{
	static struct fixture f;
	struct itimerval limit = { .it_value = { .tv_sec = LIMIT_SECONDS } };

	fixture_init(&f);
	*state = &f;
	return setitimer(ITIMER_PROF, &limit, NULL);
}

static int end(void **state)
{
	fixture_release(*state);
	return 0;
}

static void a_thousand_stages_stand_on_each_other(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct fixture *f = *state;
	int i;

	buf_append_str(&text, "FROM scratch AS s0\n");
	for (i = 1; i < 1000; i++)
		buf_printf(&text,
			   "FROM s%d AS s%d\nENV V=%d\n"
			   "COPY --from=s%d a b\nRUN --mount=from=s%d,target=/x"
			   " true\n",
			   i - 1, i, i, i - 1, i - 1);
	fixture_must_plan(f, text.data);
	assert_int_equal(f->plan->n_stages, 1000);
	assert_int_equal(f->plan->n_steps, 2 * 999);
}

static void a_thousand_stages_share_ten_thousand_args(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct fixture *f = *state;
	int i;

	buf_append_str(&text, "FROM bare AS s0\n");
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ARG NAME%d=1\nENV E%d=1\n", i, i);
	for (i = 1; i < 1000; i++)
		buf_printf(&text, "FROM s%d AS s%d\nARG V=%d\n", i - 1, i, i);
	buf_append_str(&text, "RUN x\n");
	fixture_must_plan(f, text.data);
	/* PATH, V, and all the others. */
	assert_int_equal(fixture_step(f, 0)->u.run.env.len, 20002);
	/* What was handed on is not kept. */
	assert_null(f->plan->stages[0].config);
	assert_non_null(f->plan->target->config);
}

static void a_thousand_stages_meet_in_the_last(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct fixture *f = *state;
	int i;

	for (i = 0; i < 1000; i++)
		buf_printf(&text, "FROM scratch AS s%d\nWORKDIR /x\n", i);
	buf_append_str(&text, "FROM scratch\n");
	for (i = 0; i < 1000; i++)
		buf_printf(&text, "COPY --from=s%d a b\n", i);
	fixture_must_plan(f, text.data);
	assert_int_equal(f->plan->n_steps, 2000);
}

static void ten_thousand_args_reach_a_run(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *outline = NULL;
	struct fixture *f = *state;
	const struct step *run;
	struct error err = ERROR_INIT;
	int i;

	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ARG NAME%d=%d\n", i, i);
	buf_append_str(&text, "FROM bare\n");
	for (i = 0; i < 10000; i++)
		buf_printf(&text, "ARG NAME%d\nENV E%d=$NAME%d\n", i, i, i);
	buf_append_str(&text, "RUN x\n");
	fixture_must_plan(f, text.data);
	run = fixture_step(f, 0);
	assert_int_equal(run->u.run.env.len, 20001);
	assert_string_equal(run->u.run.env.items[20000], "E9999=9999");
	assert_int_equal(outline_target(f->df, &f->options, &outline, &err), 0);
	assert_int_equal(json_array_size(json_object_get(outline, "args")),
			 10000);
}

static void ports_are_limited_in_all(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct fixture *f = *state;
	int i;

	buf_append_str(&text, "FROM scratch\n");
	for (i = 0; i < 1000; i++)
		buf_append_str(&text, "EXPOSE 0-65535\n");
	assert_int_equal(fixture_plan(f, text.data), -1);
	assert_string_equal(f->message,
			    "EXPOSE lists more than 1000000 ports in all");
	assert_int_equal(f->err.first_line, 17);
}

static void values_that_double_are_stopped(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct fixture *f = *state;
	int i;

	buf_append_str(&text, "FROM scratch\nENV a=0123456789abcdef\n");
	for (i = 0; i < 1000; i++)
		buf_append_str(&text, "LABEL l=$a\nENV a=$a$a\n");
	assert_int_equal(fixture_plan(f, text.data), -1);
	assert_int_equal(f->err.kind, ERROR_DOCKERFILE);
	buf_clear(&text);
	buf_append_str(&text, "FROM scratch\nENV a=0123456789abcdef\n");
	for (i = 0; i < 18; i++)
		buf_append_str(&text, "ENV a=$a$a\n");
	for (i = 0; i < 1000; i++)
		buf_printf(&text, "LABEL l%d=$a\n", i);
	assert_int_equal(fixture_plan(f, text.data), -1);
	assert_string_equal(f->message, "the histories of all stages are "
					"longer than 256 MiB");
}

static void working_directories_are_paths(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct fixture *f = *state;
	int i;

	buf_append_str(&text, "FROM scratch\n");
	for (i = 0; i < 10000; i++)
		buf_append_str(&text, "WORKDIR abc\n");
	assert_int_equal(fixture_plan(f, text.data), -1);
	assert_string_equal(f->message,
			    "the path of WORKDIR is longer than 4095 bytes");
	assert_int_equal(f->err.first_line, 1 + 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_thousand_stages_stand_on_each_other, begin, end),
		cmocka_unit_test_setup_teardown(
			a_thousand_stages_share_ten_thousand_args, begin, end),
		cmocka_unit_test_setup_teardown(
			a_thousand_stages_meet_in_the_last, begin, end),
		cmocka_unit_test_setup_teardown(ten_thousand_args_reach_a_run,
						begin, end),
		cmocka_unit_test_setup_teardown(ports_are_limited_in_all, begin,
						end),
		cmocka_unit_test_setup_teardown(values_that_double_are_stopped,
						begin, end),
		cmocka_unit_test_setup_teardown(working_directories_are_paths,
						begin, end),
	};

	return cmocka_run_group_tests_name("plan at scale", tests, NULL, NULL);
}
