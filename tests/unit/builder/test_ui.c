/* Plain progress and excerpts, byte for byte where no time is involved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/ui/excerpt.h"
#include "builder/ui/progress.h"

/* What `mode` writes for the calls that `play` makes. */
static char *record(enum progress_mode mode, void (*play)(struct progress *))
{
	int fd = memfd_create("progress", 0);
	struct progress *p = NULL;
	struct error err = ERROR_INIT;
	static char text[65536];
	ssize_t len;

	assert_true(fd >= 0);
	assert_int_equal(progress_new(mode, fd, &p, &err), 0);
	play(p);
	progress_free(p);
	len = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	close(fd);
	return text;
}

static void play_two_steps(struct progress *p)
{
	unsigned a = progress_add(p, "[1/2] FROM x");
	unsigned b = progress_add(p, "[2/2] RUN\tmake");

	progress_start(p, a);
	progress_start(p, b);
	progress_output(p, b, "one\ntw", 6);
	progress_output(p, b, "o\nlast", 6);
	progress_end(p, a, PROGRESS_CACHED, NULL);
	progress_end(p, b, PROGRESS_ERROR, "exit code: 1");
}

static void plain_blocks_are_labelled_and_left(void **state)
{
	char *text = record(PROGRESS_PLAIN, play_two_steps);

	(void)state;
	assert_non_null(strstr(text, "#1 [1/2] FROM x\n#1 ...\n\n"
				     "#2 [2/2] RUN make\n#2 0.0"));
	assert_non_null(strstr(text, " one\n"));
	assert_non_null(strstr(text, " two\n"));
	assert_non_null(strstr(text, " last\n"));
	assert_non_null(strstr(text, "#1 CACHED\n"));
	assert_non_null(strstr(text, "#2 ERROR: exit code: 1\n"));
}

static void play_usage(struct progress *p)
{
	unsigned step = progress_add(p, "RUN make");

	progress_start(p, step);
	progress_output(p, step, "one", 3);
	progress_usage(p, step, 1254000, 34460000);
	progress_end(p, step, PROGRESS_DONE, NULL);
}

static void what_a_step_has_used_is_told_at_its_end(void **state)
{
	const char *text = record(PROGRESS_PLAIN, play_usage);

	(void)state;
	assert_non_null(strstr(text, " one\n#1 CPU 1.25s, memory 34.5MB\n"
				     "#1 DONE "));
}

static void play_long_line(struct progress *p)
{
	unsigned step = progress_add(p, "long");
	char piece[1000];
	int i;

	memset(piece, 'x', sizeof(piece));
	progress_start(p, step);
	for (i = 0; i < 50; i++)
		progress_output(p, step, piece, sizeof(piece));
	progress_end(p, step, PROGRESS_DONE, NULL);
}

static void no_byte_of_output_is_lost(void **state)
{
	const char *text = record(PROGRESS_PLAIN, play_long_line);
	size_t n = 0;

	(void)state;
	for (; *text; text++)
		n += *text == 'x';
	assert_int_equal(n, 50000);
}

static void the_failed_steps_last_lines_are_told_again(void **state)
{
	int fd = memfd_create("progress", 0);
	AUTO(progress_free) struct progress *p = NULL;
	struct error err = ERROR_INIT;
	autofree char *text = NULL;

	(void)state;
	assert_int_equal(progress_new(PROGRESS_QUIET, fd, &p, &err), 0);
	play_two_steps(p);
	text = progress_failure(p, 2);
	assert_string_equal(text, "------\n > [2/2] RUN make:\n"
				  "two\nlast\n------\n");
	close(fd);
}

static void play_transfers(struct progress *p)
{
	unsigned push = progress_add(p, "pushing x");

	progress_transfer(p, push, "sha256:a", 1000, 2500000, NULL);
	progress_transfer(p, push, "sha256:b", 700, 700, "already exists");
	progress_transfer(p, push, "sha256:a", 2500000, 2500000, NULL);
	/* Said once. */
	progress_transfer(p, push, "sha256:a", 2500000, 2500000, NULL);
	/* Begun again, for whatever reason. */
	progress_transfer(p, push, "sha256:a", 10, -1, NULL);
	progress_transfer(p, push, "sha256:a", 5000, 5000, NULL);
	progress_end(p, push, PROGRESS_DONE, NULL);
}

static void each_transfer_is_told_when_it_ends(void **state)
{
	const char *text = record(PROGRESS_PLAIN, play_transfers);

	(void)state;
	assert_non_null(strstr(text, "#1 pushing x\n"
				     "#1 sha256:b 700B / 700B already exists\n"
				     "#1 sha256:a 2.5MB / 2.5MB 0."));
	text = strstr(text, "2.5MB / 2.5MB");
	assert_null(strstr(text + 1, "2.5MB / 2.5MB"));
	assert_non_null(strstr(text, "\n#1 sha256:a 5.0kB / 5.0kB 0."));
}

static void quiet_progress_writes_nothing(void **state)
{
	(void)state;
	assert_string_equal(record(PROGRESS_QUIET, play_two_steps), "");
}

static const char dockerfile[] = "FROM a\nWORKDIR /x\nCOPY b ./\nRUN c\nRUN d";

static void append(struct buf *out, const char *name, const char *text,
		   int first_line, int last_line)
{
	struct excerpt_source source = excerpt_source(name, text, strlen(text));

	excerpt_append(out, &source, first_line, last_line);
}

static void an_excerpt_marks_the_lines_to_blame(void **state)
{
	AUTO(buf_release) struct buf out = BUF_INIT;

	(void)state;
	append(&out, "Dockerfile", dockerfile, 3, 3);
	assert_string_equal(out.data, "Dockerfile:3\n"
				      "    1 | FROM a\n"
				      "    2 | WORKDIR /x\n"
				      "    3 | COPY b ./\n"
				      "      | ^^^^^^^^^\n"
				      "    4 | RUN c\n"
				      "    5 | RUN d\n");
}

static void an_excerpt_ends_where_the_file_does(void **state)
{
	AUTO(buf_release) struct buf out = BUF_INIT, none = BUF_INIT;

	(void)state;
	append(&out, "D", dockerfile, 5, 9);
	assert_string_equal(out.data, "D:5\n    4 | RUN c\n    5 | RUN d\n"
				      "      | ^^^^^\n");
	append(&none, "D", "", 1, 1);
	assert_int_equal(none.len, 0);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	AUTO(buf_release) struct buf out = BUF_INIT;

	(void)state;
	append(&out, "D", "RUN \033[2J", 1, 1);
	assert_null(strchr(out.data, '\033'));
}

static void a_long_excerpt_is_cut(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT, out = BUF_INIT;
	int i;

	(void)state;
	for (i = 1; i <= 100; i++)
		buf_append_str(&text, "x\n");
	append(&out, "D", text.data, 50, 100);
	assert_non_null(strstr(out.data, "   59 | x\n      | ^\n"
					 "      | (and 41 more lines)\n"));
	assert_null(strstr(out.data, "60"));
}

/* Looking at each line once must not read the file for each. */
static void ascending_lines_are_found_where_the_last_search_ended(void **state)
{
	struct excerpt_source source =
		excerpt_source("D", dockerfile, strlen(dockerfile));
	AUTO(buf_release) struct buf out = BUF_INIT;

	(void)state;
	excerpt_append(&out, &source, 5, 5);
	assert_int_equal(source.line, 3);
	assert_ptr_equal(source.at, strstr(dockerfile, "COPY"));
	excerpt_append(&out, &source, 5, 5);
	excerpt_append(&out, &source, 1, 1);
	assert_string_equal(out.data,
			    "D:5\n    3 | COPY b ./\n    4 | RUN c\n"
			    "    5 | RUN d\n      | ^^^^^\n"
			    "D:5\n    3 | COPY b ./\n    4 | RUN c\n"
			    "    5 | RUN d\n      | ^^^^^\n"
			    "D:1\n    1 | FROM a\n      | ^^^^^^\n"
			    "    2 | WORKDIR /x\n    3 | COPY b ./\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_blocks_are_labelled_and_left),
		cmocka_unit_test(no_byte_of_output_is_lost),
		cmocka_unit_test(what_a_step_has_used_is_told_at_its_end),
		cmocka_unit_test(the_failed_steps_last_lines_are_told_again),
		cmocka_unit_test(each_transfer_is_told_when_it_ends),
		cmocka_unit_test(quiet_progress_writes_nothing),
		cmocka_unit_test(an_excerpt_marks_the_lines_to_blame),
		cmocka_unit_test(an_excerpt_ends_where_the_file_does),
		cmocka_unit_test(a_long_excerpt_is_cut),
		cmocka_unit_test(
			ascending_lines_are_found_where_the_last_search_ended),
		cmocka_unit_test(control_characters_do_not_reach_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
