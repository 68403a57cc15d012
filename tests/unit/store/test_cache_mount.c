#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
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
	struct error err = ERROR_INIT;

	/* A wait that is cancelled already makes one attempt at most. */
	assert_int_equal(cancel_new(&c, &err), 0);
	cancel_trigger(c, SIGINT);
	if (cache_mount_open(p->store, id, how, 0755, (uid_t)-1, (gid_t)-1, c,
			     &m, &err) == 0)
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

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(contents_stay_from_use_to_use),
		TEST(an_unfinished_first_filling_starts_over),
		TEST(shared_ones_are_shared_and_locked_ones_wait),
		TEST(private_ones_are_never_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
