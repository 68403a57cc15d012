#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/tar.h"
#include "store/tar_header.h"
#include "tests/unit/store/bytes.h"
#include "tests/unit/store/run_program.h"

/* A tar by hand, with headers as bad as we like. */
static void add(struct buf *tar, char type, const char *name, const char *link,
		const char *data)
{
	struct tar_header h = { .type = type,
				.name = name,
				.link = link,
				.mode = 0644,
				.size = data ? strlen(data) : 0 };
	struct buf records = BUF_INIT;
	static const char zeros[TAR_BLOCK];
	struct error err = ERROR_INIT;

	assert_int_equal(tar_header_append(tar, &h, &records, false, &err), 0);
	if (data) {
		buf_append_str(tar, data);
		buf_append(tar, zeros, tar_padding(h.size));
	}
}

/* The same with PAX records. */
static void add_pax(struct buf *tar, const char *name, const char *key,
		    const char *value, const char *data)
{
	struct tar_header h = {
		.type = '0', .name = name, .link = "", .size = strlen(data)
	};
	AUTO(buf_release) struct buf records = BUF_INIT;
	static const char zeros[TAR_BLOCK];
	struct error err = ERROR_INIT;

	tar_pax_append(&records, key, value, strlen(value));
	assert_int_equal(tar_header_append(tar, &h, &records, false, &err), 0);
	buf_append_str(tar, data);
	buf_append(tar, zeros, tar_padding(h.size));
}

static void finish(struct buf *tar)
{
	static const char zeros[2 * TAR_BLOCK];

	buf_append(tar, zeros, sizeof(zeros));
}

/* One line per entry: type, path, link or contents. -1 with `err`. */
static int list(const struct buf *tar, bool layer, struct buf *lines,
		struct error *err)
{
	static const char letters[] = "fdlhcbpwo";
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	struct stream *from = stream_in_steps(tar->data, tar->len, 1000);
	const struct entry *e;
	struct stream *contents;
	int status;

	if (tar_reader_new(from, layer, &r, err) < 0)
		return -1;
	while ((status = tar_reader_next(r, &e, &contents, err)) > 0) {
		buf_printf(lines, "%c %s", letters[e->type], e->path);
		if (e->link)
			buf_printf(lines, " -> %s", e->link);
		if (e->type == ENTRY_FILE && e->size > 0) {
			buf_append_str(lines, " = ");
			if (read_to_buf(contents, lines, err) < 0)
				return -1;
		}
		buf_append_char(lines, '\n');
	}
	return status < 0 ? -1 : tar_reader_drain(r, err);
}

static void assert_lists(struct buf *tar, bool layer, const char *expected)
{
	AUTO(buf_release) struct buf lines = BUF_INIT;
	struct error err = ERROR_INIT;
	char text[512];

	if (list(tar, layer, &lines, &err) < 0)
		fail_msg("%s", error_message(&err, text, sizeof(text)));
	assert_string_equal(lines.data ? lines.data : "", expected);
	buf_release(tar);
}

static void assert_fails(struct buf *tar, enum error_kind kind)
{
	AUTO(buf_release) struct buf lines = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(list(tar, true, &lines, &err), -1);
	assert_int_equal(err.kind, kind);
	buf_release(tar);
}

static void names_are_cleaned(void **state)
{
	struct buf tar = BUF_INIT;

	(void)state;
	add(&tar, '5', "./", "", NULL);
	add(&tar, '5', "./a//b/", "", NULL);
	add(&tar, '0', "/etc/x", "", "1");
	add(&tar, '0', "a/../c/./d", "", "2");
	add(&tar, '1', "e", "./a/../c/d", NULL);
	add(&tar, '2', "f", "../../x", NULL);
	finish(&tar);
	assert_lists(&tar, true,
		     "d a/b\nf etc/x = 1\nf c/d = 2\nh e -> c/d\n"
		     "l f -> ../../x\n");
}

static void names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = {
		"../x", "a/../../x", "/../x", "..", "./../x", "a/b/../../.."
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		struct buf file = BUF_INIT, link = BUF_INIT;

		add(&file, '0', names[i], "", "x");
		assert_fails(&file, ERROR_REFUSED);
		add(&link, '1', "x", names[i], NULL);
		assert_fails(&link, ERROR_REFUSED);
	}
}

static void whiteouts_are_understood_in_layers(void **state)
{
	struct buf tar = BUF_INIT;

	(void)state;
	add(&tar, '0', "a/.wh.b", "", NULL);
	add(&tar, '0', ".wh.c", "", NULL);
	add(&tar, '0', "d/.wh..wh..opq", "", NULL);
	add(&tar, '0', ".wh..wh..opq", "", NULL);
	add(&tar, '0', ".wh..wh.plnk/12", "", "x");
	add(&tar, '5', ".wh..wh.orph/", "", NULL);
	add(&tar, '0', "stargz.index.json", "", "{}");
	add(&tar, '0', ".prefetch.landmark", "", "x");
	add(&tar, '0', "e/stargz.index.json", "", "{}");
	finish(&tar);
	assert_lists(&tar, true,
		     "w a/b\nw c\no d\no \nf e/stargz.index.json = {}\n");
}

static void whiteouts_are_files_elsewhere(void **state)
{
	struct buf tar = BUF_INIT;

	(void)state;
	add(&tar, '0', "a/.wh.b", "", NULL);
	add(&tar, '0', ".wh..wh..opq", "", NULL);
	finish(&tar);
	assert_lists(&tar, false, "f a/.wh.b\nf .wh..wh..opq\n");
}

static void whiteouts_of_nothing_in_particular_are_refused(void **state)
{
	static const char *const names[] = { ".wh.", "a/.wh..", "a/.wh...",
					     ".wh.x/y" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		struct buf tar = BUF_INIT;

		add(&tar, '0', names[i], "", NULL);
		assert_fails(&tar, ERROR_REFUSED);
	}
}

/* With or without PAX records the library reads them differently. */
static void hard_links_with_contents_are_refused(void **state)
{
	AUTO(buf_release) struct buf plain = BUF_INIT;
	AUTO(buf_release) struct buf pax = BUF_INIT;
	AUTO(buf_release) struct buf lines = BUF_INIT;
	AUTO(buf_release) struct buf records = BUF_INIT;
	struct tar_header h = {
		.type = '1', .name = "b", .link = "a", .size = TAR_BLOCK
	};
	static const char block[TAR_BLOCK] = "data";
	struct error err = ERROR_INIT;

	(void)state;
	add(&plain, '0', "a", "", "x");
	add(&plain, '1', "b", "a", "data");
	finish(&plain);
	assert_int_equal(list(&plain, true, &lines, &err), -1);

	add(&pax, '0', "a", "", "x");
	tar_pax_append(&records, "comment", "x", 1);
	assert_int_equal(tar_header_append(&pax, &h, &records, false, &err), 0);
	buf_append(&pax, block, sizeof(block));
	finish(&pax);
	assert_int_equal(list(&pax, true, &lines, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void owners_that_no_system_has_are_refused(void **state)
{
	static const char *const ids[] = { "4294967295", "4294967296", "-1",
					   "99999999999999999999" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		AUTO(buf_release) struct buf lines = BUF_INIT;
		AUTO(buf_release) struct buf tar = BUF_INIT;
		struct error err = ERROR_INIT;

		add_pax(&tar, "a", "uid", ids[i], "x");
		finish(&tar);
		assert_int_equal(list(&tar, true, &lines, &err), -1);
	}
}

static void oversized_headers_are_refused(void **state)
{
	size_t len = 5 << 20;
	autofree char *value = malloc(len + 1);
	struct buf tar = BUF_INIT;
	struct tar_header h = { .type = 'x', .name = "x", .link = "" };
	struct buf records = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	memset(value, 'v', len);
	value[len] = '\0';
	h.size = len;
	assert_int_equal(tar_header_append(&tar, &h, &records, false, &err), 0);
	buf_append(&tar, value, len);
	{
		AUTO(buf_release) struct buf lines = BUF_INIT;

		assert_int_equal(list(&tar, true, &lines, &err), -1);
	}
	buf_release(&tar);
}

/* A map of a million regions in a file that has no data at all. */
static void sparse_maps_of_millions_are_refused(void **state)
{
	struct buf tar = BUF_INIT, records = BUF_INIT, map = BUF_INIT;
	struct tar_header h = { .type = '0', .name = "x", .link = "" };
	struct error err = ERROR_INIT;
	int i;

	(void)state;
	buf_append_str(&map, "1000000\n");
	for (i = 0; i < 1000000; i++)
		buf_printf(&map, "%d\n0\n", i);
	tar_pax_append(&records, "GNU.sparse.major", "1", 1);
	tar_pax_append(&records, "GNU.sparse.minor", "0", 1);
	tar_pax_append(&records, "GNU.sparse.name", "x", 1);
	tar_pax_append(&records, "GNU.sparse.realsize", "1000000", 7);
	h.size = map.len;
	assert_int_equal(tar_header_append(&tar, &h, &records, true, &err), 0);
	buf_append(&tar, map.data, map.len);
	buf_release(&map);
	buf_release(&records);
	assert_fails(&tar, ERROR_REFUSED);
}

static void add_sparse(struct buf *tar, const char *map, const char *realsize,
		       const char *data)
{
	struct buf body = BUF_INIT, records = BUF_INIT;
	struct tar_header h = { .type = '0', .name = "x", .link = "" };
	static const char zeros[TAR_BLOCK];
	struct error err = ERROR_INIT;

	buf_append_str(&body, map);
	buf_append(&body, zeros, tar_padding(body.len));
	buf_append_str(&body, data);
	tar_pax_append(&records, "GNU.sparse.major", "1", 1);
	tar_pax_append(&records, "GNU.sparse.minor", "0", 1);
	tar_pax_append(&records, "GNU.sparse.name", "s", 1);
	tar_pax_append(&records, "GNU.sparse.realsize", realsize,
		       strlen(realsize));
	h.size = body.len;
	assert_int_equal(tar_header_append(tar, &h, &records, true, &err), 0);
	buf_append(tar, body.data, body.len);
	buf_append(tar, zeros, tar_padding(body.len));
	finish(tar);
	buf_release(&body);
	buf_release(&records);
}

static void sparse_lies_are_integrity_errors(void **state)
{
	struct buf beyond = BUF_INIT, overlap = BUF_INIT, negative = BUF_INIT;

	(void)state;
	add_sparse(&beyond, "1\n10\n5\n", "12", "hello");
	assert_fails(&beyond, ERROR_INTEGRITY);
	add_sparse(&overlap, "2\n4\n3\n2\n2\n", "12", "hello");
	assert_fails(&overlap, ERROR_INTEGRITY);
	add_sparse(&negative, "1\n-10\n5\n", "12", "hello");
	assert_fails(&negative, ERROR_INTEGRITY);
}

static void holes_are_zeros_to_who_does_not_ask(void **state)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	AUTO(buf_release) struct buf tar = BUF_INIT;
	const struct entry *e;
	struct stream *contents;
	struct error err = ERROR_INIT;
	struct buf data = BUF_INIT;

	(void)state;
	add_sparse(&tar, "2\n4\n5\n12\n0\n", "12", "hello");
	assert_int_equal(tar_reader_new(stream_in_steps(tar.data, tar.len, 999),
					true, &r, &err),
			 0);
	assert_int_equal(tar_reader_next(r, &e, &contents, &err), 1);
	assert_string_equal(e->path, "s");
	assert_int_equal(e->size, 12);
	assert_int_equal(read_to_buf(contents, &data, &err), 0);
	assert_int_equal(data.len, 12);
	assert_memory_equal(data.data, "\0\0\0\0hello\0\0\0", 12);
	buf_release(&data);
}

static void truncation_anywhere_is_an_integrity_error(void **state)
{
	AUTO(buf_release) struct buf tar = BUF_INIT;
	size_t i, whole;

	(void)state;
	add(&tar, '0', "first", "", "some contents");
	whole = tar.len;
	add_pax(&tar, "b", "SCHILY.xattr.user.x", "y", "other contents");
	for (i = 1; i < tar.len; i += 37) {
		AUTO(buf_release) struct buf lines = BUF_INIT;
		struct buf cut = { .data = tar.data, .len = i };
		struct error err = ERROR_INIT;

		if (i == whole)
			continue;
		assert_int_equal(list(&cut, true, &lines, &err), -1);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
	}
}

static void garbage_is_an_integrity_error(void **state)
{
	struct buf tar = BUF_INIT;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		buf_append_str(&tar, "noise");
	assert_fails(&tar, ERROR_INTEGRITY);
}

static void empty_archives_have_no_entries(void **state)
{
	struct buf nothing = BUF_INIT, zeros = BUF_INIT;

	(void)state;
	buf_append_str(&nothing, "");
	assert_lists(&nothing, true, "");
	finish(&zeros);
	assert_lists(&zeros, true, "");
}

static void attributes_and_times_come_through(void **state)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	AUTO(buf_release) struct buf tar = BUF_INIT;
	const struct entry *e;
	struct stream *contents;
	struct error err = ERROR_INIT;

	(void)state;
	add_pax(&tar, "a", "SCHILY.xattr.user.x", "value", "data");
	add_pax(&tar, "b", "mtime", "-5.25", "data");
	finish(&tar);
	assert_int_equal(
		tar_reader_new(stream_in_steps(tar.data, tar.len, 9999), true,
			       &r, &err),
		0);
	assert_int_equal(tar_reader_next(r, &e, &contents, &err), 1);
	assert_int_equal(e->n_xattrs, 1);
	assert_string_equal(e->xattrs[0].name, "user.x");
	assert_int_equal(e->xattrs[0].size, 5);
	assert_memory_equal(e->xattrs[0].value, "value", 5);
	assert_int_equal(tar_reader_next(r, &e, &contents, &err), 1);
	assert_true(e->mtime.tv_sec == -5 || e->mtime.tv_sec == -6);
	assert_int_equal(tar_reader_next(r, &e, &contents, &err), 0);
}

/* Make a folder with all that GNU tar can store, in a scratch place. */
static char *make_folder(void)
{
	char *dir = strdup("/tmp/shale-tar-XXXXXX");
	int fd, file;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(fd, "d", 0755), 0);
	file = openat(fd, "d/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(file, "hello", 5), 5);
	close(file);
	assert_int_equal(linkat(fd, "d/f", fd, "d/g", 0), 0);
	assert_int_equal(symlinkat("../x", fd, "l"), 0);
	assert_int_equal(mkfifoat(fd, "p", 0600), 0);
	file = openat(fd, "s", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(file, 1 << 20), 0);
	assert_int_equal(pwrite(file, "end", 3, (1 << 20) - 3), 3);
	close(file);
	close(fd);
	return dir;
}

static void every_format_of_gnu_tar_is_read(void **state)
{
	static const char *const ways[][2] = {
		{ "--format=v7", "--no-xattrs" },
		{ "--format=ustar", "--no-xattrs" },
		{ "--format=gnu", "--sparse" },
		{ "--format=posix", "--no-xattrs" },
		{ "--format=posix", "--sparse-version=0.0" },
		{ "--format=posix", "--sparse-version=0.1" },
		{ "--format=posix", "--sparse-version=1.0" },
	};
	autofree char *dir = make_folder();
	const char *const remove[] = { "rm", "-rf", dir, NULL };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ways); i++) {
		const char *const argv[] = {
			"tar",	       ways[i][0], ways[i][1], "--exclude=p",
			"--sort=name", "-C",	   dir,	       "-cf",
			"-",	       ".",	   NULL
		};
		AUTO(buf_release) struct buf tar = BUF_INIT;
		AUTO(buf_release) struct buf lines = BUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(run_program(argv, NULL, &tar), 0);
		assert_int_equal(list(&tar, true, &lines, &err), 0);
		assert_int_equal(lines.len, 43 + 6 + (1 << 20) + 1);
		assert_memory_equal(lines.data,
				    "d d\nf d/f = hello\nh d/g -> d/f\n"
				    "l l -> ../x\nf s = ",
				    49);
		assert_memory_equal(lines.data + lines.len - 4, "end\n", 4);
	}
	assert_int_equal(run_program(remove, NULL, &(struct buf)BUF_INIT), 0);
}

static void names_that_are_not_utf8_come_through(void **state)
{
	struct buf tar = BUF_INIT;
	char lines[512], name[300];

	(void)state;
	memset(name, '\xe9', sizeof(name));
	name[250] = '\0';
	add(&tar, '0', "\xff/\xc3\xa9", "", NULL);
	add(&tar, '0', name, "", NULL); /* in a PAX record */
	finish(&tar);
	snprintf(lines, sizeof(lines), "f \xff/\xc3\xa9\nf %s\n", name);
	assert_lists(&tar, true, lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_cleaned),
		cmocka_unit_test(names_that_lead_out_are_refused),
		cmocka_unit_test(whiteouts_are_understood_in_layers),
		cmocka_unit_test(whiteouts_are_files_elsewhere),
		cmocka_unit_test(
			whiteouts_of_nothing_in_particular_are_refused),
		cmocka_unit_test(hard_links_with_contents_are_refused),
		cmocka_unit_test(owners_that_no_system_has_are_refused),
		cmocka_unit_test(oversized_headers_are_refused),
		cmocka_unit_test(sparse_maps_of_millions_are_refused),
		cmocka_unit_test(sparse_lies_are_integrity_errors),
		cmocka_unit_test(holes_are_zeros_to_who_does_not_ask),
		cmocka_unit_test(truncation_anywhere_is_an_integrity_error),
		cmocka_unit_test(garbage_is_an_integrity_error),
		cmocka_unit_test(empty_archives_have_no_entries),
		cmocka_unit_test(attributes_and_times_come_through),
		cmocka_unit_test(every_format_of_gnu_tar_is_read),
		cmocka_unit_test(names_that_are_not_utf8_come_through),
	};

	return cmocka_run_group_tests_name("tar reader", tests, NULL, NULL);
}
