#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "store/tar.h"
#include "store/tar_header.h"
#include "tests/unit/store/bytes.h"
#include "tests/unit/store/run_program.h"

/* A writer into memory. */
struct fixture {
	struct buf tar;
	struct sink *to;
	struct tar_writer *w;
	struct error err;
};

static void begin(struct fixture *f, const int64_t *clamp)
{
	*f = (struct fixture){ .tar = BUF_INIT, .err = ERROR_INIT };
	f->to = sink_to_buf(&f->tar);
	assert_int_equal(tar_writer_new(f->to, clamp, &f->w, &f->err), 0);
}

static void end(struct fixture *f)
{
	tar_writer_free(f->w);
	sink_free(f->to);
	buf_release(&f->tar);
}

static int put(struct fixture *f, const struct entry *e, const char *data)
{
	return tar_writer_entry_data(f->w, e, data, &f->err);
}

/* What `tar ARGUMENT` says about the finished archive. */
static void assert_gnu_tar_says(struct fixture *f, const char *argument,
				const char *expected)
{
	const char *const argv[] = {
		"tar",
		"--numeric-owner",
		"--quoting-style=escape",
		"-f",
		"-",
		argument,
		!strcmp(argument, "-tv") ? "--full-time" : NULL,
		NULL,
	};
	AUTO(buf_release) struct buf output = BUF_INIT;

	assert_int_equal(tar_writer_finish(f->w, &f->err), 0);
	assert_int_equal(run_program(argv, &f->tar, &output), 0);
	assert_string_equal(output.data ? output.data : "", expected);
}

static void gnu_tar_lists_what_was_written(void **state)
{
	const struct entry entries[] = {
		{ .path = "bin", .type = ENTRY_DIR, .mode = 01777 },
		{ .path = "bin/a",
		  .type = ENTRY_FILE,
		  .mode = 04755,
		  .uid = 1000,
		  .gid = 2147483647,
		  .size = 5,
		  .mtime = { 1700000000, 999 } },
		{ .path = "bin/b", .type = ENTRY_HARDLINK, .link = "bin/a" },
		{ .path = "bin/c",
		  .type = ENTRY_SYMLINK,
		  .mode = 0777,
		  .link = "../../a" },
		{ .path = "bin/gone", .type = ENTRY_WHITEOUT, .mode = 0777 },
		{ .path = "dev",
		  .type = ENTRY_CHAR,
		  .mode = 0600,
		  .dev_major = 4095,
		  .dev_minor = 1048575 },
		{ .path = "fifo", .type = ENTRY_FIFO, .mode = 0644 },
		{ .path = "old", .type = ENTRY_BLOCK, .mtime = { -1, 0 } },
	};
	struct fixture f;
	size_t i;

	(void)state;
	begin(&f, NULL);
	for (i = 0; i < ARRAY_LEN(entries); i++)
		assert_int_equal(put(&f, &entries[i], "hello"), 0);
	assert_gnu_tar_says(
		&f, "-tv",
		"drwxrwxrwt 0/0               0 1970-01-01 00:00:00 bin/\n"
		"-rwsr-xr-x 1000/2147483647   5 2023-11-14 22:13:20 bin/a\n"
		"h--------- 0/0               0 1970-01-01 00:00:00 bin/b "
		"link to bin/a\n"
		"lrwxrwxrwx 0/0               0 1970-01-01 00:00:00 bin/c -> "
		"../../a\n"
		"---------- 0/0               0 1970-01-01 00:00:00 "
		"bin/.wh.gone\n"
		"crw------- 0/0    4095,1048575 1970-01-01 00:00:00 dev\n"
		"prw-r--r-- 0/0               0 1970-01-01 00:00:00 fifo\n"
		"b--------- 0/0             0,0 1969-12-31 23:59:59 old\n");
	end(&f);
}

/* "d/d/d/..." of `len` bytes that ends in a name of `tail` bytes. */
static char *long_path(size_t len, size_t tail)
{
	char *path = malloc(len + 1);
	size_t i;

	for (i = 0; i < len; i++)
		path[i] = i % 2 && i < len - tail ? '/' : 'd';
	path[len] = '\0';
	return path;
}

static void long_names_survive(void **state)
{
	static const size_t lens[] = { 99, 100, 101, 200, 256, 257, 4095 };
	size_t i, tail;

	(void)state;
	for (i = 0; i < ARRAY_LEN(lens); i++) {
		for (tail = 1; tail < 256 && tail < lens[i]; tail += 50) {
			autofree char *path = long_path(lens[i], tail);
			autofree char *line = malloc(lens[i] + 2);
			struct entry e = { .path = path, .type = ENTRY_FILE };
			struct fixture f;

			snprintf(line, lens[i] + 2, "%s\n", path);
			begin(&f, NULL);
			assert_int_equal(put(&f, &e, ""), 0);
			assert_gnu_tar_says(&f, "-t", line);
			end(&f);
		}
	}
}

static void names_that_are_not_utf8_survive(void **state)
{
	struct entry e = { .path = "\xff\xfe/\xe9t\xe9", .type = ENTRY_FILE };
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	assert_int_equal(put(&f, &e, ""), 0);
	assert_gnu_tar_says(&f, "-t", "\\377\\376/\\351t\\351\n");
	end(&f);
}

static void contents_behind_a_long_link_survive(void **state)
{
	autofree char *target = long_path(3000, 9);
	struct entry link = { .path = "a", .type = ENTRY_SYMLINK };
	struct entry file = { .path = "b", .type = ENTRY_FILE, .size = 3 };
	struct fixture f;

	(void)state;
	link.link = target;
	begin(&f, NULL);
	assert_int_equal(put(&f, &link, NULL), 0);
	assert_int_equal(put(&f, &file, "abc"), 0);
	assert_gnu_tar_says(&f, "-xO", "abc");
	end(&f);
}

static void later_times_are_clamped_and_earlier_kept(void **state)
{
	const struct entry entries[] = {
		{ .path = "a", .type = ENTRY_FIFO, .mtime = { 5, 0 } },
		{ .path = "b", .type = ENTRY_FIFO, .mtime = { 99, 9 } },
		{ .path = "c", .type = ENTRY_FIFO, .mtime = { 1LL << 40, 0 } },
	};
	int64_t clamp = 10;
	struct fixture f;
	size_t i;

	(void)state;
	begin(&f, &clamp);
	for (i = 0; i < ARRAY_LEN(entries); i++)
		assert_int_equal(put(&f, &entries[i], NULL), 0);
	assert_gnu_tar_says(
		&f, "-tv",
		"p--------- 0/0               0 1970-01-01 00:00:05 a\n"
		"p--------- 0/0               0 1970-01-01 00:00:10 b\n"
		"p--------- 0/0               0 1970-01-01 00:00:10 c\n");
	end(&f);
}

static void assert_refused(const struct entry *first, const struct entry *then)
{
	struct fixture f;

	begin(&f, NULL);
	if (first)
		assert_int_equal(put(&f, first, NULL), 0);
	assert_int_equal(put(&f, then, NULL), -1);
	assert_int_equal(f.err.kind, ERROR_REFUSED);
	end(&f);
}

static void entries_out_of_order_are_refused(void **state)
{
	const struct entry a = { .path = "a-b", .type = ENTRY_FIFO };
	const struct entry b = { .path = "a/b", .type = ENTRY_FIFO };
	const struct entry link = { .path = "a",
				    .type = ENTRY_HARDLINK,
				    .link = "b" };

	(void)state;
	assert_refused(&a, &b);
	assert_refused(&a, &a);
	assert_refused(NULL, &link);
}

static void names_that_would_be_whiteouts_are_refused(void **state)
{
	const struct entry file = { .path = "d/.wh.x", .type = ENTRY_FILE };
	const struct entry opaque = { .path = "d", .type = ENTRY_OPAQUE };
	const struct entry root = { .path = "", .type = ENTRY_DIR };

	(void)state;
	assert_refused(NULL, &file);
	assert_refused(NULL, &opaque);
	assert_refused(NULL, &root);
}

static bool has_record(const struct buf *tar, const char *text, size_t len)
{
	return memmem(tar->data, tar->len, text, len) != NULL;
}

static void only_attributes_of_an_image_are_written(void **state)
{
	static const char expected[] = " SCHILY.xattr.user.comment=a\0b\n";
	struct xattr xattrs[] = {
		{ (char *)"security.selinux", (char *)"x", 1 },
		{ (char *)"trusted.overlay.opaque", (char *)"y", 1 },
		{ (char *)"user.comment", (char *)"a\0b", 3 },
		{ (char *)"user.overlay.origin", (char *)"z", 1 },
		{ (char *)"user.shale.node", (char *)"z", 1 },
	};
	struct entry e = { .path = "a",
			   .type = ENTRY_FILE,
			   .xattrs = xattrs,
			   .n_xattrs = ARRAY_LEN(xattrs) };
	struct fixture f;

	(void)state;
	begin(&f, NULL);
	assert_int_equal(put(&f, &e, ""), 0);
	assert_int_equal(tar_writer_finish(f.w, &f.err), 0);
	assert_true(has_record(&f.tar, expected, sizeof(expected) - 1));
	assert_false(has_record(&f.tar, "overlay", 7));
	assert_false(has_record(&f.tar, "selinux", 7));
	assert_false(has_record(&f.tar, "shale", 5));
	end(&f);
}

static void capabilities_lose_the_root_id_of_their_namespace(void **state)
{
	uint32_t v3[6] = { VFS_CAP_REVISION_3 | 1, 0x2000, 0, 0, 0, 100000 };
	uint32_t v2[5] = { VFS_CAP_REVISION_2 | 1, 0x2000, 0, 0, 0 };
	struct xattr x = { (char *)"security.capability", v3, sizeof(v3) };
	struct entry e = {
		.path = "ping", .type = ENTRY_FILE, .xattrs = &x, .n_xattrs = 1
	};
	struct fixture f;
	struct buf record = BUF_INIT;

	(void)state;
	tar_pax_append(&record, "SCHILY.xattr.security.capability", v2,
		       sizeof(v2));
	begin(&f, NULL);
	assert_int_equal(put(&f, &e, ""), 0);
	assert_int_equal(tar_writer_finish(f.w, &f.err), 0);
	assert_true(has_record(&f.tar, record.data, record.len));
	buf_release(&record);
	end(&f);
}

/* The tar of one file from a descriptor. */
static void tar_of_fd(struct fixture *f, int fd, uint64_t size)
{
	struct entry e = { .path = "file", .type = ENTRY_FILE, .size = size };

	begin(f, NULL);
	if (tar_writer_entry(f->w, &e, fd, 0, &f->err) < 0) {
		char text[512];

		fail_msg("%s", error_message(&f->err, text, sizeof(text)));
	}
	assert_int_equal(tar_writer_finish(f->w, &f->err), 0);
}

static void a_file_of_600_gigabytes_of_nothing_is_small_and_quick(void **state)
{
	autoclose int fd = memfd_create("sparse", MFD_CLOEXEC);
	off_t size = (off_t)600 << 30;
	struct fixture f;

	(void)state;
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, "x", 1, size / 2), 1);
	tar_of_fd(&f, fd, (uint64_t)size);
	assert_in_range(f.tar.len, 2048, 16384);
	end(&f);
}

static void stored_zeros_and_holes_give_the_same_tar(void **state)
{
	size_t size = 1 << 20;
	autofree char *data = calloc(1, size);
	autoclose int holes = memfd_create("holes", MFD_CLOEXEC);
	autoclose int zeros = memfd_create("zeros", MFD_CLOEXEC);
	struct fixture a, b;

	(void)state;
	memset(data + 300000, 'x', 5000);
	assert_int_equal(write(zeros, data, size), size);
	assert_int_equal(ftruncate(holes, (off_t)size), 0);
	assert_int_equal(pwrite(holes, data + 300000, 5000, 300000), 5000);
	tar_of_fd(&a, holes, size);
	tar_of_fd(&b, zeros, size);
	assert_int_equal(a.tar.len, b.tar.len);
	assert_memory_equal(a.tar.data, b.tar.data, a.tar.len);
	assert_in_range(a.tar.len, 1, 20000);
	end(&a);
	end(&b);
}

/* Patterns of zeros and data whose edges fall on all sides of the limits. */
static void gnu_tar_restores_sparse_files(void **state)
{
	const char *const argv[] = { "tar", "-xOf", "-", NULL };
	uint64_t seed = 5;
	int round;

	(void)state;
	for (round = 0; round < 60; round++) {
		AUTO(buf_release) struct buf output = BUF_INIT;
		size_t size = random_next(&seed) % 600000;
		autofree char *data = calloc(1, size + 1);
		struct entry e = { .path = "f",
				   .type = ENTRY_FILE,
				   .size = size };
		size_t pos = 0;
		struct fixture f;

		while (pos < size) {
			data[pos] = 1;
			pos += 1 + random_next(&seed) % 200000;
		}
		begin(&f, NULL);
		assert_int_equal(put(&f, &e, data), 0);
		assert_int_equal(tar_writer_finish(f.w, &f.err), 0);
		assert_int_equal(run_program(argv, &f.tar, &output), 0);
		assert_int_equal(output.len, size);
		if (size)
			assert_memory_equal(output.data, data, size);
		end(&f);
	}
}

static void a_file_that_changed_its_size_is_an_error(void **state)
{
	autoclose int fd = memfd_create("file", MFD_CLOEXEC);
	struct entry e = { .path = "file", .type = ENTRY_FILE };
	uint64_t sizes[] = { 0, 4, 6 };
	size_t i;

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct fixture f;

		begin(&f, NULL);
		e.size = sizes[i];
		assert_int_equal(tar_writer_entry(f.w, &e, fd, 0, &f.err), -1);
		assert_int_equal(f.err.kind, ERROR_INTEGRITY);
		end(&f);
	}
}

static void a_window_of_a_file_is_written(void **state)
{
	autoclose int fd = memfd_create("file", MFD_CLOEXEC);
	struct entry e = { .path = "file", .type = ENTRY_FILE, .size = 3 };
	struct fixture f;

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	begin(&f, NULL);
	assert_int_equal(tar_writer_entry(f.w, &e, fd, 1, &f.err), 0);
	assert_gnu_tar_says(&f, "-xO", "ell");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gnu_tar_lists_what_was_written),
		cmocka_unit_test(long_names_survive),
		cmocka_unit_test(names_that_are_not_utf8_survive),
		cmocka_unit_test(contents_behind_a_long_link_survive),
		cmocka_unit_test(later_times_are_clamped_and_earlier_kept),
		cmocka_unit_test(entries_out_of_order_are_refused),
		cmocka_unit_test(names_that_would_be_whiteouts_are_refused),
		cmocka_unit_test(only_attributes_of_an_image_are_written),
		cmocka_unit_test(
			capabilities_lose_the_root_id_of_their_namespace),
		cmocka_unit_test(
			a_file_of_600_gigabytes_of_nothing_is_small_and_quick),
		cmocka_unit_test(stored_zeros_and_holes_give_the_same_tar),
		cmocka_unit_test(gnu_tar_restores_sparse_files),
		cmocka_unit_test(a_file_that_changed_its_size_is_an_error),
		cmocka_unit_test(a_window_of_a_file_is_written),
	};

	return cmocka_run_group_tests_name("tar writer", tests, NULL, NULL);
}
