#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/dockerfile.h"
#include "parser/healthcheck.h"
#include "store/base/buf.h"

static struct dockerfile *parse(const char *text)
{
	struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;

	if (dockerfile_parse(text, strlen(text), &df, &err) < 0)
		fail_msg("line %d: %s", err.first_line, err.text);
	return df;
}

static void the_text_is_the_joined_instruction(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df = parse(
		"FROM a\n  RUN --network=none a \\\n b  \nonbuild  RUN x\n");

	(void)state;
	assert_string_equal(df->instructions[1].text,
			    "RUN --network=none a  b");
	assert_string_equal(df->instructions[2].keyword, "onbuild");
	assert_string_equal(df->instructions[2].onbuild->text, "RUN x");
}

static void comments_belong_to_the_next_instruction(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("# syntax=x\n#  one \n#\nFROM a\n# lost\n\nRUN a \\\n"
		      "# inner\n b\n# last\nRUN c\n");
	const struct instruction *in = df->instructions;

	(void)state;
	assert_int_equal(in[0].comments.len, 2);
	assert_string_equal(in[0].comments.items[0], "one");
	assert_string_equal(in[0].comments.items[1], "");
	assert_int_equal(in[1].comments.len, 0);
	assert_int_equal(in[2].comments.len, 1);
	assert_string_equal(in[2].comments.items[0], "last");
}

static void blank_lines_in_continuations_are_noticed(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("FROM a\nRUN a \\\n\n b\nRUN a \\\n# x\n b\n");

	(void)state;
	assert_true(df->instructions[1].empty_continuation);
	assert_false(df->instructions[2].empty_continuation);
}

static void a_lone_heredoc_is_a_script(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("FROM a\nRUN <<E\nx\nE\nRUN << 'E'\nx\nE\n"
		      "RUN cat <<E\nx\nE\nRUN <<E <<F\nE\nF\n"
		      "RUN --network=none <<E\nE\n");
	const struct instruction *in = df->instructions;

	(void)state;
	assert_true(in[1].script);
	assert_true(in[2].script);
	assert_false(in[3].script);
	assert_false(in[4].script);
	assert_true(in[5].script);
}

static void heredocs_know_their_argument(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("FROM a\nCOPY x <<A y << 'B C' /d/\nA\nB C\n");
	const struct instruction *in = &df->instructions[1];

	(void)state;
	assert_null(instruction_heredoc_of(in, 0));
	assert_string_equal(instruction_heredoc_of(in, 1)->name, "A");
	assert_null(instruction_heredoc_of(in, 2));
	assert_string_equal(instruction_heredoc_of(in, 3)->name, "B C");
	assert_string_equal(in->args.items[3], "<<'B C'");
	assert_null(instruction_heredoc_of(in, 4));
}

static void chomped_bodies_lose_their_tabs(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("FROM a\nRUN <<-A <<B\n\t\ta\n b\tc\n\n\tA\n\tx\nB\n");
	const struct heredoc *docs = df->instructions[1].heredocs;
	autofree char *chomped = NULL, *plain = NULL;
	struct error err = ERROR_INIT;
	size_t len;

	(void)state;
	assert_string_equal(docs[0].content, "\t\ta\n b\tc\n\n");
	chomped = heredoc_body(&docs[0], &len, &err);
	assert_string_equal(chomped, "a\n b\tc\n\n");
	assert_int_equal(len, 8);
	plain = heredoc_body(&docs[1], &len, &err);
	assert_string_equal(plain, "\tx\n");
}

static void a_composed_run_gets_its_heredocs_back(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("FROM a\nONBUILD RUN cat <<A 3<<B\na\nA\nb\nB\n");
	const struct instruction *in = df->instructions[1].onbuild;
	AUTO(dockerfile_free) struct dockerfile *again = NULL;
	struct error err = ERROR_INIT;
	autofree char *text = NULL;

	(void)state;
	text = instruction_with_heredocs(in, in->text, &err);
	assert_string_equal(text, "RUN cat <<A 3<<B\na\nA\nb\nB");
	assert_int_equal(dockerfile_parse_trigger(text, &again, &err), 0);
	assert_string_equal(again->instructions[0].heredocs[1].content, "b\n");
	assert_int_equal(again->instructions[0].heredocs[1].fd, 3);
}

static void triggers_are_single_and_allowed_instructions(void **state)
{
	static const char *const bad[] = {
		"RUN a\nRUN b", "FROM x",	 "MAINTAINER x", "",
		"ONBUILD X",	"ONBUILD RUN x", "nonsense",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct dockerfile *df = NULL;
		struct error err = ERROR_INIT;

		assert_int_equal(dockerfile_parse_trigger(bad[i], &df, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_DOCKERFILE);
	}
}

static void flags_are_found_by_name(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df =
		parse("FROM a\nCOPY --link --parents=FALSE --chown=a --chown=b "
		      "--chmod= x y\nCOPY --link=maybe x y\n");
	const struct instruction *in = &df->instructions[1];
	struct error err = ERROR_INIT;
	bool value = false;

	(void)state;
	assert_string_equal(instruction_flag(in, "chown"), "b");
	assert_string_equal(instruction_flag(in, "chmod"), "");
	assert_string_equal(instruction_flag(in, "link"), "");
	assert_null(instruction_flag(in, "from"));
	assert_null(instruction_flag(in, "lin"));
	assert_int_equal(instruction_flag_bool(in, "link", &value, &err), 0);
	assert_true(value);
	assert_int_equal(instruction_flag_bool(in, "parents", &value, &err), 0);
	assert_false(value);
	in = &df->instructions[2];
	assert_int_equal(instruction_flag_bool(in, "link", &value, &err), -1);
	assert_string_equal(err.text, "expecting boolean value for flag "
				      "--link, not: maybe");
}

static void healthchecks_are_read_whole(void **state)
{
	AUTO(dockerfile_free)
	struct dockerfile *df = parse(
		"FROM a\nHEALTHCHECK --interval=1m30s --timeout=500ms "
		"--start-period=0 --start-interval=1.5s --retries=4 CMD x\n"
		"HEALTHCHECK none\n");
	struct healthcheck h = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(healthcheck_parse(&df->instructions[1], &h, &err), 0);
	assert_false(h.none);
	assert_int_equal(h.interval_ns, 90000000000);
	assert_int_equal(h.timeout_ns, 500000000);
	assert_int_equal(h.start_period_ns, 0);
	assert_int_equal(h.start_interval_ns, 1500000000);
	assert_int_equal(h.retries, 4);
	assert_int_equal(healthcheck_parse(&df->instructions[2], &h, &err), 0);
	assert_true(h.none);
}

static void errors_name_all_lines_of_the_instruction(void **state)
{
	static const char text[] = "FROM a\nENV \\\n\\\n x\nRUN b\n";
	struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(dockerfile_parse(text, strlen(text), &df, &err), -1);
	assert_int_equal(err.first_line, 2);
	assert_int_equal(err.last_line, 4);
}

/* Lines of exactly the limit are read, one byte more is not. */
static void the_longest_line_is_65535_bytes(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	struct dockerfile *none = NULL;
	struct error err = ERROR_INIT;
	size_t i;

	(void)state;
	buf_append_str(&text, "FROM a\nRUN ");
	for (i = 4; i < 65535; i++)
		buf_append_char(&text, 'x');
	buf_append_char(&text, '\n');
	assert_int_equal(dockerfile_parse(text.data, text.len, &df, &err), 0);
	buf_truncate(&text, text.len - 1);
	buf_append_str(&text, "x\n");
	assert_int_equal(dockerfile_parse(text.data, text.len, &none, &err),
			 -1);
	assert_int_equal(err.first_line, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_is_the_joined_instruction),
		cmocka_unit_test(comments_belong_to_the_next_instruction),
		cmocka_unit_test(blank_lines_in_continuations_are_noticed),
		cmocka_unit_test(a_lone_heredoc_is_a_script),
		cmocka_unit_test(heredocs_know_their_argument),
		cmocka_unit_test(chomped_bodies_lose_their_tabs),
		cmocka_unit_test(a_composed_run_gets_its_heredocs_back),
		cmocka_unit_test(triggers_are_single_and_allowed_instructions),
		cmocka_unit_test(flags_are_found_by_name),
		cmocka_unit_test(healthchecks_are_read_whole),
		cmocka_unit_test(errors_name_all_lines_of_the_instruction),
		cmocka_unit_test(the_longest_line_is_65535_bytes),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
