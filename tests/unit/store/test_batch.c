#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/base/io.h"
#include "store/batch.h"
#include "tests/unit/base/scratch.h"

struct place {
	struct scratch *scratch;
	struct store *store;
};

static struct store *open_store(const char *path)
{
	struct error err = ERROR_INIT;
	struct store *s = NULL;

	if (store_open(path, &s, &err) < 0) {
		char text[512];

		fail_msg("%s", error_message(&err, text, sizeof(text)));
	}
	return s;
}

static int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p || scratch_setup((void **)&p->scratch) < 0)
		return -1;
	p->store = open_store(p->scratch->path);
	*state = p;
	return 0;
}

static int place_teardown(void **state)
{
	struct place *p = *state;
	int ret;

	store_close(p->store);
	ret = scratch_teardown((void **)&p->scratch);
	free(p);
	return ret;
}

static struct batch *new_batch(struct store *s)
{
	struct error err = ERROR_INIT;
	struct batch *b = NULL;

	if (batch_new(s, &b, &err) < 0)
		fail_msg("%s", err.text);
	return b;
}

static void add_file(struct batch *b, const char *dest, const char *contents)
{
	struct error err = ERROR_INIT;
	autofree char *name = batch_fresh_name(b, "test", &err);

	make_file(batch_fd(b), name, contents);
	assert_int_equal(batch_add_object(b, name, dest, &err), 0);
}

static void add_record(struct batch *b, const char *dest, const char *contents)
{
	struct error err = ERROR_INIT;

	assert_int_equal(
		batch_add_record(b, dest, contents, strlen(contents), &err), 0);
}

static void publish(struct batch *b)
{
	struct error err = ERROR_INIT;

	if (batch_publish(b, &err) < 0)
		fail_msg("%s", err.text);
}

static bool exists(struct place *p, const char *path)
{
	return faccessat(p->scratch->fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void a_store_is_private_and_keeps_its_contents(void **state)
{
	struct place *p = *state;
	autofree char *version = read_text(p->scratch->fd, "version");
	struct stat st;

	assert_string_equal(version, "1\n");
	assert_int_equal(fstat(p->scratch->fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(fstatat(p->scratch->fd, "blobs/sha256", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	make_file(p->scratch->fd, "blobs/sha256/x", "kept");
	store_close(p->store);
	p->store = open_store(p->scratch->path);
	assert_true(exists(p, "blobs/sha256/x"));
}

static void a_store_of_a_newer_format_is_refused(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	struct store *s = NULL;

	make_file(p->scratch->fd, "version", "2\n");
	assert_int_equal(store_open(p->scratch->path, &s, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	make_file(p->scratch->fd, "version", "rubbish");
	assert_int_equal(store_open(p->scratch->path, &s, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void a_directory_of_other_things_is_not_made_a_store(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	autofree char *path = NULL;
	struct store *s = NULL;

	make_dir(p->scratch->fd, "home");
	make_file(p->scratch->fd, "home/diary", "");
	assert_true(asprintf(&path, "%s/home", p->scratch->path) > 0);
	assert_int_equal(store_open(path, &s, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(count_entries(p->scratch->fd, "home"), 1);
}

static void the_environment_names_the_store(void **state)
{
	struct place *p = *state;
	autofree char *path = NULL;
	struct store *s;

	assert_true(asprintf(&path, "%s/a/b", p->scratch->path) > 0);
	assert_int_equal(setenv("SHALE_ROOT", path, 1), 0);
	s = open_store(NULL);
	assert_string_equal(store_path(s), path);
	store_close(s);
	unsetenv("SHALE_ROOT");
}

static void nothing_is_visible_before_publication(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	autofree char *text = NULL, *record = NULL;

	add_file(b, "blobs/sha256/x", "bytes");
	add_record(b, "names/n", "record");
	assert_false(exists(p, "blobs/sha256/x"));
	assert_false(exists(p, "names/n"));
	publish(b);
	text = read_text(p->scratch->fd, "blobs/sha256/x");
	assert_string_equal(text, "bytes");
	record = read_text(p->scratch->fd, "names/n");
	assert_string_equal(record, "record");
}

static void pending_objects_can_be_used(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	struct error err = ERROR_INIT;
	AUTO(buf_release) struct buf record = BUF_INIT;
	autofree char *path = NULL;
	int fd;

	assert_null(batch_object_path(b, "blobs/sha256/x"));
	add_file(b, "blobs/sha256/x", "bytes");
	path = batch_object_path(b, "blobs/sha256/x");
	assert_true(exists(p, path));
	fd = batch_open_object(p->store, b, "blobs/sha256/x", O_RDONLY, &err);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(batch_open_object(p->store, NULL, "blobs/sha256/x",
					   O_RDONLY, &err),
			 -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	add_record(b, "cache/k", "one");
	add_record(b, "cache/k", "two");
	assert_int_equal(
		batch_read_record(p->store, b, "cache/k", 10, &record, &err),
		0);
	assert_string_equal(record.data, "two");
	publish(b);
	assert_false(exists(p, path));
	assert_true(exists(p, "blobs/sha256/x"));
	buf_clear(&record);
	assert_int_equal(
		batch_read_record(p->store, b, "cache/k", 10, &record, &err),
		0);
	assert_string_equal(record.data, "two");
}

static void a_batch_is_published_several_times(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	autofree char *text = NULL;

	publish(b);
	add_file(b, "layers/sha256/aa/tar", "one");
	add_record(b, "names/n", "one");
	publish(b);
	add_file(b, "layers/sha256/bb/tar", "two");
	add_record(b, "names/n", "two");
	publish(b);
	publish(b);
	assert_true(exists(p, "layers/sha256/aa/tar"));
	assert_true(exists(p, "layers/sha256/bb/tar"));
	text = read_text(p->scratch->fd, "names/n");
	assert_string_equal(text, "two");
}

static ino_t inode_of(struct place *p, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(p->scratch->fd, path, &st, 0), 0);
	return st.st_ino;
}

static void a_record_that_says_nothing_new_is_not_written(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	ino_t first;

	add_record(b, "names/n", "one");
	publish(b);
	first = inode_of(p, "names/n");
	add_record(b, "names/n", "one");
	publish(b);
	assert_int_equal(inode_of(p, "names/n"), first);
	add_record(b, "names/n", "on");
	publish(b);
	assert_int_not_equal(inode_of(p, "names/n"), first);
}

static void an_existing_object_wins(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	struct error err = ERROR_INIT;
	autofree char *text = NULL, *path = NULL, *name = NULL;

	make_file(p->scratch->fd, "blobs/sha256/x", "first");
	make_dir(p->scratch->fd, "snapshots/s");
	make_file(p->scratch->fd, "snapshots/s/f", "first");
	add_file(b, "blobs/sha256/x", "second");
	name = batch_fresh_name(b, "tree", &err);
	make_dir(batch_fd(b), name);
	make_file(batch_fd(b), "tree-1/f", "second");
	assert_int_equal(batch_add_object(b, name, "snapshots/s", &err), 0);
	path = batch_object_path(b, "snapshots/s");
	publish(b);
	text = read_text(p->scratch->fd, "blobs/sha256/x");
	assert_string_equal(text, "first");
	free(text);
	text = read_text(p->scratch->fd, "snapshots/s/f");
	assert_string_equal(text, "first");
	/* Somebody may still be using ours. */
	assert_true(exists(p, path));
}

static void a_batch_leaves_nothing_behind(void **state)
{
	struct place *p = *state;
	struct batch *b = new_batch(p->store);

	add_file(b, "blobs/sha256/x", "published");
	publish(b);
	add_file(b, "blobs/sha256/y", "not published");
	assert_int_equal(count_entries(p->scratch->fd, "tmp"), 1);
	batch_free(b);
	assert_int_equal(count_entries(p->scratch->fd, "tmp"), 0);
	assert_true(exists(p, "blobs/sha256/x"));
	assert_false(exists(p, "blobs/sha256/y"));
}

/* A process that has a batch with something in it, and waits to be killed. */
static pid_t start_owner(struct place *p)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		struct error err = ERROR_INIT;
		struct store *s = NULL;
		struct batch *b = NULL;

		if (store_open(p->scratch->path, &s, &err) < 0 ||
		    batch_new(s, &b, &err) < 0)
			_exit(1);
		add_file(b, "blobs/sha256/x", "half");
		make_dir(batch_fd(b), "tree");
		make_file(batch_fd(b), "tree/f", "half");
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void leftovers_are_swept_once_their_owner_is_dead(void **state)
{
	struct place *p = *state;
	pid_t pid = start_owner(p);
	int status;

	store_close(open_store(p->scratch->path));
	assert_int_equal(count_entries(p->scratch->fd, "tmp"), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(count_entries(p->scratch->fd, "tmp"), 1);
	store_close(open_store(p->scratch->path));
	assert_int_equal(count_entries(p->scratch->fd, "tmp"), 0);
	assert_false(exists(p, "blobs/sha256/x"));
}

/* Opens the store over and over, sweeping each time. */
struct sweeper {
	struct place *place;
	atomic_bool stop;
};

static void *sweep(void *arg)
{
	struct sweeper *s = arg;

	while (!atomic_load(&s->stop))
		store_close(open_store(s->place->scratch->path));
	return NULL;
}

static void a_live_batch_is_never_swept(void **state)
{
	struct sweeper s = { .place = *state };
	pthread_t thread;
	int i;

	atomic_init(&s.stop, false);
	assert_int_equal(pthread_create(&thread, NULL, sweep, &s), 0);
	for (i = 0; i < 200; i++) {
		struct batch *b = new_batch(s.place->store);
		char dest[64];

		snprintf(dest, sizeof(dest), "blobs/sha256/%d", i);
		add_file(b, dest, "bytes");
		assert_int_equal(faccessat(batch_fd(b), "test-0", F_OK, 0), 0);
		if (i % 20 == 0)
			publish(b);
		assert_int_equal(access(batch_path(b), F_OK), 0);
		batch_free(b);
	}
	atomic_store(&s.stop, true);
	pthread_join(thread, NULL);
}

/* Looks for an object at all times while it is being published. */
struct reader {
	struct place *place;
	struct batch *batch;
	atomic_int step;
	atomic_bool stop, missed;
};

static void *look(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&r->stop)) {
		struct error err;
		char dest[64];
		int fd;

		snprintf(dest, sizeof(dest), "cache/%d", atomic_load(&r->step));
		fd = batch_open_object(r->place->store, r->batch, dest,
				       O_RDONLY, &err);
		if (fd < 0)
			atomic_store(&r->missed, true);
		else
			close(fd);
	}
	return NULL;
}

static void no_reader_misses_an_object_being_published(void **state)
{
	struct reader r = { .place = *state };
	pthread_t thread;
	int i;

	r.batch = new_batch(r.place->store);
	atomic_init(&r.step, 0);
	atomic_init(&r.stop, false);
	atomic_init(&r.missed, false);
	add_file(r.batch, "cache/0", "bytes");
	assert_int_equal(pthread_create(&thread, NULL, look, &r), 0);
	for (i = 1; i < 60; i++) {
		char dest[64];

		snprintf(dest, sizeof(dest), "cache/%d", i);
		add_file(r.batch, dest, "bytes");
		atomic_store(&r.step, i);
		publish(r.batch);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_false(atomic_load(&r.missed));
	batch_free(r.batch);
}

struct adder {
	struct batch *batch;
	int number;
};

static void *add_many(void *arg)
{
	struct adder *a = arg;
	int i;

	for (i = 0; i < 100; i++) {
		char dest[64];

		snprintf(dest, sizeof(dest), "files/%d-%d", a->number, i);
		add_file(a->batch, dest, dest);
		snprintf(dest, sizeof(dest), "names/%d-%d", a->number, i % 10);
		add_record(a->batch, dest, dest);
	}
	return NULL;
}

static void many_threads_may_add_while_one_publishes(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	struct adder adders[4];
	pthread_t threads[4];
	int i;

	for (i = 0; i < 4; i++) {
		adders[i] = (struct adder){ b, i };
		pthread_create(&threads[i], NULL, add_many, &adders[i]);
	}
	for (i = 0; i < 5; i++)
		publish(b);
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	publish(b);
	assert_int_equal(count_entries(p->scratch->fd, "files"), 400);
	assert_int_equal(count_entries(p->scratch->fd, "names"), 40);
}

static void a_failed_publication_can_be_repeated(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	struct error err = ERROR_INIT;

	/* A file in the way of the directory that is needed. */
	make_file(p->scratch->fd, "layers/sha256/aa", "");
	add_file(b, "blobs/sha256/x", "bytes");
	add_file(b, "layers/sha256/aa/tar", "bytes");
	add_record(b, "names/n", "record");
	assert_int_equal(batch_publish(b, &err), -1);
	assert_false(exists(p, "names/n"));
	unlinkat(p->scratch->fd, "layers/sha256/aa", 0);
	publish(b);
	assert_true(exists(p, "blobs/sha256/x"));
	assert_true(exists(p, "layers/sha256/aa/tar"));
	assert_true(exists(p, "names/n"));
}

static void expect_contents(struct place *p, const char *path, const char *text)
{
	AUTO(buf_release) struct buf found = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(io_read_file(p->scratch->fd, path, 100, &found, &err),
			 0);
	assert_int_equal(found.len, strlen(text));
	assert_memory_equal(found.data, text, found.len);
}

/* What is queued later may lead to what was queued before, in that version. */
static void records_appear_in_their_order(void **state)
{
	struct place *p = *state;
	AUTO(batch_free) struct batch *b = new_batch(p->store);
	struct error err = ERROR_INIT;

	make_file(p->scratch->fd, "layers/sha256/aa", "");
	add_record(b, "names/n", "first");
	add_record(b, "layers/sha256/aa/tree", "between");
	add_record(b, "names/n", "second");
	assert_int_equal(batch_publish(b, &err), -1);
	expect_contents(p, "names/n", "first");
	unlinkat(p->scratch->fd, "layers/sha256/aa", 0);
	publish(b);
	expect_contents(p, "names/n", "second");
	/* The newest counts, also when it says what is there already. */
	add_record(b, "names/n", "third");
	add_record(b, "names/n", "second");
	publish(b);
	expect_contents(p, "names/n", "second");
}

/* Publication needs room for its records; there is none. */
static void try_on_full_disk(struct place *p)
{
	static char filler[1 << 16];
	struct error err = ERROR_INIT;
	AUTO(buf_release) struct buf big = BUF_INIT;
	struct store *s = open_store(p->scratch->path);
	struct batch *b = new_batch(s);
	autoclose int fd = -1;

	add_file(b, "blobs/sha256/x", "bytes");
	memset(buf_reserve(&big, 1 << 18), 'x', 1 << 18);
	buf_commit(&big, 1 << 18);
	assert_int_equal(
		batch_add_record(b, "names/n", big.data, big.len, &err), 0);
	fd = openat(batch_fd(b), "filler", O_WRONLY | O_CREAT | O_CLOEXEC,
		    0600);
	while (write(fd, filler, sizeof(filler)) > 0)
		;
	assert_int_equal(batch_publish(b, &err), -1);
	assert_int_equal(err.sys, ENOSPC);
	assert_int_equal(faccessat(store_fd(s), "names/n", F_OK, 0), -1);
	/* Once there is room again, nothing is lost. */
	unlinkat(batch_fd(b), "filler", 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	publish(b);
	assert_int_equal(faccessat(store_fd(s), "names/n", F_OK, 0), 0);
	assert_int_equal(faccessat(store_fd(s), "blobs/sha256/x", F_OK, 0), 0);
	batch_free(b);
	store_close(s);
}

static void a_full_disk_damages_nothing(void **state)
{
	struct place *p = *state;

	store_close(p->store);
	p->store = NULL;
	if (mount("none", p->scratch->path, "tmpfs", 0, "size=1m") < 0) {
		print_message("needs the right to mount\n");
		skip();
	}
	try_on_full_disk(p);
	assert_int_equal(umount2(p->scratch->path, MNT_DETACH), 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_store_is_private_and_keeps_its_contents),
		TEST(a_store_of_a_newer_format_is_refused),
		TEST(a_directory_of_other_things_is_not_made_a_store),
		TEST(the_environment_names_the_store),
		TEST(nothing_is_visible_before_publication),
		TEST(pending_objects_can_be_used),
		TEST(a_batch_is_published_several_times),
		TEST(a_record_that_says_nothing_new_is_not_written),
		TEST(an_existing_object_wins),
		TEST(a_batch_leaves_nothing_behind),
		TEST(leftovers_are_swept_once_their_owner_is_dead),
		TEST(a_live_batch_is_never_swept),
		TEST(no_reader_misses_an_object_being_published),
		TEST(many_threads_may_add_while_one_publishes),
		TEST(a_failed_publication_can_be_repeated),
		TEST(records_appear_in_their_order),
		TEST(a_full_disk_damages_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
