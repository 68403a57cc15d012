#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "store/base/timefmt.h"
#include "store/file_digests.h"
#include "tests/unit/store/place.h"

/* What stat() says of a file that last changed `age` seconds ago. */
static struct stat file_of_age(time_t age)
{
	struct stat st = { .st_dev = 1, .st_ino = 2, .st_size = 3 };

	st.st_ctim = time_now();
	st.st_ctim.tv_sec -= age;
	st.st_ctim.tv_nsec |= 1;
	st.st_mtim = st.st_ctim;
	return st;
}

static struct file_digests *open_digests(struct place *p)
{
	struct error err = ERROR_INIT;
	struct file_digests *f = NULL;

	expect_ok(file_digests_open(p->store, "/context", &f, &err), &err);
	return f;
}

/* Remember it in one run, then start over. */
static void remember(struct place *p, const struct stat *st,
		     const struct digest *d)
{
	AUTO(file_digests_free) struct file_digests *f = open_digests(p);
	struct error err = ERROR_INIT;

	expect_ok(file_digests_put(f, st, d, true, &err), &err);
	expect_ok(file_digests_save(f, p->batch, &err), &err);
	place_restart(p);
}

static void an_unchanged_file_is_known(void **state)
{
	struct place *p = *state;
	AUTO(file_digests_free) struct file_digests *f = NULL;
	struct stat st = file_of_age(10);
	struct digest d, found;
	bool plain;

	digest_bytes("x", 1, &d);
	remember(p, &st, &d);
	f = open_digests(p);
	assert_true(file_digests_get(f, &st, &found, &plain));
	assert_true(digest_equal(&d, &found));
	assert_true(plain);
	st.st_ino++;
	assert_false(file_digests_get(f, &st, &found, &plain));
}

/* `st` is of the right time and size. */
static void assert_known(struct file_digests *f, struct stat st, uint32_t i)
{
	struct digest d, found;
	bool plain;

	st.st_ino = i * 64;
	digest_bytes(&i, sizeof(i), &d);
	assert_true(file_digests_get(f, &st, &found, &plain));
	assert_true(digest_equal(&d, &found));
	assert_int_equal(plain, i % 2);
}

/* Enough for the table to grow many times, and a change to each. */
static void every_file_of_a_large_context_is_known(void **state)
{
	enum { FILES = 20000 };
	struct place *p = *state;
	struct file_digests *f = open_digests(p);
	struct stat st = file_of_age(10);
	struct error err = ERROR_INIT;
	struct digest d;
	bool plain;

	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < FILES; i++) {
			st.st_ino = i * 64;
			st.st_size = round;
			digest_bytes(&i, sizeof(i), &d);
			expect_ok(file_digests_put(f, &st, &d, i % 2, &err),
				  &err);
		}
		expect_ok(file_digests_save(f, p->batch, &err), &err);
		file_digests_free(f);
		place_restart(p);
		f = open_digests(p);
	}
	for (uint32_t i = 0; i < FILES; i++)
		assert_known(f, st, i);
	/* The order is that of the build before, or any other. */
	for (uint32_t i = FILES; i-- > 0;)
		assert_known(f, st, i);
	for (uint32_t i = 0; i < FILES; i++)
		assert_known(f, st, i * 7919 % FILES);
	st.st_ino = 5 * 64;
	st.st_size = 0;
	assert_false(file_digests_get(f, &st, &d, &plain));
	file_digests_free(f);
}

static void any_change_makes_a_file_unknown(void **state)
{
	struct place *p = *state;
	AUTO(file_digests_free) struct file_digests *f = NULL;
	struct stat st = file_of_age(10), other;
	struct digest d, found;
	bool plain;

	digest_bytes("x", 1, &d);
	remember(p, &st, &d);
	f = open_digests(p);
	other = st;
	other.st_size++;
	assert_false(file_digests_get(f, &other, &found, &plain));
	other = st;
	other.st_ino++;
	assert_false(file_digests_get(f, &other, &found, &plain));
	other = st;
	other.st_dev++;
	assert_false(file_digests_get(f, &other, &found, &plain));
	other = st;
	other.st_mtim.tv_nsec ^= 2;
	assert_false(file_digests_get(f, &other, &found, &plain));
	other = st;
	other.st_ctim.tv_sec++;
	assert_false(file_digests_get(f, &other, &found, &plain));
	assert_true(file_digests_get(f, &st, &found, &plain));
}

static void a_file_just_changed_is_not_believed(void **state)
{
	struct place *p = *state;
	AUTO(file_digests_free) struct file_digests *f = NULL;
	struct stat fresh = file_of_age(0), coarse = file_of_age(1);
	struct digest d, found;
	bool plain;

	digest_bytes("x", 1, &d);
	coarse.st_ctim.tv_nsec = coarse.st_mtim.tv_nsec = 0;
	remember(p, &fresh, &d);
	remember(p, &coarse, &d);
	f = open_digests(p);
	assert_false(file_digests_get(f, &fresh, &found, &plain));
	assert_false(file_digests_get(f, &coarse, &found, &plain));
}

static void a_damaged_file_is_forgotten(void **state)
{
	struct place *p = *state;
	struct stat st = file_of_age(10);
	autodir DIR *dir = NULL;
	struct digest d, found;
	bool plain;
	struct dirent *e;

	digest_bytes("x", 1, &d);
	remember(p, &st, &d);
	dir = fdopendir(openat(p->scratch->fd, "files",
			       O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	while ((e = readdir(dir))) {
		AUTO(file_digests_free) struct file_digests *f = NULL;
		autoclose int fd = -1;
		uint8_t byte;

		if (e->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), e->d_name, O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, &byte, 1, 120), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, 120), 1);
		f = open_digests(p);
		assert_false(file_digests_get(f, &st, &found, &plain));
		/* A short one just as well. */
		assert_int_equal(ftruncate(fd, 30), 0);
		file_digests_free(f);
		f = open_digests(p);
		assert_false(file_digests_get(f, &st, &found, &plain));
	}
}

static void files_nobody_asks_for_are_dropped_in_the_end(void **state)
{
	struct place *p = *state;
	AUTO(file_digests_free) struct file_digests *f = NULL;
	struct stat gone = file_of_age(10), used = gone;
	struct digest d, found;
	bool plain;
	int i;

	used.st_ino++;
	digest_bytes("x", 1, &d);
	remember(p, &gone, &d);
	for (i = 0; i < 20; i++)
		remember(p, &used, &d);
	f = open_digests(p);
	assert_false(file_digests_get(f, &gone, &found, &plain));
	assert_true(file_digests_get(f, &used, &found, &plain));
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unchanged_file_is_known),
		TEST(every_file_of_a_large_context_is_known),
		TEST(any_change_makes_a_file_unknown),
		TEST(a_file_just_changed_is_not_believed),
		TEST(a_damaged_file_is_forgotten),
		TEST(files_nobody_asks_for_are_dropped_in_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
