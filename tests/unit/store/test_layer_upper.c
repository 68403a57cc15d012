#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/unit/store/layers.h"

/* The lower root of every test, all its times being 1000. */
static const char lower_text[] = "d dir\n"
				 "f dir/file one\n"
				 "d dir/sub\n"
				 "f dir/sub/deep two\n"
				 "d dir/sub/more\n"
				 "f dir/sub/more/x three\n"
				 "l dir/to file\n"
				 "f plain four\n";

struct step {
	struct layer *lower;
	struct view *view;
	struct tree *upper;
};

static void begin(struct step *s, struct place *p)
{
	struct error err = ERROR_INIT;

	s->lower = layer_of_text(p, lower_text, 1000);
	expect_ok(view_new(&s->lower, 1, &s->view, &err), &err);
	s->upper = upper_in_batch(p, "upper");
}

static void end(struct step *s)
{
	tree_free(s->upper);
	view_free(s->view);
	layer_unref(s->lower);
}

/* An entry as it is below: same mode and time. */
static void copy_up(struct step *s, enum entry_type type, const char *path,
		    const char *data)
{
	AUTO(stream_free) struct stream *contents = NULL;
	struct error err = ERROR_INIT;
	struct entry e = { .path = path,
			   .type = type,
			   .mode = type == ENTRY_DIR ? 0755 : 0644,
			   .mtime = { 1000, 0 } };

	if (type == ENTRY_FILE)
		stream_from_memory(data, strlen(data), &contents, &err);
	else
		e.link = data;
	expect_ok(tree_put(s->upper, &e, contents, &err), &err);
}

/* What becomes of the upper, and that a root with it looks right. */
static void assert_layer(struct step *s, struct place *p, const char *expected,
			 const char *merged)
{
	AUTO(layer_unref) struct layer *l = NULL;
	AUTO(view_free) struct view *v = NULL;
	struct layer *stack[2];
	struct error err = ERROR_INIT;
	autofree char *found = NULL, *both = NULL;
	bool empty;

	expect_ok(tree_finish(s->upper, &err), &err);
	expect_ok(
		layer_from_upper(p->batch, "upper", s->view, &l, &empty, &err),
		&err);
	assert_int_equal(empty, *expected == '\0');
	found = describe_layer(p, l);
	assert_string_equal(found, expected);
	stack[0] = s->lower;
	stack[1] = l;
	expect_ok(view_new(stack, 2, &v, &err), &err);
	both = describe_view(v);
	assert_string_equal(both, merged);
	end(s);
}

#define MERGED_LOWER                                                           \
	"d dir\nf dir/file = one\nd dir/sub\nf dir/sub/deep = two\n"           \
	"d dir/sub/more\nf dir/sub/more/x = three\nl dir/to -> file\n"         \
	"f plain = four\n"

static void what_was_only_copied_up_is_no_change(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	copy_up(&s, ENTRY_FILE, "dir/file", "one");
	copy_up(&s, ENTRY_DIR, "dir/sub", NULL);
	copy_up(&s, ENTRY_DIR, "dir/sub/more", NULL);
	copy_up(&s, ENTRY_FILE, "plain", "four");
	assert_layer(&s, *state, "", MERGED_LOWER);
}

static void other_contents_of_the_same_time_and_size_are_a_change(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_FILE, "plain", "FOUR");
	assert_layer(&s, *state, "f 644 0:0 plain = FOUR\n",
		     "d dir\nf dir/file = one\nd dir/sub\n"
		     "f dir/sub/deep = two\nd dir/sub/more\n"
		     "f dir/sub/more/x = three\nl dir/to -> file\n"
		     "f plain = FOUR\n");
}

static void changed_directories_stay_even_when_empty(void **state)
{
	struct step s;
	struct error err = ERROR_INIT;
	const struct entry e = { .path = "dir/sub",
				 .type = ENTRY_DIR,
				 .mode = 0700 };

	begin(&s, *state);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	expect_ok(tree_put(s.upper, &e, NULL, &err), &err);
	assert_layer(&s, *state, "d 755 0:0 dir\nd 700 0:0 dir/sub\n",
		     MERGED_LOWER);
}

static void removals_of_nothing_are_dropped(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	put_entry(s.upper, ENTRY_WHITEOUT, "dir/never", NULL);
	put_entry(s.upper, ENTRY_WHITEOUT, "dir/file", NULL);
	put_entry(s.upper, ENTRY_WHITEOUT, "nor-this", NULL);
	assert_layer(&s, *state, "d 755 0:0 dir\nw 0 0:0 dir/file\n",
		     "d dir\nd dir/sub\nf dir/sub/deep = two\n"
		     "d dir/sub/more\nf dir/sub/more/x = three\n"
		     "l dir/to -> file\nf plain = four\n");
}

/* rm -r dir; mkdir dir */
static void an_opaque_directory_names_what_it_hides(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	put_entry(s.upper, ENTRY_OPAQUE, "dir", NULL);
	assert_layer(&s, *state,
		     "d 755 0:0 dir\nw 0 0:0 dir/file\nw 0 0:0 dir/sub\n"
		     "w 0 0:0 dir/to\n",
		     "d dir\nf plain = four\n");
}

/* rm -r dir; mkdir -p dir/sub/more; the inner ones carry no mark. */
static void directories_inside_an_opaque_one_hide_too(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	put_entry(s.upper, ENTRY_OPAQUE, "dir", NULL);
	copy_up(&s, ENTRY_DIR, "dir/sub", NULL);
	copy_up(&s, ENTRY_DIR, "dir/sub/more", NULL);
	put_entry(s.upper, ENTRY_FILE, "dir/sub/new", "new");
	assert_layer(&s, *state,
		     "d 755 0:0 dir\nw 0 0:0 dir/file\nd 755 0:0 dir/sub\n"
		     "w 0 0:0 dir/sub/deep\nd 755 0:0 dir/sub/more\n"
		     "w 0 0:0 dir/sub/more/x\nf 644 0:0 dir/sub/new = new\n"
		     "w 0 0:0 dir/to\n",
		     "d dir\nd dir/sub\nd dir/sub/more\n"
		     "f dir/sub/new = new\nf plain = four\n");
}

/* cp -a dir copy; rm -r dir; mv copy dir */
static void a_directory_replaced_by_its_own_copy_loses_nothing(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	put_entry(s.upper, ENTRY_OPAQUE, "dir", NULL);
	copy_up(&s, ENTRY_FILE, "dir/file", "one");
	copy_up(&s, ENTRY_DIR, "dir/sub", NULL);
	copy_up(&s, ENTRY_FILE, "dir/sub/deep", "two");
	assert_layer(&s, *state,
		     "d 755 0:0 dir\nd 755 0:0 dir/sub\n"
		     "w 0 0:0 dir/sub/more\nw 0 0:0 dir/to\n",
		     "d dir\nf dir/file = one\nd dir/sub\n"
		     "f dir/sub/deep = two\nf plain = four\n");
}

static void names_of_one_file_stay_together(void **state)
{
	struct step s;

	begin(&s, *state);
	copy_up(&s, ENTRY_FILE, "plain", "four");
	put_entry(s.upper, ENTRY_HARDLINK, "twin", "plain");
	assert_layer(&s, *state,
		     "f 644 0:0 plain = four\nf 644 0:0 twin = four\n",
		     MERGED_LOWER "f twin = four\n");
}

static void a_file_may_take_the_place_of_a_directory(void **state)
{
	struct step s;

	begin(&s, *state);
	put_entry(s.upper, ENTRY_FILE, "dir", "flat");
	put_entry(s.upper, ENTRY_FILE, "plain/inside", "x");
	assert_layer(&s, *state,
		     "f 644 0:0 dir = flat\nd 755 0:0 plain\n"
		     "f 644 0:0 plain/inside = x\n",
		     "f dir = flat\nd plain\nf plain/inside = x\n");
}

/* rm dir/to; mkdir dir/to: what the link led to is another place. */
static void a_directory_may_take_the_place_of_a_link(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	struct step s;

	s.lower = layer_of_text(p, "d a\nf a/x one\nl link a\n", 1000);
	expect_ok(view_new(&s.lower, 1, &s.view, &err), &err);
	s.upper = upper_in_batch(p, "upper");
	copy_up(&s, ENTRY_DIR, "link", NULL);
	copy_up(&s, ENTRY_FILE, "link/x", "one");
	assert_layer(&s, p, "d 755 0:0 link\nf 644 0:0 link/x = one\n",
		     "d a\nf a/x = one\nd link\nf link/x = one\n");
}

static void sockets_are_removed(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct place *p = *state;
	struct step s;

	begin(&s, p);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/proc/self/fd/%d/dir/socket", tree_fd(s.upper));
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	assert_layer(&s, p, "", MERGED_LOWER);
}

static void names_that_would_mean_deletion_are_refused(void **state)
{
	struct place *p = *state;
	struct step s;
	struct layer *l;
	struct error err = ERROR_INIT;
	bool empty;

	begin(&s, p);
	put_entry(s.upper, ENTRY_FILE, "dir/.wh.file", "x");
	assert_int_equal(
		layer_from_upper(p->batch, "upper", s.view, &l, &empty, &err),
		-1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	end(&s);
}

/* Dropping a file must not show in the time of its directory. */
static void times_of_directories_stay(void **state)
{
	struct place *p = *state;
	AUTO(layer_unref) struct layer *l = NULL;
	struct error err = ERROR_INIT;
	char path[4096];
	const char *tree;
	struct stat st;
	struct step s;
	bool empty;

	begin(&s, p);
	copy_up(&s, ENTRY_DIR, "dir", NULL);
	copy_up(&s, ENTRY_DIR, "dir/sub", NULL);
	put_entry(s.upper, ENTRY_WHITEOUT, "dir/never", NULL);
	put_entry(s.upper, ENTRY_OPAQUE, "dir/sub", NULL);
	expect_ok(tree_finish(s.upper, &err), &err);
	expect_ok(layer_from_upper(p->batch, "upper", s.view, &l, &empty, &err),
		  &err);
	place_publish(p);
	expect_ok(layer_tree(l, &tree, &err), &err);
	snprintf(path, sizeof(path), "%.3000s/dir", tree);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
	snprintf(path, sizeof(path), "%.3000s/dir/sub", tree);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mtime, 1000);
	end(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_only_copied_up_is_no_change),
		TEST(other_contents_of_the_same_time_and_size_are_a_change),
		TEST(changed_directories_stay_even_when_empty),
		TEST(removals_of_nothing_are_dropped),
		TEST(an_opaque_directory_names_what_it_hides),
		TEST(directories_inside_an_opaque_one_hide_too),
		TEST(a_directory_replaced_by_its_own_copy_loses_nothing),
		TEST(names_of_one_file_stay_together),
		TEST(a_file_may_take_the_place_of_a_directory),
		TEST(a_directory_may_take_the_place_of_a_link),
		TEST(sockets_are_removed),
		TEST(names_that_would_mean_deletion_are_refused),
		TEST(times_of_directories_stay),
	};

	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("layer upper", tests, NULL, NULL);
}
