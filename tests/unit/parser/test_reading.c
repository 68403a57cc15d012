/*
 * How text becomes instructions, one table for each topic of the language:
 * lines, directives, keywords and flags, arguments, heredocs. Whole trees with
 * their positions are in testdata/parser/valid/, refusals in invalid/.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/dockerfile.h"
#include "store/base/buf.h"

/*
 * An instruction as "NAME --flag [arg] [arg] <<NAME:body": "json" stands before
 * the arguments of the JSON form, "'" before a quoted delimiter, "-" before a
 * chomped one, and a heredoc's number where there is one.
 */
static void show(struct buf *out, const struct instruction *in)
{
	size_t i;

	buf_append_str(out, instruction_name(in->kind));
	for (i = 0; i < in->flags.len; i++)
		buf_printf(out, " %s", in->flags.items[i]);
	if (in->json)
		buf_append_str(out, " json");
	for (i = 0; i < in->args.len; i++)
		buf_printf(out, " [%s]", in->args.items[i]);
	for (i = 0; i < in->n_heredocs; i++) {
		const struct heredoc *doc = &in->heredocs[i];

		buf_append_char(out, ' ');
		if (doc->fd)
			buf_printf(out, "%d", doc->fd);
		buf_printf(out, "<<%s%s%s:%s", doc->chomp ? "-" : "",
			   doc->expand ? "" : "'", doc->name, doc->content);
	}
	if (in->onbuild) {
		buf_append_char(out, ' ');
		show(out, in->onbuild);
	}
}

struct row {
	const char *text; /* what follows a "FROM a" */
	const char *tree; /* without it; of a refusal: "LINE: message" */
};

static void read_text(struct buf *out, const char *text, size_t skipped)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;
	size_t i;

	buf_append_str(out, "");
	if (dockerfile_parse(text, strlen(text), &df, &err) < 0 ||
	    dockerfile_check(df, &err) < 0) {
		buf_printf(out, "%d: %s", err.first_line, err.text);
		return;
	}
	for (i = skipped; i < df->len; i++) {
		if (out->len)
			buf_append_str(out, "; ");
		show(out, &df->instructions[i]);
	}
}

static void assert_reads(const struct row *rows, size_t count,
			 const char *before)
{
	size_t i;

	for (i = 0; i < count; i++) {
		AUTO(buf_release) struct buf text = BUF_INIT, got = BUF_INIT;

		buf_printf(&text, "%s%s", before, rows[i].text);
		read_text(&got, text.data, *before ? 1 : 0);
		if (strcmp(got.data, rows[i].tree) != 0)
			fail_msg("%s\nis: %s\nnot: %s", text.data, got.data,
				 rows[i].tree);
	}
}

/* Most rows stand in a stage. */
static void assert_in_stage(const struct row *rows, size_t count)
{
	assert_reads(rows, count, "FROM a\n");
}

static void lines_are_joined_and_comments_dropped(void **state)
{
	static const struct row rows[] = {
		/* Line ends, blanks at the start. */
		{ "RUN x\r\nRUN y\r\n", "RUN [x]; RUN [y]" },
		{ " \t RUN x", "RUN [x]" },
		{ "RUN a\\\n   b\n", "RUN [a   b]" },
		/* Comments. */
		{ "RUN a # b\n", "RUN [a # b]" },
		{ "  # x\nRUN a\n", "RUN [a]" },
		{ "# x \\\nRUN a\n", "RUN [a]" },
		{ "RUN a \\\n  # x \\\nb\n", "RUN [a b]" },
		{ "RUN echo \\\n# x\nx\n", "RUN [echo x]" },
		{ "RUN a \\\n#x\n\n# y\nb\n", "RUN [a b]" },
		{ "RUN <<E\n# x\nE\n", "RUN [<<E] <<E:# x\n" },
		/* Continuations. */
		{ "RUN a \\ \t\nb\n", "RUN [a b]" },
		{ "RUN a\\\nb\n", "RUN [ab]" },
		{ "RUN a \\\\\nRUN b\n", "RUN [a \\\\]; RUN [b]" },
		{ "RUN a\\\n\\\nb\n", "RUN [ab]" },
		{ "RUN a\\\n\n  \nb\n", "RUN [ab]" },
		{ "RUN a \\", "RUN [a]" },
		{ "RUN a \\\n", "RUN [a]" },
		{ "RUN a \\\n\n\n", "RUN [a]" },
		{ "RUN echo \"a \\\n   b\"\n", "RUN [echo \"a    b\"]" },
		{ "\\\nRUN a\n", "RUN [a]" },
		/* A mark only stands at the very beginning. */
		{ "\xef\xbb\xbfRUN x\n",
		  "2: unknown instruction: \xef\xbb\xbfRUN (a line that goes "
		  "on needs a \"\\\" at the end of the one above it)" },
	};

	(void)state;
	assert_in_stage(rows, ARRAY_LEN(rows));
}

/* The backquote continues the RUN where the directive holds. */
#define SAYS	     "FROM a\nRUN b`\nRUN c\n"
#define HOLDS	     "FROM [a]; RUN [bRUN c]"
#define IS_A_COMMENT "FROM [a]; RUN [b`]; RUN [c]"

static void directives_stand_at_the_top(void **state)
{
	static const struct row rows[] = {
		{ "# escape=`\n" SAYS, HOLDS },
		{ "#escape=`\n" SAYS, HOLDS },
		{ "# EsCape \t= ` \n" SAYS, HOLDS },
		{ "\xef\xbb\xbf# escape=`\r\n" SAYS, HOLDS },
		{ "# syntax=x y\n# check=skip=all\n# escape=`\n" SAYS, HOLDS },
		{ "\n# escape=`\n" SAYS, IS_A_COMMENT },
		{ "# a comment\n# escape=`\n" SAYS, IS_A_COMMENT },
		{ "# unknown=x\n# escape=`\n" SAYS, IS_A_COMMENT },
		{ "# \\\n# escape=`\n" SAYS, IS_A_COMMENT },
		{ "# escape\n# escape=`\n" SAYS, IS_A_COMMENT },
		{ "#!/x\n# escape=`\n" SAYS, IS_A_COMMENT },
		{ "# check=a=b\n#!/x\n# check=c=d\n# escape=`\n" SAYS,
		  IS_A_COMMENT },
		{ "FROM a\n# escape=`\nRUN b`\nRUN c\n", IS_A_COMMENT },
		{ "# escape=\n" SAYS, IS_A_COMMENT },
		{ "# escape=``\n" SAYS,
		  "1: invalid escape token '``' does not match ` or \\" },
		/* Only line ends of RUN know the escape. */
		{ "# escape=`\nFROM a\nRUN a` b\\\n",
		  "FROM [a]; RUN [a` b\\]" },
		{ "# escape=`\nFROM a\nCOPY a `\nC:\\b\\\n",
		  "FROM [a]; COPY [a] [C:\\b\\]" },
	};

	(void)state;
	assert_reads(rows, ARRAY_LEN(rows), "");
}

static void keywords_and_flags_are_split_off(void **state)
{
	static const struct row rows[] = {
		{ "RUN\tx", "RUN [x]" },
		{ "RUN\v\fx", "RUN [x]" },
		{ "run x\nRuN y\n", "RUN [x]; RUN [y]" },
		{ "COPY --chown=\"a b\" x y", "COPY --chown=a b [x] [y]" },
		{ "COPY --ch'ow'n=a\\ b x y", "COPY --chown=a b [x] [y]" },
		{ "COPY --exclude='a\"b' x y", "COPY --exclude=a\"b [x] [y]" },
		{ "RUN -- --mount x", "RUN [--mount x]" },
		{ "COPY --link -- --a b", "COPY --link [--a] [b]" },
		{ "RUN a --mount=x", "RUN [a --mount=x]" },
		{ "RUN -x", "RUN [-x]" },
		{ "COPY --link --parents=TRUE a b",
		  "COPY --link --parents=TRUE [a] [b]" },
		{ "COPY --exclude=a --exclude=b a b",
		  "COPY --exclude=a --exclude=b [a] [b]" },
		{ "RUN --mount=type=ssh --mount=type=tmpfs,target=/x a",
		  "RUN --mount=type=ssh --mount=type=tmpfs,target=/x [a]" },
		{ "RUN --device=a/b=c --device=d/e=f x",
		  "RUN --device=a/b=c --device=d/e=f [x]" },
		{ "RUN --network=none --network=host x",
		  "2: duplicate flag specified: --network" },
		{ "HEALTHCHECK --retries CMD x",
		  "2: missing a value on flag: --retries (write "
		  "--retries=VALUE)" },
	};

	(void)state;
	assert_in_stage(rows, ARRAY_LEN(rows));
}

static void arguments_are_read_by_kind(void **state)
{
	static const struct row rows[] = {
		/* JSON or the raw text. */
		{ "RUN  [ \"a\" , \"b c\" ] ", "RUN json [a] [b c]" },
		{ "CMD []", "CMD json" },
		{ "ENTRYPOINT [\"a\\\\b\\u00e4\"]",
		  "ENTRYPOINT json [a\\b\xc3\xa4]" },
		{ "CMD ['a','b']", "CMD [['a','b']]" },
		{ "CMD [\"a\"", "CMD [[\"a\"]" },
		{ "CMD [\"a\"] x", "CMD [[\"a\"] x]" },
		{ "CMD [\"a\\b\"]", "CMD json [a\b]" },
		{ "CMD [\"C:\\dir\"]", "CMD [[\"C:\\dir\"]]" },
		{ "RUN [\"a\", 1]", "2: when using JSON array syntax, arrays "
				    "must be comprised of strings only" },
		{ "HEALTHCHECK CMD [\"a\"]", "HEALTHCHECK json [CMD] [a]" },
		{ "HEALTHCHECK cmd a  b", "HEALTHCHECK [cmd] [a  b]" },
		/* JSON or blank-split, without quoting. */
		{ "COPY [\"a b\", \"/x/\"]", "COPY json [a b] [/x/]" },
		{ "ADD 'a b' c",
		  "2: unexpected end of statement while looking for "
		  "matching single-quote" },
		{ "VOLUME /a\t/b", "VOLUME [/a] [/b]" },
		{ "VOLUME [\"/a b\"]", "VOLUME json [/a b]" },
		{ "EXPOSE 1  2/udp", "EXPOSE [1] [2/udp]" },
		/* The whole rest. */
		{ "MAINTAINER a  b", "MAINTAINER [a  b]" },
		{ "WORKDIR /a  b ", "WORKDIR [/a  b]" },
		{ "USER a b", "USER [a b]" },
		/* Pairs. */
		{ "ENV a=b\\ c d=\"e f\" g='h i'",
		  "ENV [a] [b\\ c] [d] [\"e f\"] [g] ['h i']" },
		{ "ENV a='x\\' b=y", "ENV [a] ['x\\'] [b] [y]" },
		{ "ENV a=\"\" b=", "ENV [a] [\"\"] [b] []" },
		{ "ENV a=b=c", "ENV [a] [b=c]" },
		{ "ENV a b=c \"d\"", "ENV [a] [b=c \"d\"]" },
		{ "LABEL a  b  c", "LABEL [a] [b  c]" },
		{ "LABEL \"a b\"=c", "LABEL [\"a b\"] [c]" },
		{ "ARG a b=c \"d=e f\"", "ARG [a] [b=c] [\"d=e f\"]" },
		/* A trigger. */
		{ "ONBUILD copy --link a b", "ONBUILD COPY --link [a] [b]" },
		{ "onbuild env a b", "ONBUILD ENV [a] [b]" },
	};

	(void)state;
	assert_in_stage(rows, ARRAY_LEN(rows));
}

static void heredocs_are_found(void **state)
{
	static const struct row rows[] = {
		{ "RUN <<E\na\nE\n", "RUN [<<E] <<E:a\n" },
		{ "RUN << E\na\nE\n", "RUN [<< E] <<E:a\n" },
		{ "RUN cat <<E 3<<F\na\nE\nb\nF\n",
		  "RUN [cat <<E 3<<F] <<E:a\n 3<<F:b\n" },
		{ "RUN <<-E\n\ta\n\t\tE\n", "RUN [<<-E] <<-E:\ta\n" },
		{ "RUN <<E\nE\r\n", "RUN [<<E] <<E:" },
		{ "RUN <<E\na\r\nE\r\n", "RUN [<<E] <<E:a\r\n" },
		{ "RUN a \\\n <<E \\\n b\nx\nE\nRUN y\n",
		  "RUN [a  <<E  b] <<E:x\n; RUN [y]" },
		/* Quoted delimiters. */
		{ "RUN <<'one two'\na\none two\n",
		  "RUN [<<'one two'] <<'one two:a\n" },
		{ "RUN <<eo'f'\na\neof\n", "RUN [<<eo'f'] <<'eof:a\n" },
		{ "RUN <<\"E\"\nE\n", "RUN [<<\"E\"] <<'E:" },
		{ "RUN <<\\E\nE\n", "RUN [<<\\E] <<'E:" },
		{ "RUN <<$EOF\na\n$EOF\n", "RUN [<<$EOF] <<$EOF:a\n" },
		/* What only looks like it. */
		{ "RUN cat <<<E\n", "RUN [cat <<<E]" },
		{ "RUN echo \"<<E\"\n", "RUN [echo \"<<E\"]" },
		{ "RUN [\"a\", \"<<E\"]\n", "RUN json [a] [<<E]" },
		{ "RUN echo $((1 << 2))\n", "RUN [echo $((1 << 2))]" },
		{ "CMD cat <<E\n", "CMD [cat <<E]" },
		{ "ENV a <<E\n", "ENV [a] [<<E]" },
		/* Where they may stand. */
		{ "COPY <<a <<b /x/\n1\na\n2\nb\n",
		  "COPY [<<a] [<<b] [/x/] <<a:1\n <<b:2\n" },
		{ "ADD x <<a /x/\n1\na\n", "ADD [x] [<<a] [/x/] <<a:1\n" },
		{ "ONBUILD RUN <<E\na\nE\n", "ONBUILD RUN [<<E] <<E:a\n" },
		{ "ONBUILD COPY <<E /x\na\nE\n",
		  "ONBUILD COPY [<<E] [/x] <<E:a\n" },
		{ "COPY a <<E\nE\n",
		  "2: COPY cannot accept a heredoc as a destination" },
	};

	(void)state;
	assert_in_stage(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_joined_and_comments_dropped),
		cmocka_unit_test(directives_stand_at_the_top),
		cmocka_unit_test(keywords_and_flags_are_split_off),
		cmocka_unit_test(arguments_are_read_by_kind),
		cmocka_unit_test(heredocs_are_found),
	};

	return cmocka_run_group_tests_name("reading", tests, NULL, NULL);
}
