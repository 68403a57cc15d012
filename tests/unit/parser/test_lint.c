#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/lint.h"
#include "store/base/buf.h"

/* All warnings as "Rule: message (line N)" lines; advice has its own tests. */
static char *lint_text(const char *text, const struct lint_facts *facts)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	size_t i;

	if (dockerfile_parse(text, strlen(text), &df, &err) < 0 ||
	    dockerfile_check(df, &err) < 0 ||
	    lint(df, facts, &report, &err) < 0)
		fail_msg("line %d: %s", err.first_line, err.text);
	for (i = 0; i < report.len; i++)
		if (!report.items[i].advice)
			buf_printf(&out, "%s: %s (line %d)\n",
				   lint_rule_info(report.items[i].rule)->name,
				   report.items[i].message,
				   report.items[i].first_line);
	return buf_steal(&out);
}

struct row {
	const char *text;
	const char *found;
};

static void assert_findings(const struct row *rows, size_t count,
			    const struct lint_facts *facts)
{
	const struct lint_facts none = { 0 };
	size_t i;

	for (i = 0; i < count; i++) {
		autofree char *got =
			lint_text(rows[i].text, facts ? facts : &none);

		if (strcmp(got, rows[i].found) != 0)
			fail_msg("%s\nfound:\n%s", rows[i].text, got);
	}
}

static void clean_files_have_no_findings(void **state)
{
	static const struct row rows[] = {
		{ "ARG V=1\nFROM debian:$V AS base\nWORKDIR /x\nRUN make\n"
		  "FROM base\nENV A=1\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\n",
		  "" },
		{ "from scratch as a\ncopy x y\n", "" },
		{ "FROM scratch\nSHELL [\"/bin/x\"]\nCMD a\nENTRYPOINT b\n",
		  "" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void stage_names_are_judged(void **state)
{
	static const struct row rows[] = {
		{ "FROM a AS Build\n",
		  "StageNameCasing: Stage name 'Build' should be lowercase "
		  "(line 1)\n" },
		{ "FROM a as b\nRUN x\n",
		  "FromAsCasing: 'as' and 'FROM' keywords' casing do not match "
		  "(line 1)\n" },
		{ "from a AS b\n",
		  "FromAsCasing: 'AS' and 'from' keywords' casing do not match "
		  "(line 1)\n" },
		{ "FROM a AS b\nFROM c AS b\n",
		  "DuplicateStageName: Duplicate stage name \"b\", stage names "
		  "should be unique (line 2)\n" },
		{ "FROM a AS scratch\n",
		  "ReservedStageName: Stage name should not use the same name "
		  "as reserved stage \"scratch\" (line 1)\n" },
		{ "FROM a AS context\n",
		  "ReservedStageName: Stage name should not use the same name "
		  "as reserved stage \"context\" (line 1)\n" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void the_text_is_judged(void **state)
{
	static const struct row rows[] = {
		{ "FROM a\nRUN x \\\n\n  y\n",
		  "NoEmptyContinuation: Empty continuation line (line 4)\n" },
		{ "FROM a\nrun x\nRUN y\n",
		  "ConsistentInstructionCasing: Command 'run' should match the "
		  "case of the command majority (uppercase) (line 2)\n" },
		{ "from a\nrun x\nRUN y\n",
		  "ConsistentInstructionCasing: Command 'RUN' should match the "
		  "case of the command majority (lowercase) (line 3)\n" },
		{ "FROM a\nRuN x\n",
		  "ConsistentInstructionCasing: Command 'RuN' should match the "
		  "case of the command majority (uppercase) (line 2)\n" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void commands_are_judged(void **state)
{
	static const struct row rows[] = {
		{ "FROM a\nCMD x\n",
		  "JSONArgsRecommended: JSON arguments recommended for CMD to "
		  "prevent unintended behavior related to OS signals (line "
		  "2)\n" },
		{ "FROM a\nENTRYPOINT x\n",
		  "JSONArgsRecommended: JSON arguments recommended for "
		  "ENTRYPOINT to prevent unintended behavior related to OS "
		  "signals (line 2)\n" },
		{ "FROM a\nMAINTAINER x\n",
		  "MaintainerDeprecated: Maintainer instruction is deprecated "
		  "in favor of using label (line 2)\n" },
		{ "FROM a\nCMD [\"x\"]\nCMD [\"y\"]\nCMD [\"z\"]\nFROM b\n"
		  "CMD [\"x\"]\n",
		  "MultipleInstructionsDisallowed: Multiple CMD instructions "
		  "should not be used in the same stage because only the last "
		  "one will be used (line 2)\n"
		  "MultipleInstructionsDisallowed: Multiple CMD instructions "
		  "should not be used in the same stage because only the last "
		  "one will be used (line 3)\n" },
		{ "FROM a\nHEALTHCHECK NONE\nHEALTHCHECK CMD [\"x\"]\n",
		  "MultipleInstructionsDisallowed: Multiple HEALTHCHECK "
		  "instructions should not be used in the same stage because "
		  "only the last one will be used (line 2)\n" },
		{ "FROM a\nENV k v\nLABEL k v\n",
		  "LegacyKeyValueFormat: \"ENV key=value\" should be used "
		  "instead of legacy \"ENV key value\" format (line 2)\n"
		  "LegacyKeyValueFormat: \"LABEL key=value\" should be used "
		  "instead of legacy \"LABEL key value\" format (line 3)\n" },
		{ "FROM a\nEXPOSE 80/TCP 8080:81\n",
		  "ExposeProtoCasing: Defined protocol '80/TCP' in EXPOSE "
		  "instruction should be lowercase (line 2)\n"
		  "ExposeInvalidFormat: EXPOSE instruction should not define "
		  "an IP address or host-port mapping, found '8080:81' (line "
		  "2)\n" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void workdirs_need_something_absolute(void **state)
{
	static const struct row rows[] = {
		{ "FROM a\nWORKDIR x\nWORKDIR /y\nWORKDIR z\n",
		  "WorkdirRelativePath: Relative workdir \"x\" can have "
		  "unexpected results if the base image changes (line 2)\n" },
		{ "FROM a AS b\nWORKDIR /y\nFROM b\nWORKDIR z\n", "" },
		{ "FROM a\nENV D=/d\nWORKDIR $D\nWORKDIR z\n", "" },
		{ "FROM a\nWORKDIR $FROM_BASE\n", "" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void secrets_are_known_by_their_names(void **state)
{
	static const struct row rows[] = {
		{ "FROM a\nENV API_KEY=1 MONKEY=2\nARG my_password\n",
		  "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions "
		  "for sensitive data (ENV \"API_KEY\") (line 2)\n"
		  "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions "
		  "for sensitive data (ARG \"my_password\") (line 3)\n" },
		{ "FROM a\nENV PUBLIC_KEY=1 TOKEN_FILE=2 KEY_VERSION=3\n", "" },
		{ "FROM a\nENV TOKEN=1\n",
		  "SecretsUsedInArgOrEnv: Do not use ARG or ENV instructions "
		  "for sensitive data (ENV \"TOKEN\") (line 2)\n" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void arguments_of_from_are_judged(void **state)
{
	static const struct row rows[] = {
		{ "ARG VERSION=1\nFROM a:${VERSIN}\n",
		  "UndefinedArgInFrom: FROM argument 'VERSIN' is not declared "
		  "(did you mean VERSION?) (line 2)\n"
		  "InvalidDefaultArgInFrom: Default value for ARG a:${VERSIN} "
		  "results in empty or invalid base image name (line 2)\n" },
		{ "ARG TAG\nFROM a:$TAG\n",
		  "InvalidDefaultArgInFrom: Default value for ARG a:$TAG "
		  "results in empty or invalid base image name (line 2)\n" },
		{ "ARG TAG\nFROM a:${TAG:-x}\n", "" },
		{ "FROM a-$TARGETARCH\n", "" },
		{ "FROM --platform=$BUILDPLATFORM a\n", "" },
		{ "FROM --platform=$TARGETPLATFORM a\n",
		  "RedundantTargetPlatform: Setting platform to predefined "
		  "$TARGETPLATFORM in FROM is redundant as this is the default "
		  "behavior (line 1)\n" },
		{ "FROM --platform=linux/amd64 a AS x\n",
		  "FromPlatformFlagConstDisallowed: FROM --platform flag "
		  "should not use constant value \"linux/amd64\" (line 1)\n" },
		{ "FROM --platform=linux/amd64 a AS build_amd64\n", "" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static void variables_are_judged_where_all_are_known(void **state)
{
	static const struct row rows[] = {
		{ "FROM scratch\nENV NAME=1\nLABEL a=$NAM b=$PATH c=$NAM\n",
		  "UndefinedVar: Usage of undefined variable '$NAM' (did you "
		  "mean $NAME?) (line 3)\n" },
		{ "FROM scratch\nENV A=1 B=$A\n",
		  "UndefinedVar: Usage of undefined variable '$A' (line 2)\n" },
		{ "FROM scratch\nARG A=1 B=$A\nCOPY $B ${C:-d} /e\n", "" },
		{ "FROM scratch\nARG A\nLABEL x=$A y=$http_proxy\n", "" },
		{ "FROM scratch\nCOPY <<E /x\n$NOPE\nE\n",
		  "UndefinedVar: Usage of undefined variable '$NOPE' (line "
		  "2)\n" },
		{ "FROM scratch\nRUN echo $NOPE\n", "" },
		{ "FROM alpine\nLABEL x=$NOPE\n", "" },
		{ "FROM scratch AS a\nENV ONE=1\nFROM a\nLABEL x=$ONE y=$TWO\n",
		  "UndefinedVar: Usage of undefined variable '$TWO' (line "
		  "4)\n" },
		{ "ARG G=1\nFROM scratch\nLABEL x=$G\n",
		  "UndefinedVar: Usage of undefined variable '$G' (line 3)\n" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
}

static const struct strv *base_env(void *ctx, size_t stage)
{
	return stage == 0 ? ctx : NULL;
}

static void facts_of_the_build_are_used(void **state)
{
	static const struct row rows[] = {
		{ "FROM alpine\nLABEL a=$LANG b=$NOPE\n",
		  "UndefinedVar: Usage of undefined variable '$NOPE' (line "
		  "2)\n" },
		{ "FROM alpine\nCOPY x.o y.c /z/\nADD http://h/x.o <<E /\nE\n"
		  "COPY --from=b x.o /\n",
		  "CopyIgnoredFile: Attempting to COPY file \"x.o\" that is "
		  "excluded by .dockerignore (line 2)\n" },
		{ "FROM alpine\nFROM scratch\nLABEL a=$NOPE\n", "" },
	};
	static const bool needed[] = { true, false };
	AUTO(strv_release) struct strv env = STRV_INIT, ignored = STRV_INIT;
	struct lint_facts facts = {
		.ignore_patterns = &ignored,
		.needed = needed,
		.base_env = base_env,
		.ctx = &env,
	};

	(void)state;
	strv_append(&env, "LANG=C");
	strv_append(&ignored, "*.o");
	assert_findings(rows, ARRAY_LEN(rows), &facts);
	/* Exceptions could bring anything back. */
	strv_append(&ignored, "!x.o");
	assert_findings(&(struct row){ "FROM a\nCOPY y.o /\n", "" }, 1, &facts);
}

static bool third_is_foreign(void *ctx, size_t stage, const char **is,
			     const char **wanted)
{
	(void)ctx;
	*is = "linux/arm64";
	*wanted = "linux/amd64";
	return stage == 2;
}

static void base_images_are_of_the_platform(void **state)
{
	static const struct lint_facts facts = {
		.base_is_foreign = third_is_foreign,
	};
	static const struct row rows[] = {
		{ "FROM a\nFROM b\nFROM c:1\n",
		  "InvalidBaseImagePlatform: Base image c:1 was pulled with "
		  "platform \"linux/arm64\", expected \"linux/amd64\" for "
		  "current build (line 3)\n" },
	};

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), &facts);
}

static void options_choose_rules(void **state)
{
	static const struct row rows[] = {
		{ "# check=skip=JSONArgsRecommended\nFROM a\nCMD x\n", "" },
		{ "# check=skip=all\nFROM a as B\nCMD x\n", "" },
		{ "# check=skip=A, MaintainerDeprecated ;error=true\nFROM a\n"
		  "MAINTAINER x\n",
		  "" },
		{ "FROM a\n# check=skip=LegacyKeyValueFormat\nENV a b\n"
		  "ENV c d\n",
		  "LegacyKeyValueFormat: \"ENV key=value\" should be used "
		  "instead of legacy \"ENV key value\" format (line 4)\n" },
		{ "# other text\nFROM a AS x\n", "" },
		{ "# check=experimental=InvalidDefinitionDescription\n"
		  "# x is good\nFROM a AS x\n\n# wrong\nFROM b AS y\n",
		  "InvalidDefinitionDescription: Comment for FROM should "
		  "follow the format: `# y <description>` (line 6)\n" },
		{ "# check=experimental=all\n# what\nARG V=1\nFROM a\n",
		  "InvalidDefinitionDescription: Comment for ARG should follow "
		  "the format: `# V <description>` (line 3)\n" },
	};
	struct lint_facts facts = { .check = "skip=all" };

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
	assert_findings(
		&(struct row){ "# check=error=true\nFROM a\nCMD x\n", "" }, 1,
		&facts);
}

static void bad_options_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "x", "invalid check option \"x\"" },
		{ "skp=A", "invalid check option \"skp\"" },
		{ "skip=A;;", "invalid check option \"\"" },
		{ "error=maybe",
		  "invalid value for check option error: \"maybe\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct lint_options o;
		struct error err = ERROR_INIT;

		assert_int_equal(lint_options_parse(rows[i].text, &o, &err),
				 -1);
		assert_string_equal(err.text, rows[i].message);
	}
}

static void findings_fail_the_build_when_asked(void **state)
{
	static const char text[] =
		"# check=error=true\nFROM a\nCMD x\nMAINTAINER y\n";
	AUTO(lint_report_release) struct lint_report report = { 0 };
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	const struct lint_facts facts = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(dockerfile_parse(text, strlen(text), &df, &err), 0);
	assert_int_equal(lint(df, &facts, &report, &err), 0);
	assert_int_equal(lint_verdict(&report, &err), -1);
	assert_string_equal(err.text, "lint violation found for rules: "
				      "JSONArgsRecommended, "
				      "MaintainerDeprecated");
}

static void image_names_have_a_form(void **state)
{
	static const struct row rows[] = {
		{ "ARG N=localhost:5000/a/b:1\nFROM $N\n", "" },
		{ "ARG N=a@sha256:"
		  "0123456789012345678901234567890123456789012345678901234567"
		  "890123\nFROM $N\n",
		  "" },
		{ "ARG N=a__b/c--d.e\nFROM $N\n", "" },
	};
	static const char *const bad[] = { "A",	   "a:",    "a/",   "/a",
					   "a..b", "a___b", "-a",   "a:-x",
					   "a@b",  "a b",   "a//b", "a_-b" };
	const struct lint_facts none = { 0 };
	size_t i;

	(void)state;
	assert_findings(rows, ARRAY_LEN(rows), NULL);
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(buf_release) struct buf text = BUF_INIT;
		autofree char *got = NULL;

		buf_printf(&text, "ARG N='%s'\nFROM $N\n", bad[i]);
		got = lint_text(text.data, &none);
		if (!strstr(got, "InvalidDefaultArgInFrom"))
			fail_msg("%s was accepted", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_files_have_no_findings),
		cmocka_unit_test(stage_names_are_judged),
		cmocka_unit_test(the_text_is_judged),
		cmocka_unit_test(commands_are_judged),
		cmocka_unit_test(workdirs_need_something_absolute),
		cmocka_unit_test(secrets_are_known_by_their_names),
		cmocka_unit_test(arguments_of_from_are_judged),
		cmocka_unit_test(variables_are_judged_where_all_are_known),
		cmocka_unit_test(facts_of_the_build_are_used),
		cmocka_unit_test(base_images_are_of_the_platform),
		cmocka_unit_test(options_choose_rules),
		cmocka_unit_test(bad_options_are_refused),
		cmocka_unit_test(findings_fail_the_build_when_asked),
		cmocka_unit_test(image_names_have_a_form),
	};

	return cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
