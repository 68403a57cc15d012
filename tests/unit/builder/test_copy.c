#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "tests/unit/builder/lab.h"

struct row {
	const char *instruction;
	const char *expected; /* listing, or the error behind a '!' */
};

static const struct lab_entry base[] = {
	{ "d", ENTRY_DIR, 0700, 3, 4, NULL },
	{ "d/old", ENTRY_FILE, 0644, 0, 0, "old" },
	{ "etc", ENTRY_DIR, 0755, 0, 0, NULL },
	{ "etc/group", ENTRY_FILE, 0644, 0, 0, "root:x:0:\nstaff:x:50:\n" },
	{ "etc/passwd", ENTRY_FILE, 0644, 0, 0,
	  "root:x:0:0::/root:/bin/sh\nann:x:1000:1001::/home/ann:/bin/sh\n" },
	{ "f", ENTRY_FILE, 0600, 0, 0, "f" },
	{ "l", ENTRY_SYMLINK, 0777, 0, 0, "/d" },
	{ "out", ENTRY_SYMLINK, 0777, 0, 0, "../../../d" },
	{ "t", ENTRY_DIR, 0755, 0, 0, NULL },
	{ "t/sub", ENTRY_DIR, 0711, 0, 0, NULL },
	{ "t/sub/kept", ENTRY_FILE, 0644, 0, 0, "kept" },
	{ "t/x", ENTRY_DIR, 0755, 0, 0, NULL },
};

static int setup(void **state)
{
	struct lab *lab;

	if (lab_setup(state) < 0)
		return -1;
	lab = *state;
	umask(022);
	lab_make_base(lab, base, ARRAY_LEN(base));
	make_file(lab->dir->fd, "a.txt", "a");
	make_file(lab->dir->fd, "b.txt", "b");
	make_file(lab->dir->fd, "a b", "ab");
	make_file(lab->dir->fd, "odd[1]", "odd");
	make_dir(lab->dir->fd, "dir");
	make_file(lab->dir->fd, "dir/x", "x");
	make_dir(lab->dir->fd, "dir/sub");
	make_file(lab->dir->fd, "dir/sub/y", "y");
	make_link(lab->dir->fd, "link", "dir");
	make_link(lab->dir->fd, "flink", "/dir/x");
	make_link(lab->dir->fd, "leads-out", "/../../a.txt");
	make_link(lab->dir->fd, "dangling", "nowhere");
	return 0;
}

/* More files than are looked up one by one, and then one that is in the way. */
static void a_big_copy_meets_what_is_there(void **state)
{
	struct lab *lab = *state;
	char name[32];

	make_dir(lab->dir->fd, "many");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "many/a%02u", i);
		make_file(lab->dir->fd, name, "");
	}
	make_file(lab->dir->fd, "many/x", "x");
	lab_expect_error(lab, "FROM base\nCOPY many/ /t/\n",
			 "cannot replace to directory /t/x with file");
}

static void expect_rows(struct lab *lab, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct buf text = BUF_INIT;
		autofree char *dockerfile = NULL;

		buf_printf(&text, "FROM base\n%s\n", rows[i].instruction);
		dockerfile = buf_steal(&text);
		assert_non_null(dockerfile);
		if (rows[i].expected[0] == '!')
			lab_expect_error(lab, dockerfile, rows[i].expected + 1);
		else
			lab_expect(lab, dockerfile, rows[i].expected);
	}
}

/* The rows of the reference's path combinations. */
static void destinations_are_resolved_as_the_reference_does(void **state)
{
	static const struct row rows[] = {
		{ "COPY a.txt /new", "new=a" },
		{ "COPY a.txt /new/", "new/ new/a.txt=a" },
		{ "COPY a.txt /d", "d(700,3:4)/ d/a.txt=a" },
		{ "COPY a.txt /d/.", "d(700,3:4)/ d/a.txt=a" },
		{ "COPY a.txt /f", "f=a" },
		{ "COPY a.txt /f/", "!cannot copy to non-directory: /f" },
		{ "COPY a.txt /", "a.txt=a" },
		{ "COPY dir /", "sub/ sub/y=y x=x" },
		{ "COPY dir /t/../d/.", "d(700,3:4)/ d/sub/ d/sub/y=y d/x=x" },
		{ "COPY a.txt /p/q/r", "p/ p/q/ p/q/r=a" },
		{ "COPY dir /new", "new/ new/sub/ new/sub/y=y new/x=x" },
		{ "COPY dir/ /new", "new/ new/sub/ new/sub/y=y new/x=x" },
		{ "COPY dir/. /new/", "new/ new/sub/ new/sub/y=y new/x=x" },
		{ "COPY dir /f", "!cannot copy to non-directory: /f" },
		{ "COPY dir /l", "d(700,3:4)/ d/sub/ d/sub/y=y d/x=x" },
		{ "COPY a.txt /out/", "d(700,3:4)/ d/a.txt=a" },
		{ "COPY dir/* /new/", "new/ new/x=x new/y=y" },
		{ "COPY *.txt /new/", "new/ new/a.txt=a new/b.txt=b" },
		{ "COPY *.txt /new", "new=b" },
		{ "COPY a*.txt /new", "new=a" },
		{ "COPY a.txt none* /new/", "new/ new/a.txt=a" },
		{ "COPY none* /new/", "" },
		{ "COPY link /new", "new/ new/sub/ new/sub/y=y new/x=x" },
		{ "COPY flink /new/", "new/ new/flink=x" },
		{ "COPY ../a.txt /x", "x=a" },
		{ "COPY leads-out /x", "x=a" },
		{ "COPY /a.txt /x", "x=a" },
		{ "COPY [\"a b\", \"/x/\"]", "x/ x/a b=ab" },
		{ "COPY odd[[]1] /x/", "x/ x/odd[1]=odd" },
		{ "COPY a.txt b.txt /d", "d(700,3:4)/ d/a.txt=a d/b.txt=b" },
		{ "COPY a.txt b.txt /new",
		  "!When using COPY with more than one source file, the "
		  "destination must be a directory and end with a /" },
		{ "COPY dir a.txt /t/",
		  "!cannot replace to directory /t/x with file" },
		{ "COPY a.txt /t/sub", "t/ t/sub(711,0:0)/ t/sub/a.txt=a" },
		{ "COPY dir/x /t/",
		  "!cannot replace to directory /t/x with file" },
		{ "WORKDIR /w\nCOPY a.txt .", "w/ w/a.txt=a" },
		{ "COPY missing /x",
		  "!failed to calculate checksum of ref context: "
		  "\"/missing\": not found in the build context" },
		{ "COPY dir/xx /x", "!(did you mean \"x\"?)" },
		{ "COPY dangling /x", "!\"/dangling\": not found" },
		{ "COPY dan* /x", "!\"/dangling\": not found" },
		{ "COPY dir/x/y /x", "!\"/dir/x/y\": not found" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
}

static void nested_directories_take_the_sources_attributes(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(fchmodat(lab->dir->fd, "dir/sub", 0750, 0), 0);
	assert_int_equal(fchmodat(lab->dir->fd, "dir/sub/y", 0444, 0), 0);
	unlinkat(lab->dir->fd, "dir/x", 0);
	lab_expect(lab, "FROM base\nCOPY dir /t\n",
		   "t/ t/sub(750,0:0)/ t/sub/y(444,0:0)=y");
}

static void owners_and_modes_can_be_set(void **state)
{
	static const struct row rows[] = {
		{ "COPY --chown=5:6 a.txt /p/q", "p(755,5:6)/ p/q(644,5:6)=a" },
		{ "COPY --chown=5 a.txt /q", "q(644,5:5)=a" },
		{ "COPY --chown=ann: a.txt /q", "q(644,1000:0)=a" },
		{ "COPY --chown=:5 a.txt /q", "q(644,0:5)=a" },
		{ "COPY --chown=ann a.txt /q", "q(644,1000:1001)=a" },
		{ "COPY --chown=ann:staff a.txt /q", "q(644,1000:50)=a" },
		{ "COPY --chown=root:7 a.txt /q", "q(644,0:7)=a" },
		{ "COPY --chown=bob a.txt /q", "!bob" },
		{ "COPY --chown=1:nobodies a.txt /q", "!nobodies" },
		{ "COPY --chmod=600 a.txt /p/q", "p(600,0:0)/ p/q(600,0:0)=a" },
		{ "COPY --chmod=u+x,g-r a.txt /p/q", "p/ p/q(704,0:0)=a" },
		{ "COPY --chmod=a=rX dir /n",
		  "n/ n/sub(555,0:0)/ n/sub/y(444,0:0)=y n/x(444,0:0)=x" },
		{ "COPY --chmod=4755 a.txt /q", "q(4755,0:0)=a" },
		{ "COPY --chmod=4755 a.txt /n/", "n/ n/a.txt(4755,0:0)=a" },
		{ "COPY --link --chown=ann a.txt /q", "!ann" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
}

static void linked_copies_ignore_what_lies_below(void **state)
{
	static const struct row rows[] = {
		{ "COPY --link a.txt /l/", "l/ l/a.txt=a" },
		{ "COPY --link a.txt /d/a", "d/ d/a=a" },
		{ "COPY --link dir /f", "f/ f/sub/ f/sub/y=y f/x=x" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
}

static void parents_are_recreated(void **state)
{
	static const struct row rows[] = {
		{ "COPY --parents x/a.txt /no/", "no/ no/x/ no/x/a.txt=1" },
		{ "COPY --parents /test/a/b/./c/d /out2/",
		  "out2/ out2/c/ out2/c/d/ out2/c/d/f=2" },
		{ "COPY --parents /test/a/b/c/d/. /out2/",
		  "out2/ out2/test/ out2/test/a/ out2/test/a/b/ "
		  "out2/test/a/b/c/ out2/test/a/b/c/d/ "
		  "out2/test/a/b/c/d/f=2" },
		{ "COPY --parents /test/a/./b/./c /out2/",
		  "out2/ out2/b/ out2/b/c/ out2/b/c/d/ out2/b/c/d/f=2" },
		{ "COPY --parents /test/a/./*/c /out2/",
		  "out2/ out2/b/ out2/b/c/ out2/b/c/d/ out2/b/c/d/f=2 "
		  "out2/b2/ out2/b2/c/ out2/b2/c/g=3" },
		{ "COPY --parents ./src/**/*.h /inc/",
		  "inc/ inc/src/ inc/src/m/ inc/src/m/n/ inc/src/m/n/q.h=5 "
		  "inc/src/p.h=4" },
		{ "COPY --parents nothing /out2/", "!\"/nothing\": not found" },
		{ "COPY --parents nothing* /out2/", "" },
	};
	struct lab *lab = *state;
	int fd = lab->dir->fd;

	make_dir(fd, "x");
	make_file(fd, "x/a.txt", "1");
	make_dir(fd, "test");
	make_dir(fd, "test/a");
	make_dir(fd, "test/a/b");
	make_dir(fd, "test/a/b/c");
	make_dir(fd, "test/a/b/c/d");
	make_file(fd, "test/a/b/c/d/f", "2");
	make_dir(fd, "test/a/b2");
	make_dir(fd, "test/a/b2/c");
	make_file(fd, "test/a/b2/c/g", "3");
	make_dir(fd, "src");
	make_file(fd, "src/p.h", "4");
	make_file(fd, "src/p.c", "4");
	make_dir(fd, "src/m");
	make_dir(fd, "src/m/n");
	make_file(fd, "src/m/n/q.h", "5");
	make_link(fd, "src/m/loop", "..");
	make_link(fd, "src/m/m", ".");
	expect_rows(lab, rows, ARRAY_LEN(rows));
}

static void excluded_files_stay_behind(void **state)
{
	static const struct row rows[] = {
		{ "COPY --exclude=x dir /n", "n/ n/sub/ n/sub/y=y" },
		{ "COPY --exclude=y dir /n", "n/ n/sub/ n/sub/y=y n/x=x" },
		{ "COPY --exclude=**/y dir /n", "n/ n/sub/ n/x=x" },
		{ "COPY --exclude=sub dir /n", "n/ n/x=x" },
		{ "COPY --exclude=* --exclude=!sub/y dir /n",
		  "n/ n/sub/ n/sub/y=y" },
		{ "COPY --exclude=a.txt *.txt /n/", "n/ n/b.txt=b" },
		{ "COPY --exclude=[ dir /n", "!syntax error in pattern" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
}

static void ignored_files_do_not_exist(void **state)
{
	static const struct row rows[] = {
		{ "COPY . /n/",
		  "n/ n/b.txt=b n/dir/ n/dir/sub/ n/dir/sub/y=y" },
		{ "COPY dir /n", "n/ n/sub/ n/sub/y=y" },
		{ "COPY a.txt /n",
		  "!\"/a.txt\": not found in the build context (excluded by "
		  ".dockerignore:3)" },
		{ "COPY link /n", "!\"/link\": not found" },
		{ "COPY *.txt /n/", "n/ n/b.txt=b" },
		{ "COPY dir/x /n", "!(excluded by .dockerignore:3)" },
	};
	struct lab *lab = *state;

	make_file(lab->dir->fd, ".dockerignore",
		  "# all but a few\n\n*\n!b.txt\n!dir/sub\n");
	expect_rows(lab, rows, ARRAY_LEN(rows));
}

static void heredocs_become_files(void **state)
{
	static const struct row rows[] = {
		{ "COPY <<A /n\none\nA", "n=one\n" },
		{ "COPY <<A /n/\none\nA", "n/ n/A=one\n" },
		{ "COPY <<A <<B /n/\none\nA\ntwo\nB",
		  "n/ n/A=one\n n/B=two\n" },
		{ "COPY --chown=1:2 --chmod=700 <<A /n\nA", "n(700,1:2)=" },
		{ "COPY a.txt <<A /d\none\nA",
		  "d(700,3:4)/ d/A=one\n d/a.txt=a" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
}

static void copies_from_stages_keep_owners(void **state)
{
	static const struct row rows[] = {
		{ "COPY --from=base /d /new", "new/ new/old=old" },
		{ "COPY --from=base /t /new",
		  "new/ new/sub(711,0:0)/ new/sub/kept=kept new/x/" },
		{ "COPY --from=base l /new", "new/ new/old=old" },
		{ "COPY --from=base / /new",
		  "new/ new/d(700,3:4)/ new/d/old=old new/etc/ "
		  "new/etc/group=root:x:0:\nstaff:x:50:\n "
		  "new/etc/passwd=root:x:0:0::/root:/bin/sh\n"
		  "ann:x:1000:1001::/home/ann:/bin/sh\n new/f(600,0:0)=f "
		  "new/l->/d new/out->../../../d new/t/ "
		  "new/t/sub(711,0:0)/ new/t/sub/kept=kept new/t/x/" },
		{ "COPY --from=base /etc/pass* /new/",
		  "new/ new/passwd=root:x:0:0::/root:/bin/sh\n"
		  "ann:x:1000:1001::/home/ann:/bin/sh\n" },
		{ "COPY --from=base /nope /new", "!\"/nope\": not found in" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
	lab_expect(*state,
		   "FROM base AS one\nCOPY --chown=8:9 dir /s\n"
		   "FROM scratch\nCOPY --from=one /s/sub /r\n",
		   "r/ r/y(644,8:9)=y");
	lab_expect(*state,
		   "FROM base\nCOPY a.txt /s\nFROM scratch\n"
		   "COPY --from=0 /s /r\n",
		   "r=a");
}

static void hard_links_of_one_source_stay_links(void **state)
{
	struct lab *lab = *state;

	assert_int_equal(
		linkat(lab->dir->fd, "dir/x", lab->dir->fd, "dir/sub/again", 0),
		0);
	lab_expect(lab, "FROM base\nCOPY dir /n\n",
		   "n/ n/sub/ n/sub/again=x n/sub/y=y n/x==n/sub/again");
	lab_expect(lab,
		   "FROM base AS one\nCOPY dir /n\nFROM scratch\n"
		   "COPY --from=one /n /m\n",
		   "m/ m/sub/ m/sub/again=x m/sub/y=y m/x==m/sub/again");
	lab_expect(lab,
		   "FROM base AS one\nCOPY dir /n\nFROM scratch\n"
		   "COPY --from=one /n/x /m\n",
		   "m=x");
	lab_expect(lab, "FROM base\nCOPY dir/x dir/sub/again /n/\n",
		   "n/ n/again=x n/x=x");
}

static void directories_are_made_for_workdir(void **state)
{
	static const struct row rows[] = {
		{ "WORKDIR /n/m", "n/ n/m/" },
		{ "USER 7:8\nWORKDIR /n/m", "n(755,7:8)/ n/m(755,7:8)/" },
		{ "USER 7\nWORKDIR /n", "n(755,7:7)/" },
		{ "USER ann:\nWORKDIR /n", "n(755,1000:0)/" },
		{ "USER ann\nWORKDIR /l/m", "d(700,3:4)/ d/m(755,1000:1001)/" },
		{ "WORKDIR /d", "" },
		{ "WORKDIR /l", "" },
		{ "WORKDIR /f", "!not a directory" },
		{ "WORKDIR /f/x", "!non-directory" },
	};

	expect_rows(*state, rows, ARRAY_LEN(rows));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(destinations_are_resolved_as_the_reference_does),
		TEST(a_big_copy_meets_what_is_there),
		TEST(nested_directories_take_the_sources_attributes),
		TEST(owners_and_modes_can_be_set),
		TEST(linked_copies_ignore_what_lies_below),
		TEST(parents_are_recreated),
		TEST(excluded_files_stay_behind),
		TEST(ignored_files_do_not_exist),
		TEST(heredocs_become_files),
		TEST(copies_from_stages_keep_owners),
		TEST(hard_links_of_one_source_stay_links),
		TEST(directories_are_made_for_workdir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
