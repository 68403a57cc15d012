#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "builder/program.h"

/* Run a shell's script; the message of the error, "" without one. */
struct trial {
	struct program program;
	struct buf output;
	struct error err;
	char message[2048];
	int result;
};

static void run(struct trial *t, const char *script)
{
	AUTO(strv_release) struct strv argv = STRV_INIT;
	AUTO(strv_release) struct strv env = STRV_INIT;
	autoclose int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	strv_append(&argv, "sh");
	strv_append(&argv, "-c");
	strv_append(&argv, script);
	strv_append(&env, "PATH=/usr/bin:/bin");
	strv_append(&env, "NAME=value");
	t->program.name = "prog";
	t->program.argv = &argv;
	t->program.env = &env;
	t->program.dir = dir;
	if (!t->program.output_max)
		t->program.output_max = 1 << 20;
	t->result = program_run(&t->program, &t->output, &t->err);
	error_message(&t->err, t->message, sizeof(t->message));
}

static void what_it_says_is_given(void **state)
{
	struct trial t = { 0 };

	(void)state;
	run(&t, "pwd; echo $NAME; env | wc -l; cat; echo noise >&2");
	assert_int_equal(t.result, 0);
	/* The shell adds PWD and the like itself. */
	assert_non_null(strstr(t.output.data, "/\nvalue\n"));
	buf_release(&t.output);
}

static void its_failure_is_told_by_its_last_line(void **state)
{
	struct trial t = { 0 };

	(void)state;
	run(&t, "echo one >&2; printf 'two\\033 \\n\\n' >&2; exit 3");
	assert_string_equal(t.message, "prog: two?");
	assert_int_equal(t.err.kind, ERROR_COMMAND);
	buf_release(&t.output);
}

static void its_failure_is_told_by_the_line_with_the_mark(void **state)
{
	static const struct {
		const char *script;
		const char *message;
	} cases[] = {
		{ "printf 'a\\nb\\nfatal: c\\nfatal: d\\nhint\\n' >&2; exit 1",
		  "prog: b fatal: c" },
		{ "printf 'at 10%%\\rat 20%%\\rfatal: c\\nhint\\n' >&2; exit 1",
		  "prog: fatal: c" },
		{ "printf 'fatal: c' >&2; exit 1", "prog: fatal: c" },
		{ "printf 'a\\nb' >&2; exit 1", "prog: b" },
		{ "exit 4", "prog: exit status 4" },
		{ "kill -9 $$", "prog: killed by signal 9" },
		{ "exit 127", "cannot run 'prog': it is not installed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trial t = { .program.failure_mark = "fatal:" };

		run(&t, cases[i].script);
		assert_string_equal(t.message, cases[i].message);
		buf_release(&t.output);
	}
}

static void endless_output_is_refused(void **state)
{
	struct trial t = { .program.output_max = 1000 };

	(void)state;
	run(&t, "while :; do echo more; done");
	assert_string_equal(t.message,
			    "'prog' answers with more than 1000 bytes");
	buf_release(&t.output);
}

static void silence_is_a_stall(void **state)
{
	struct trial t = { .program.stall_ms = 1 };

	(void)state;
	run(&t, "sleep 100");
	assert_int_equal(t.err.kind, ERROR_NETWORK);
	assert_non_null(strstr(t.message, "nothing happened"));
	buf_release(&t.output);
}

static void it_ends_when_the_build_does(void **state)
{
	struct trial t = { 0 };
	struct error err = ERROR_INIT;
	struct cancel *cancel = NULL;

	(void)state;
	assert_int_equal(cancel_new(&cancel, &err), 0);
	cancel_trigger(cancel, SIGTERM);
	t.program.cancel = cancel;
	run(&t, "sleep 100 & sleep 100");
	assert_int_equal(t.err.kind, ERROR_CANCELED);
	cancel_free(cancel);
	buf_release(&t.output);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says_is_given),
		cmocka_unit_test(its_failure_is_told_by_its_last_line),
		cmocka_unit_test(its_failure_is_told_by_the_line_with_the_mark),
		cmocka_unit_test(endless_output_is_refused),
		cmocka_unit_test(silence_is_a_stall),
		cmocka_unit_test(it_ends_when_the_build_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
