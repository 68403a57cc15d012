#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>

#include "tests/unit/builder/lab.h"

#define THREE_STEPS                                                            \
	"FROM base\nCOPY a /a\nCOPY d /d\n"                                    \
	"COPY <<E /e\nhere\nE\n"
#define TWO_STAGES                                                             \
	"FROM base AS one\nCOPY a /a\nCOPY d /d\n"                             \
	"FROM base\nWORKDIR /w\nCOPY --from=one /d .\n"

static const struct lab_entry base[] = {
	{ "bin", ENTRY_DIR, 0755, 0, 0, NULL },
};

static int setup(void **state)
{
	struct lab *lab;

	if (lab_setup(state) < 0)
		return -1;
	lab = *state;
	umask(022);
	lab_make_base(lab, base, ARRAY_LEN(base));
	make_file(lab->dir->fd, "a", "a");
	make_dir(lab->dir->fd, "d");
	make_file(lab->dir->fd, "d/x", "x");
	make_file(lab->dir->fd, "unused", "u");
	return 0;
}

/* Build and compare how many steps came from the cache and how many ran. */
static void expect_counts(struct lab *lab, const char *dockerfile,
			  unsigned cached, unsigned ran)
{
	struct error err = ERROR_INIT;
	autofree char *listing = NULL;
	char text[sizeof(err.text)];

	if (lab_build(lab, dockerfile, &listing, &err) < 0)
		fail_msg("%s", error_message(&err, text, sizeof(text)));
	if (lab_cached(lab) != cached || lab_ran(lab) != ran)
		fail_msg("%u cached and %u run, expected %u and %u:\n%s",
			 lab_cached(lab), lab_ran(lab), cached, ran,
			 lab->output);
}

static void the_second_build_runs_nothing(void **state)
{
	expect_counts(*state, THREE_STEPS, 0, 3);
	expect_counts(*state, THREE_STEPS, 3, 0);
	expect_counts(*state, TWO_STAGES, 2, 2);
	expect_counts(*state, TWO_STAGES, 4, 0);
}

static void results_survive_in_the_store(void **state)
{
	struct lab *lab = *state;
	struct error err = ERROR_INIT;

	expect_counts(lab, THREE_STEPS, 0, 3);
	assert_int_equal(batch_publish(lab->batch, &err), 0);
	image_free(steal_pointer(&lab->base));
	batch_free(lab->batch);
	lab->batch = NULL;
	assert_int_equal(batch_new(lab->store, &lab->batch, &err), 0);
	lab_make_base(lab, base, ARRAY_LEN(base));
	expect_counts(lab, THREE_STEPS, 3, 0);
}

static void a_changed_file_runs_the_steps_below_it(void **state)
{
	struct lab *lab = *state;

	expect_counts(lab, THREE_STEPS, 0, 3);
	make_file(lab->dir->fd, "d/x", "changed");
	expect_counts(lab, THREE_STEPS, 1, 2);
	make_file(lab->dir->fd, "d/new", "new");
	expect_counts(lab, THREE_STEPS, 1, 2);
	assert_int_equal(fchmodat(lab->dir->fd, "a", 0600, 0), 0);
	expect_counts(lab, THREE_STEPS, 0, 3);
}

static void times_and_files_not_copied_do_not_matter(void **state)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	struct lab *lab = *state;

	expect_counts(lab, THREE_STEPS, 0, 3);
	make_file(lab->dir->fd, "unused", "other");
	make_file(lab->dir->fd, "more", "m");
	assert_int_equal(utimensat(lab->dir->fd, "a", old, 0), 0);
	assert_int_equal(utimensat(lab->dir->fd, "d", old, 0), 0);
	unlinkat(lab->dir->fd, "d/x", 0);
	make_file(lab->dir->fd, "d/x", "x");
	expect_counts(lab, THREE_STEPS, 3, 0);
}

static void a_stage_made_anew_with_equal_files_is_a_hit(void **state)
{
	struct lab *lab = *state;

	expect_counts(lab, TWO_STAGES, 0, 4);
	make_file(lab->dir->fd, "a", "changed");
	expect_counts(lab, TWO_STAGES, 2, 2);
	make_file(lab->dir->fd, "d/x", "changed");
	expect_counts(lab, TWO_STAGES, 2, 2);
}

static void steps_that_nobody_needs_are_not_run(void **state)
{
	struct lab *lab = *state;
	const char *dockerfile = "FROM base AS one\nCOPY a /a\n"
				 "FROM base AS two\nCOPY nowhere /a\n"
				 "FROM base\nCOPY --from=one /a /b\n";

	expect_counts(lab, dockerfile, 0, 2);
}

static void no_cache_looks_nothing_up(void **state)
{
	struct lab *lab = *state;

	expect_counts(lab, TWO_STAGES, 0, 4);
	strv_append(&lab->no_cache_stages, "one");
	expect_counts(lab, TWO_STAGES, 2, 2);
}

static void equal_steps_of_one_build_run_once(void **state)
{
	expect_counts(*state,
		      "FROM base AS one\nCOPY a /a\nFROM base AS two\n"
		      "COPY a /a\nCOPY --from=one /a /b\n",
		      1, 2);
}

static void one_failure_ends_the_build_and_names_its_lines(void **state)
{
	struct lab *lab = *state;
	struct error err = ERROR_INIT;
	char *listing = NULL;

	/* It fails where it runs, which is not before the other has. */
	assert_int_equal(lab_build(lab,
				   "FROM base\nCOPY a /a\nCOPY d \\\n"
				   "  /a\n",
				   &listing, &err),
			 -1);
	assert_int_equal(err.first_line, 3);
	assert_int_equal(err.last_line, 4);
	expect_counts(lab, "FROM base\nCOPY a /a\n", 1, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, lab_teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_second_build_runs_nothing),
		TEST(results_survive_in_the_store),
		TEST(a_changed_file_runs_the_steps_below_it),
		TEST(times_and_files_not_copied_do_not_matter),
		TEST(a_stage_made_anew_with_equal_files_is_a_hit),
		TEST(steps_that_nobody_needs_are_not_run),
		TEST(no_cache_looks_nothing_up),
		TEST(equal_steps_of_one_build_run_once),
		TEST(one_failure_ends_the_build_and_names_its_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
