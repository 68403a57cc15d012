#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "store/cache_mount.h"
#include "tests/unit/store/place.h"

static struct cache_mount *open_mount(struct place *p, const char *id,
				      enum cache_sharing how)
{
	struct error err = ERROR_INIT;
	struct cache_mount *m = NULL;

	expect_ok(cache_mount_open(p->store, id, how, 0751, (uid_t)-1,
				   (gid_t)-1, NULL, &m, &err),
		  &err);
	return m;
}

/* Does opening have to wait? */
static bool is_busy(struct place *p, const char *id, enum cache_sharing how)
{
	AUTO(cancel_free) struct cancel *c = NULL;
	AUTO(cache_mount_free) struct cache_mount *m = NULL;
	struct cache_wait wait = { 0 };
	struct error err = ERROR_INIT;

	/* A wait that is cancelled already makes one attempt at most. */
	assert_int_equal(cancel_new(&c, &err), 0);
	cancel_trigger(c, SIGINT);
	wait.cancel = c;
	if (cache_mount_open(p->store, id, how, 0755, (uid_t)-1, (gid_t)-1,
			     &wait, &m, &err) == 0)
		return false;
	assert_int_equal(err.kind, ERROR_CANCELED);
	return true;
}

static void ready(struct cache_mount *m)
{
	struct error err = ERROR_INIT;

	expect_ok(cache_mount_ready(m, &err), &err);
}

static void contents_stay_from_use_to_use(void **state)
{
	struct place *p = *state;
	struct cache_mount *m = open_mount(p, "../../id", CACHE_SHARED);
	struct stat st;
	autofree char *text = NULL;
	autoclose int fd = -1;

	assert_true(cache_mount_is_new(m));
	assert_int_equal(stat(cache_mount_path(m), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
	fd = open(cache_mount_path(m), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file(fd, "f", "kept");
	ready(m);
	cache_mount_free(m);
	m = open_mount(p, "../../id", CACHE_LOCKED);
	assert_false(cache_mount_is_new(m));
	text = read_text(fd, "f");
	assert_string_equal(text, "kept");
	cache_mount_free(m);
	assert_int_equal(count_entries(p->scratch->fd, "mounts"), 1);
}

static void an_unfinished_first_filling_starts_over(void **state)
{
	struct place *p = *state;
	struct cache_mount *m = open_mount(p, "id", CACHE_SHARED);
	autoclose int fd =
		open(cache_mount_path(m), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make_file(fd, "half", "");
	cache_mount_free(m);
	m = open_mount(p, "id", CACHE_SHARED);
	assert_true(cache_mount_is_new(m));
	assert_int_equal(count_entries(AT_FDCWD, cache_mount_path(m)), 0);
	cache_mount_free(m);
}

static void shared_ones_are_shared_and_locked_ones_wait(void **state)
{
	struct place *p = *state;
	struct cache_mount *a = open_mount(p, "id", CACHE_SHARED);
	struct cache_mount *b;

	ready(a);
	assert_false(is_busy(p, "id", CACHE_SHARED));
	b = open_mount(p, "id", CACHE_SHARED);
	assert_string_equal(cache_mount_path(a), cache_mount_path(b));
	cache_mount_free(b);
	assert_true(is_busy(p, "id", CACHE_LOCKED));
	cache_mount_free(a);
	a = open_mount(p, "id", CACHE_LOCKED);
	assert_true(is_busy(p, "id", CACHE_LOCKED));
	assert_true(is_busy(p, "id", CACHE_SHARED));
	cache_mount_free(a);
}

static void private_ones_are_never_shared(void **state)
{
	struct place *p = *state;
	struct cache_mount *a = open_mount(p, "id", CACHE_PRIVATE);
	struct cache_mount *b = open_mount(p, "id", CACHE_PRIVATE);
	autofree char *first = strdup(cache_mount_path(a));

	ready(a);
	ready(b);
	assert_string_not_equal(cache_mount_path(a), cache_mount_path(b));
	cache_mount_free(a);
	a = open_mount(p, "id", CACHE_PRIVATE);
	assert_string_equal(cache_mount_path(a), first);
	assert_false(cache_mount_is_new(a));
	cache_mount_free(a);
	cache_mount_free(b);
}

/* A mount that somebody has, and how often it was told that others wait. */
struct owner {
	struct cache_mount *held;
	bool lets_go; /* when told */
	unsigned told;
};

static void tell(void *ctx)
{
	struct owner *o = ctx;

	o->told++;
	if (o->lets_go)
		cache_mount_free(steal_pointer(&o->held));
}

static void *let_go_soon(void *ctx)
{
	struct owner *o = ctx;

	usleep(50000);
	cache_mount_free(steal_pointer(&o->held));
	return NULL;
}

static void open_telling(struct place *p, enum cache_sharing how,
			 struct owner *o)
{
	const struct cache_wait wait = { .tell = tell, .ctx = o };
	AUTO(cache_mount_free) struct cache_mount *m = NULL;
	struct error err = ERROR_INIT;

	expect_ok(cache_mount_open(p->store, "id", how, 0755, (uid_t)-1,
				   (gid_t)-1, &wait, &m, &err),
		  &err);
}

static void a_long_wait_is_told_of_once(void **state)
{
	struct place *p = *state;
	struct owner locked = { open_mount(p, "id", CACHE_LOCKED), true, 0 };
	struct owner unready = { 0 };

	open_telling(p, CACHE_LOCKED, &locked);
	assert_int_equal(locked.told, 1);
	unready = (struct owner){ open_mount(p, "id", CACHE_SHARED), true, 0 };
	open_telling(p, CACHE_SHARED, &unready);
	assert_int_equal(unready.told, 1);
}

static void a_short_wait_is_not_told_of(void **state)
{
	struct place *p = *state;
	struct owner o = { open_mount(p, "id", CACHE_LOCKED), false, 0 };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, let_go_soon, &o), 0);
	open_telling(p, CACHE_LOCKED, &o);
	pthread_join(thread, NULL);
	assert_int_equal(o.told, 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(contents_stay_from_use_to_use),
		TEST(an_unfinished_first_filling_starts_over),
		TEST(shared_ones_are_shared_and_locked_ones_wait),
		TEST(private_ones_are_never_shared),
		TEST(a_long_wait_is_told_of_once),
		TEST(a_short_wait_is_not_told_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
