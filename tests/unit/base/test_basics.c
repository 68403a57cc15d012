/* Maps, threads, cancellation, times, JSON, locks, errors, buffers, lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

#include "store/base/array.h"
#include "store/base/buf.h"
#include "store/base/cancel.h"
#include "store/base/json.h"
#include "store/base/lock.h"
#include "store/base/map.h"
#include "store/base/parallel.h"
#include "store/base/timefmt.h"
#include "tests/unit/base/scratch.h"

static void a_map_finds_every_key_and_no_other(void **state)
{
	AUTO(map_free) struct map *m = map_new(free);
	char key[32];
	int i, len;

	(void)state;
	for (i = 0; i < 5000; i++) {
		len = snprintf(key, sizeof(key), "key %d", i);
		assert_int_equal(map_put(m, key, (size_t)len, strdup(key)), 0);
	}
	assert_int_equal(map_put(m, "", 0, strdup("")), 0);
	assert_int_equal(map_len(m), 5001);
	for (i = 0; i < 5000; i += 2) {
		len = snprintf(key, sizeof(key), "key %d", i);
		map_remove(m, key, (size_t)len);
		map_remove(m, key, (size_t)len);
	}
	assert_int_equal(map_len(m), 2501);
	for (i = 0; i < 5000; i++) {
		const char *value;

		len = snprintf(key, sizeof(key), "key %d", i);
		value = map_get(m, key, (size_t)len);
		if (i % 2)
			assert_string_equal(value, key);
		else
			assert_null(value);
	}
	assert_string_equal(map_get(m, "", 0), "");
	assert_null(map_get(m, "\0", 1));
	assert_int_equal(map_put(m, "", 0, strdup("other")), 0);
	assert_string_equal(map_get(m, "", 0), "other");
}

struct sum {
	atomic_size_t total, calls;
};

static int add(void *ctx, size_t i, struct error *err)
{
	struct sum *s = ctx;

	(void)err;
	atomic_fetch_add(&s->total, i);
	atomic_fetch_add(&s->calls, 1);
	return 0;
}

static int fail_at_ten(void *ctx, size_t i, struct error *err)
{
	struct sum *s = ctx;

	atomic_fetch_add(&s->calls, 1);
	return i == 10 ? error_set(err, ERROR_REFUSED, "ten") : 0;
}

static void an_array_keeps_its_items_while_it_grows(void **state)
{
	size_t capacity = 0, n;
	int *items = NULL;

	(void)state;
	for (n = 0; n < 1000; n++) {
		items = array_room(items, n, &capacity, sizeof(*items));
		assert_non_null(items);
		assert_true(capacity > n);
		items[n] = (int)n;
	}
	for (n = 0; n < 1000; n++)
		assert_int_equal(items[n], n);
	free(items);
}

static void every_job_runs_once(void **state)
{
	struct error err = ERROR_INIT;
	struct sum s = { 0 };

	(void)state;
	assert_int_equal(parallel_for(1000, 8, add, &s, &err), 0);
	assert_int_equal(s.calls, 1000);
	assert_int_equal(s.total, 499500);
	assert_int_equal(parallel_for(0, 8, add, &s, &err), 0);
	assert_int_equal(s.calls, 1000);
	assert_true(parallel_cpus() >= 1);
}

static void no_job_starts_after_a_failure(void **state)
{
	struct error err = ERROR_INIT;
	struct sum s = { 0 };

	(void)state;
	assert_int_equal(parallel_for(100000, 1, fail_at_ten, &s, &err), -1);
	assert_int_equal(s.calls, 11);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(parallel_for(100000, 4, fail_at_ten, &s, &err), -1);
	assert_string_equal(err.text, "ten");
}

static void cancellation_is_seen_by_check_and_poll(void **state)
{
	AUTO(cancel_free) struct cancel *c = NULL;
	struct error err = ERROR_INIT;
	struct pollfd p = { .events = POLLIN };

	(void)state;
	assert_int_equal(cancel_check(NULL, &err), 0);
	assert_int_equal(cancel_new(&c, &err), 0);
	p.fd = cancel_fd(c);
	assert_int_equal(cancel_check(c, &err), 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	cancel_trigger(c, SIGTERM);
	cancel_trigger(c, SIGINT);
	assert_int_equal(cancel_check(c, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELED);
	assert_int_equal(error_exit_status(&err), 128 + SIGTERM);
	assert_int_equal(poll(&p, 1, 0), 1);
}

static void times_are_written_as_rfc_3339(void **state)
{
	static const struct {
		struct timespec t;
		const char *text;
	} cases[] = {
		{ { 0, 0 }, "1970-01-01T00:00:00Z" },
		{ { 1700000000, 0 }, "2023-11-14T22:13:20Z" },
		{ { 1700000000, 120000000 }, "2023-11-14T22:13:20.12Z" },
		{ { 951782400, 1 }, "2000-02-29T00:00:00.000000001Z" },
		{ { -1, 0 }, "1969-12-31T23:59:59Z" },
	};
	char text[TIME_TEXT_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct timespec back;

		assert_string_equal(time_format(cases[i].t, text),
				    cases[i].text);
		assert_true(time_parse(text, &back));
		assert_int_equal(time_compare(back, cases[i].t), 0);
	}
	/* As far as seconds go, the text has room. */
	time_format((struct timespec){ INT64_MAX, 999999999 }, text);
	time_format((struct timespec){ INT64_MIN, 999999999 }, text);
}

static void times_are_read_with_zone_and_fraction(void **state)
{
	struct timespec t;

	(void)state;
	assert_true(time_parse("2023-11-15T00:13:20.5+02:00", &t));
	assert_int_equal(t.tv_sec, 1700000000);
	assert_int_equal(t.tv_nsec, 500000000);
	assert_true(time_parse("2023-11-14T20:43:20.1234567891-01:30", &t));
	assert_int_equal(t.tv_sec, 1700000000);
	assert_int_equal(t.tv_nsec, 123456789);
	assert_true(time_parse("0001-01-01T00:00:00Z", &t));
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2023",
		"2023-11-14",
		"2023-11-14T22:13:20",
		"2023-13-14T22:13:20Z",
		"2023-11-14T24:13:20Z",
		"2023-11-14T22:13:20.Z",
		"2023-11-14T22:13:20Zx",
		"2023-11-14T22:13:20+0200",
		"-023-11-14T22:13:20Z",
	};
	struct timespec t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		if (time_parse(bad[i], &t))
			fail_msg("'%s' was accepted", bad[i]);
}

static void json_with_duplicate_keys_is_refused(void **state)
{
	static const char text[] = "{\"a\":1,\"a\":2}";
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(json_parse(text, strlen(text), "it", &err));
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void json_nested_without_end_is_refused(void **state)
{
	autofree char *text = malloc(1 << 20);
	struct error err = ERROR_INIT;

	(void)state;
	memset(text, '[', 1 << 20);
	assert_null(json_parse(text, 1 << 20, "it", &err));
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void json_is_sorted_at_every_depth(void **state)
{
	static const char text[] =
		"{\"b\":[{\"z\":1,\"y\":null}],\"a\":{\"d\":\"\",\"c\":2.5}}";
	struct error err = ERROR_INIT;
	AUTO(json_decref)
	json_t *value = json_parse(text, strlen(text), "it", &err);
	AUTO(json_decref) json_t *sorted = json_sorted_copy(value);
	autofree char *out = json_serialize(sorted, NULL, &err);

	(void)state;
	assert_string_equal(
		out,
		"{\"a\":{\"c\":2.5,\"d\":\"\"},\"b\":[{\"y\":null,\"z\":1}]}");
}

static void a_lock_is_exclusive_until_its_owner_dies(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	int ready[2], fd, status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		if (lock_open(s->fd, "l", LOCK_EXCLUSIVE | LOCK_CREATE, NULL,
			      &err) < 0)
			_exit(1);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(
		lock_open(s->fd, "l", LOCK_SHARED | LOCK_TRY, NULL, &err), -1);
	assert_int_equal(err.sys, EWOULDBLOCK);
	kill(pid, SIGKILL);
	fd = lock_open(s->fd, "l", LOCK_EXCLUSIVE, NULL, &err);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

static void waiting_for_a_lock_can_be_cancelled(void **state)
{
	struct scratch *s = *state;
	AUTO(cancel_free) struct cancel *c = NULL;
	struct error err = ERROR_INIT;
	autoclose int held =
		lock_open(s->fd, "l", LOCK_EXCLUSIVE | LOCK_CREATE, NULL, &err);

	assert_true(held >= 0);
	assert_int_equal(cancel_new(&c, &err), 0);
	cancel_trigger(c, SIGINT);
	assert_int_equal(lock_open(s->fd, "l", LOCK_SHARED, c, &err), -1);
	assert_int_equal(err.kind, ERROR_CANCELED);
}

static void *remove_locked(void *arg)
{
	struct scratch *s = arg;
	struct error err;
	int fd =
		lock_open(s->fd, "l", LOCK_EXCLUSIVE | LOCK_CREATE, NULL, &err);

	usleep(20000);
	unlinkat(s->fd, "l", 0);
	usleep(20000);
	close(fd);
	return NULL;
}

static void a_lock_is_held_on_the_file_of_that_name(void **state)
{
	struct scratch *s = *state;
	struct error err = ERROR_INIT;
	pthread_t thread;
	int fd;

	pthread_create(&thread, NULL, remove_locked, s);
	while (faccessat(s->fd, "l", F_OK, 0) < 0)
		sched_yield();
	fd = lock_open(s->fd, "l", LOCK_EXCLUSIVE | LOCK_CREATE, NULL, &err);
	assert_true(fd >= 0);
	assert_int_equal(faccessat(s->fd, "l", F_OK, 0), 0);
	/* On a busy machine we may be first, and the thread waits for us. */
	close(fd);
	pthread_join(thread, NULL);
}

static void errors_read_from_the_outside_in(void **state)
{
	struct error err = ERROR_INIT;
	char text[128];
	int i;

	(void)state;
	error_sys(&err, ENOENT, "cannot open '%s'", "key");
	error_wrap(&err, "copying");
	assert_string_equal(error_message(&err, text, sizeof(text)),
			    "copying: cannot open 'key': No such file or "
			    "directory");
	assert_int_equal(err.sys, ENOENT);
	for (i = 0; i < 1000; i++)
		error_wrap(&err, "a rather long outer frame");
	error_message(&err, text, sizeof(text));
	assert_string_equal(err.text, "cannot open 'key': No such file or "
				      "directory");
}

static void buffers_and_lists_hold_what_was_put_in(void **state)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	AUTO(strv_release) struct strv v = STRV_INIT;
	autofree char *taken = NULL;

	(void)state;
	buf_printf(&b, "%s-%d", "x", 5);
	buf_append_char(&b, '!');
	assert_string_equal(b.data, "x-5!");
	buf_truncate(&b, 1);
	assert_string_equal(b.data, "x");
	strv_append(&v, "B=2");
	strv_append(&v, "A=1");
	strv_env_set(&v, "B", "3");
	assert_string_equal(strv_env_get(&v, "B"), "3");
	assert_null(strv_env_get(&v, "C"));
	strv_sort(&v);
	assert_string_equal(v.items[0], "A=1");
	taken = strv_remove(&v, 0);
	assert_string_equal(taken, "A=1");
	assert_int_equal(v.len, 1);
	assert_null(v.items[1]);
}

#define SCRATCH(name)                                                          \
	cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_finds_every_key_and_no_other),
		cmocka_unit_test(an_array_keeps_its_items_while_it_grows),
		cmocka_unit_test(every_job_runs_once),
		cmocka_unit_test(no_job_starts_after_a_failure),
		cmocka_unit_test(cancellation_is_seen_by_check_and_poll),
		cmocka_unit_test(times_are_written_as_rfc_3339),
		cmocka_unit_test(times_are_read_with_zone_and_fraction),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(json_with_duplicate_keys_is_refused),
		cmocka_unit_test(json_nested_without_end_is_refused),
		cmocka_unit_test(json_is_sorted_at_every_depth),
		SCRATCH(a_lock_is_exclusive_until_its_owner_dies),
		SCRATCH(waiting_for_a_lock_can_be_cancelled),
		SCRATCH(a_lock_is_held_on_the_file_of_that_name),
		cmocka_unit_test(errors_read_from_the_outside_in),
		cmocka_unit_test(buffers_and_lists_hold_what_was_put_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
