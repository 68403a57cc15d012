/* The program in a container: its start, its output, its end. */
#include "tests/unit/builder/sandbox_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
				    .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void the_exit_status_is_passed_on(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "exit 7");
	run_it(&r, p);
	assert_string_equal(r.message, "");
	assert_int_equal(r.status, 0);
	assert_int_equal(r.result.exit_code, 7);
	assert_int_equal(r.result.signal, 0);
}

static void death_by_signal_is_told(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "kill -9 $$");
	run_it(&r, p);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.result.signal, 9);
	assert_int_equal(r.result.exit_code, 137);
}

static void a_missing_program_is_named(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "");
	r.args[0] = "/no/such/program";
	run_it(&r, p);
	assert_int_equal(r.status, -1);
	assert_int_equal(r.err.kind, ERROR_COMMAND);
	assert_non_null(strstr(r.message, "/no/such/program"));
	assert_int_equal(count_names(r.upper), 0);
}

static void megabytes_of_output_arrive_whole(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "dd if=/dev/zero bs=64k count=128 2>/dev/null | tr '\\0' x; "
		 "seq 1 1000 >&2");
	run_it(&r, p);
	assert_ran(&r);
	assert_int_equal(r.output.len, 8 * 1024 * 1024 + 3893);
}

static void standard_input_is_empty(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "cat; echo end");
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "end\n");
}

static void orphans_are_reaped(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "for i in 1 2 3 4 5; do (sh -c 'true' &) ; done; sleep 0.3; "
		 "cat /proc/[0-9]*/status | grep -c 'State:.*Z'; true");
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "0\n");
}

/*
 * How long the processes of one case sleep, which is how they are known:
 * other runs of these tests at the same time sleep differently.
 */
struct nap {
	char text[32];
};

static struct nap nap_of(int number)
{
	struct nap nap;

	snprintf(nap.text, sizeof(nap.text), "9876%d.%d", number, getpid());
	return nap;
}

static void background_processes_end_with_the_run(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	const struct nap nap = nap_of(1);
	double start = now();
	char script[256];

	snprintf(script, sizeof(script), "sleep %s & sleep %s & exit 0",
		 nap.text, nap.text);
	run_init(&r, p, script);
	run_it(&r, p);
	assert_ran(&r);
	assert_true(now() - start < 5);
	assert_true(process_is_gone(nap.text, 0));
}

struct trigger {
	struct cancel *cancel;
	int after_ms;
};

static void *trigger_later(void *arg)
{
	const struct trigger *t = arg;

	pause_ms(t->after_ms);
	cancel_trigger(t->cancel, SIGINT);
	return NULL;
}

static void cancelling_ends_every_process_soon(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	AUTO(cancel_free) struct cancel *cancel = NULL;
	struct trigger t = { .after_ms = 300 };
	const struct nap nap = nap_of(2);
	pthread_t thread;
	char script[256];
	double start;

	snprintf(script, sizeof(script),
		 "trap '' INT TERM HUP; sleep %s & while :; do sleep %s; done",
		 nap.text, nap.text);
	run_init(&r, p, script);
	assert_int_equal(cancel_new(&cancel, &r.err), 0);
	r.cancel = t.cancel = cancel;
	start = now();
	assert_int_equal(pthread_create(&thread, NULL, trigger_later, &t), 0);
	run_it(&r, p);
	assert_true(now() - start < 2.3);
	pthread_join(thread, NULL);
	assert_int_equal(r.status, -1);
	assert_int_equal(r.err.kind, ERROR_CANCELED);
	assert_int_equal(r.err.sys, SIGINT);
	assert_true(process_is_gone(nap.text, 0));
}

/* A builder of its own, with a spawner of its own, that waits for ever. */
static _Noreturn void be_builder(struct place *p, const char *nap)
{
	char script[256];
	struct error err = ERROR_INIT;
	struct sandbox_result result;
	struct run r;

	snprintf(script, sizeof(script),
		 "sleep %s & (setsid sleep %s &); sleep %s", nap, nap, nap);
	run_init(&r, p, script);
	if (spawner_start(&p->spawner, &err) == 0)
		spawner_run(p->spawner, &r.sb, 2, NULL, &result, &err);
	_exit(1);
}

static pid_t start_builder(struct place *p, const char *nap)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		be_builder(p, nap);
	p->runs++;
	for (int i = 0; i < 500 && process_is_gone(nap, 0); i++)
		pause_ms(10);
	assert_false(process_is_gone(nap, 0));
	return pid;
}

static void killing_the_builder_leaves_no_process(void **state)
{
	struct place *p = place_of(state);
	const struct nap nap = nap_of(3);
	pid_t pid = start_builder(p, nap.text);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(process_is_gone(nap.text, 2000));
}

static void killing_the_spawner_is_noticed_and_leaves_no_process(void **state)
{
	struct place *p = place_of(state);
	const struct nap nap = nap_of(3);
	pid_t pid = start_builder(p, nap.text);
	autofree char *children = NULL;
	char path[64];
	int status;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	children = text_of_file(path);
	assert_true(atoi(children) > 0);
	kill(atoi(children), SIGKILL);
	assert_true(process_is_gone(nap.text, 2000));
	/* Its spawner_run() has returned. */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void the_environment_is_what_was_given(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	/* Some runtimes set HOME where there is none. */
	static const char *const env[] = { "PATH=/bin", "ONLY=this", "HOME=/",
					   NULL };

	run_init(&r, p, "");
	r.sb.env = env;
	r.args[0] = "env";
	r.args[1] = NULL;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "PATH=/bin\nONLY=this\nHOME=/\n");
}

static void init_ignores_its_children(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "kill -9 1; kill -STOP 1; sleep 0.1; exit 5");
	run_it(&r, p);
	assert_int_equal(r.result.exit_code, 5);
}

static void programs_are_found_in_the_given_path(void **state)
{
	static const char *const env[] = { "A=PATH=/x", "PATH=/no:/other:/bin",
					   NULL };
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256];

	run_init(&r, p, "");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/other", lower);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/other/tool", lower);
	write_text(path, "#!/bin/sh\necho found $1\n");
	chmod(path, 0755);
	r.args[0] = "tool";
	r.args[1] = "it";
	r.args[2] = NULL;
	r.sb.env = env;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "found it\n");
}

struct worker {
	struct place *p;
	struct run runs[6];
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < ARRAY_LEN(w->runs); i++)
		run_it(&w->runs[i], w->p);
	return NULL;
}

static void many_run_at_a_time(void **state)
{
	struct place *p = place_of(state);
	static struct worker workers[8];

	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i].p = p;
		for (size_t j = 0; j < ARRAY_LEN(workers[i].runs); j++)
			run_init(&workers[i].runs[j], p, "sleep 0.05; pwd");
	}
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		for (size_t j = 0; j < ARRAY_LEN(workers[i].runs); j++) {
			assert_ran(&workers[i].runs[j]);
			assert_string_equal(workers[i].runs[j].output.data,
					    "/\n");
			run_release(&workers[i].runs[j]);
		}
	}
}

static void rlimits_are_set(void **state)
{
	static const struct sandbox_rlimit limits[] = {
		{ .resource = 7 /* RLIMIT_NOFILE */, .soft = 77, .hard = 88 },
	};
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "ulimit -Sn; ulimit -Hn");
	r.sb.rlimits = limits;
	r.sb.n_rlimits = 1;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "77\n88\n");
}

static void usage_is_measured(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "i=0; while test $i -lt 3000; do i=$((i+1)); done");
	run_it(&r, p);
	assert_ran(&r);
	assert_true(r.result.cpu_time_us > 0);
	assert_true(r.result.peak_memory_bytes > 100000);
}

const struct sandbox_case sandbox_process_cases[] = {
	SANDBOX_CASE(the_exit_status_is_passed_on, FOR_ALL),
	SANDBOX_CASE(death_by_signal_is_told, FOR_ALL | NOT_BY_RUNTIME),
	SANDBOX_CASE(a_missing_program_is_named, FOR_ALL),
	SANDBOX_CASE(megabytes_of_output_arrive_whole, FOR_ALL),
	SANDBOX_CASE(standard_input_is_empty, FOR_ALL),
	SANDBOX_CASE(orphans_are_reaped, FOR_ALL),
	SANDBOX_CASE(background_processes_end_with_the_run, FOR_ALL),
	SANDBOX_CASE(cancelling_ends_every_process_soon, FOR_ALL),
	SANDBOX_CASE(killing_the_builder_leaves_no_process, FOR_ALL),
	SANDBOX_CASE(killing_the_spawner_is_noticed_and_leaves_no_process,
		     FOR_ALL),
	SANDBOX_CASE(the_environment_is_what_was_given, FOR_ALL),
	SANDBOX_CASE(init_ignores_its_children, FOR_ALL),
	SANDBOX_CASE(programs_are_found_in_the_given_path, FOR_ALL),
	SANDBOX_CASE(many_run_at_a_time, FOR_ALL),
	SANDBOX_CASE(rlimits_are_set, FOR_ALL),
	SANDBOX_CASE(usage_is_measured, FOR_ALL),
	SANDBOX_CASE_END,
};
