#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/builder/lab.h"

static const struct lab_entry base[] = {
	{ "d", ENTRY_DIR, 0700, 3, 4, NULL },
	{ "d/old", ENTRY_FILE, 0644, 0, 0, "old" },
	{ "d/sub", ENTRY_DIR, 0755, 0, 0, NULL },
	{ "d/sub/gone", ENTRY_FILE, 0644, 0, 0, "gone" },
	{ "f", ENTRY_FILE, 0644, 0, 0, "f" },
	{ "l", ENTRY_SYMLINK, 0777, 0, 0, "../../d" },
};

static int setup(void **state)
{
	if (lab_setup(state) < 0)
		return -1;
	umask(022);
	lab_make_base(*state, base, ARRAY_LEN(base));
	return 0;
}

static void add_member(struct archive *a, const struct lab_entry *e)
{
	static const mode_t types[] = {
		[ENTRY_FILE] = S_IFREG,
		[ENTRY_DIR] = S_IFDIR,
		[ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_HARDLINK] = S_IFREG,
	};
	struct archive_entry *entry = archive_entry_new();
	size_t len = e->type == ENTRY_FILE ? strlen(e->text) : 0;

	assert_non_null(entry);
	archive_entry_set_pathname(entry, e->path);
	archive_entry_set_mode(entry, types[e->type] | e->mode);
	archive_entry_set_uid(entry, e->uid);
	archive_entry_set_gid(entry, e->gid);
	archive_entry_set_size(entry, (la_int64_t)len);
	if (e->type == ENTRY_SYMLINK)
		archive_entry_set_symlink(entry, e->text);
	if (e->type == ENTRY_HARDLINK)
		archive_entry_set_hardlink(entry, e->text);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	if (len)
		assert_int_equal(archive_write_data(a, e->text, len), len);
	archive_entry_free(entry);
}

/* A tar of `entries` in the context, through the filter `filter`. */
static void make_tar(struct lab *lab, const char *name,
		     int (*filter)(struct archive *a),
		     const struct lab_entry *entries, size_t n)
{
	struct archive *a = archive_write_new();
	struct buf path = BUF_INIT;

	assert_non_null(a);
	buf_printf(&path, "%s/%s", lab->dir->path, name);
	assert_int_equal(filter(a), ARCHIVE_OK);
	assert_int_equal(archive_write_set_format_pax_restricted(a),
			 ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(a, path.data), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++)
		add_member(a, &entries[i]);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	buf_release(&path);
}

static const struct lab_entry members[] = {
	{ "m/", ENTRY_DIR, 0750, 5, 6, NULL },
	{ "m/file", ENTRY_FILE, 0640, 7, 8, "text" },
	{ "m/link", ENTRY_SYMLINK, 0777, 0, 0, "/anywhere" },
	{ "m/twin", ENTRY_HARDLINK, 0640, 7, 8, "m/file" },
	{ "deep/er/file", ENTRY_FILE, 0644, 0, 0, "deep" },
};

#define UNPACKED                                                               \
	"n/ n/deep/ n/deep/er/ n/deep/er/file=deep n/m(750,5:6)/ "             \
	"n/m/file(640,7:8)=text n/m/link->/anywhere "                          \
	"n/m/twin(640,7:8)==n/m/file"

static void archives_of_every_compression_are_unpacked(void **state)
{
	static int (*const filters[])(struct archive * a) = {
		archive_write_add_filter_none,	archive_write_add_filter_gzip,
		archive_write_add_filter_bzip2, archive_write_add_filter_xz,
		archive_write_add_filter_zstd,
	};

	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		make_tar(*state, "any.name", filters[i], members,
			 ARRAY_LEN(members));
		lab_expect(*state, "FROM base\nADD any.name /n/\n", UNPACKED);
		lab_expect(*state, "FROM base\nADD any.name /n\n", UNPACKED);
	}
}

static void only_what_is_an_archive_is_unpacked(void **state)
{
	struct lab *lab = *state;
	int fd = lab->dir->fd;

	make_file(fd, "empty.tar", "");
	make_file(fd, "one.gz", "\x1f\x8b\x08 but no more");
	make_file(fd, "text", "text");
	make_file(fd, "short.tar", "m/file");
	lab_expect(lab, "FROM base\nADD empty.tar /n\n", "n=");
	lab_expect(lab, "FROM base\nADD one.gz /n\n",
		   "n=\x1f\x8b\x08 but no more");
	lab_expect(lab, "FROM base\nADD text short.tar /n/\n",
		   "n/ n/short.tar=m/file n/text=text");
	make_tar(lab, "t.tar", archive_write_add_filter_none, members + 4, 1);
	lab_expect(lab, "FROM base\nADD t.tar text /n/\n",
		   "n/ n/deep/ n/deep/er/ n/deep/er/file=deep n/text=text");
}

static void flags_decide_about_archives(void **state)
{
	struct lab *lab = *state;

	make_tar(lab, "t.tar", archive_write_add_filter_none, members, 2);
	lab_expect(lab, "FROM base\nADD --chown=1:2 t.tar /n/\n",
		   "n(755,1:2)/ n/m(750,1:2)/ n/m/file(640,1:2)=text");
	lab_expect(lab, "FROM base\nADD --chmod=777 t.tar /n/\n",
		   "n/ n/m(750,5:6)/ n/m/file(640,7:8)=text");
	make_file(lab->dir->fd, "text", "text");
	lab_expect(lab, "FROM base\nADD --unpack=false text /n/\n",
		   "n/ n/text=text");
}

static void what_is_in_the_way_goes(void **state)
{
	static const struct lab_entry file_over_dir[] = {
		{ "sub", ENTRY_FILE, 0644, 0, 0, "file" },
	};
	static const struct lab_entry dir_over_dir[] = {
		{ "sub", ENTRY_DIR, 0711, 0, 0, NULL },
	};
	static const struct lab_entry dir_over_file[] = {
		{ "old", ENTRY_DIR, 0711, 0, 0, NULL },
	};
	static const struct lab_entry dir_again[] = {
		{ "sub", ENTRY_FILE, 0644, 0, 0, "file" },
		{ "sub", ENTRY_DIR, 0755, 0, 0, NULL },
		{ "sub/new", ENTRY_FILE, 0644, 0, 0, "new" },
	};
	struct lab *lab = *state;

	make_tar(lab, "1", archive_write_add_filter_none, file_over_dir, 1);
	lab_expect(lab, "FROM base\nADD 1 /d\n", "d(700,3:4)/ d/sub=file");
	make_tar(lab, "2", archive_write_add_filter_none, dir_over_dir, 1);
	lab_expect(lab, "FROM base\nADD 2 /l\n", "d(700,3:4)/ d/sub(711,0:0)/");
	make_tar(lab, "3", archive_write_add_filter_none, dir_over_file, 1);
	lab_expect(lab, "FROM base\nADD 3 /d\n", "d(700,3:4)/ d/old(711,0:0)/");
	make_tar(lab, "4", archive_write_add_filter_none, dir_again, 3);
	lab_expect(lab, "FROM base\nADD 4 /d\n",
		   "d(700,3:4)/ d/sub/ d/sub/gone! d/sub/new=new");
	lab_expect_error(lab, "FROM base\nADD 1 /f\n", "non-directory: /f");
}

static void nothing_is_written_outside_the_root(void **state)
{
	static const struct lab_entry dots[] = {
		{ "a/../../x", ENTRY_FILE, 0644, 0, 0, "x" },
	};
	static const struct lab_entry planted[] = {
		{ "p", ENTRY_SYMLINK, 0777, 0, 0, "../../../../tmp" },
		{ "p/x", ENTRY_FILE, 0644, 0, 0, "x" },
	};
	static const struct lab_entry inside[] = {
		{ "p", ENTRY_SYMLINK, 0777, 0, 0, "/d/sub" },
		{ "p/x", ENTRY_FILE, 0644, 0, 0, "x" },
	};
	static const struct lab_entry lost[] = {
		{ "h", ENTRY_HARDLINK, 0644, 0, 0, "nowhere" },
	};
	struct lab *lab = *state;

	make_tar(lab, "1", archive_write_add_filter_none, dots, 1);
	lab_expect_error(lab, "FROM base\nADD 1 /n/\n", "..");
	make_tar(lab, "2", archive_write_add_filter_none, planted, 2);
	lab_expect_error(lab, "FROM base\nADD 2 /n/\n", "leads out");
	make_tar(lab, "3", archive_write_add_filter_none, inside, 2);
	lab_expect(lab, "FROM base\nADD 3 /n/\n",
		   "d(700,3:4)/ d/sub/ d/sub/x=x n/ n/p->/d/sub");
	make_tar(lab, "4", archive_write_add_filter_none, lost, 1);
	lab_expect_error(lab, "FROM base\nADD 4 /n/\n", "hard link");
}

static void a_damaged_archive_is_an_error(void **state)
{
	struct lab *lab = *state;
	struct stat st;
	int fd = lab->dir->fd;

	make_tar(lab, "t", archive_write_add_filter_none, members,
		 ARRAY_LEN(members));
	assert_int_equal(fstatat(fd, "t", &st, 0), 0);
	fd = openat(fd, "t", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1200), 0);
	close(fd);
	lab_expect_error(lab, "FROM base\nADD t /n/\n", "unpacking 't'");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(archives_of_every_compression_are_unpacked),
		TEST(only_what_is_an_archive_is_unpacked),
		TEST(flags_decide_about_archives),
		TEST(what_is_in_the_way_goes),
		TEST(nothing_is_written_outside_the_root),
		TEST(a_damaged_archive_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
