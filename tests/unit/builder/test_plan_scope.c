/* What names mean where: ARG, ENV, build args, predefined names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/builder/plan_fixture.h"

/* `value` of `name` for the last RUN, NULL when it is not set. */
struct scope_case {
	const char *dockerfile;
	const char *build_arg; /* NULL: none */
	const char *name;
	const char *value;
};

static void check(const struct scope_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct scope_case *c = &cases[i];
		const struct step *step;
		const char *value;
		struct fixture f;

		fixture_init(&f);
		if (c->build_arg)
			strv_append(&f.options.build_args, c->build_arg);
		fixture_must_plan(&f, c->dockerfile);
		step = fixture_step(&f, f.plan->n_steps - 1);
		value = strv_env_get(&step->u.run.env, c->name);
		if (!c->value && value)
			fail_msg("%s is '%s' in\n%s", c->name, value,
				 c->dockerfile);
		if (c->value && !value)
			fail_msg("%s is not set in\n%s", c->name,
				 c->dockerfile);
		if (c->value)
			assert_string_equal(value, c->value);
		fixture_release(&f);
	}
}

static void args_live_from_their_line_to_the_end_of_the_stage(void **state)
{
	static const struct scope_case cases[] = {
		{ "ARG V=1\nFROM base\nRUN x\n", NULL, "V", NULL },
		{ "ARG V=1\nFROM base\nARG V\nRUN x\n", NULL, "V", "1" },
		{ "ARG V=1\nFROM base\nARG V=2\nRUN x\n", NULL, "V", "2" },
		{ "FROM base\nARG V=1\nFROM base\nRUN x\n", NULL, "V", NULL },
		{ "FROM base AS a\nARG V=1\nFROM a\nRUN x\n", NULL, "V", "1" },
		{ "FROM base\nRUN x\nARG V=1\n", NULL, "V", NULL },
		{ "FROM base\nARG V\nRUN x\n", NULL, "V", NULL },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void build_args_go_before_defaults(void **state)
{
	static const struct scope_case cases[] = {
		{ "FROM base\nARG V=1\nRUN x\n", "V=9", "V", "9" },
		{ "FROM base\nARG V=1\nRUN x\n", "V=", "V", "" },
		{ "ARG V=1\nFROM base\nARG V\nRUN x\n", "V=9", "V", "9" },
		{ "FROM base\nRUN x\n", "V=9", "V", NULL },
		{ "FROM base\nARG A\nENV A=${A:-d}\nRUN x\n", "A=z", "A", "z" },
		{ "FROM base\nARG A\nENV A=${A:-d}\nRUN x\n", NULL, "A", "d" },
		{ "FROM base\nENV A=1\nARG A=2\nRUN x\n", NULL, "A", "2" },
		{ "FROM base\nARG A=2\nENV A=1\nRUN x\n", "A=3", "A", "1" },
		{ "FROM base\nARG a=1 b=$a\nRUN x\n", NULL, "b", "1" },
		{ "ARG a=1\nARG b=${a}2\nFROM base\nARG b\nRUN x\n", NULL, "b",
		  "12" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void platform_names_need_a_declaration(void **state)
{
	static const struct scope_case cases[] = {
		{ "FROM base\nRUN x\n", NULL, "TARGETARCH", NULL },
		{ "FROM base\nARG TARGETARCH\nRUN x\n", NULL, "TARGETARCH",
		  "amd64" },
		{ "FROM base\nARG TARGETPLATFORM\nRUN x\n", NULL,
		  "TARGETPLATFORM", "linux/amd64" },
		{ "FROM base\nARG TARGETVARIANT\nRUN x\n", NULL,
		  "TARGETVARIANT", "" },
		{ "FROM base\nARG TARGETOS=none\nRUN x\n", NULL, "TARGETOS",
		  "none" },
		{ "FROM base\nARG BUILDOS\nRUN x\n", "BUILDOS=plan9", "BUILDOS",
		  "plan9" },
		{ "FROM base AS Last\nARG TARGETSTAGE\nRUN x\n", NULL,
		  "TARGETSTAGE", "last" },
		{ "FROM base\nARG TARGETSTAGE\nRUN x\n", NULL, "TARGETSTAGE",
		  "default" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void from_knows_global_and_platform_names(void **state)
{
	struct fixture f;
	char *asked;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "ARG NAME=ba\nARG ALL=${NAME}se\n"
			      "FROM --platform=$BUILDPLATFORM $ALL\n");
	asked = fixture_join(&f.asked);
	assert_string_equal(asked, "base linux/amd64");
	free(asked);
	fixture_release(&f);
}

static void args_never_land_in_the_config(void **state)
{
	struct fixture f;
	char *config;

	(void)state;
	fixture_init(&f);
	strv_append(&f.options.build_args, "A=1");
	fixture_must_plan(&f, "FROM bare\nENV PATH=/x B=0\nARG A\nARG B=1\n");
	config = fixture_run_config(f.plan->target);
	assert_string_equal(config, "{'Env':['PATH=/x','B=0']}");
	free(config);
	fixture_release(&f);
}

struct history_case {
	const char *dockerfile;
	const char *build_arg;
	const char *last; /* line of the history */
};

static void histories_tell_all_declared_args(void **state)
{
	static const struct history_case cases[] = {
		{ "FROM base\nRUN make\n", NULL,
		  "+RUN /bin/sh -c make # buildkit" },
		{ "FROM base\nARG A=1\nARG B\nRUN make\n", NULL,
		  "+RUN |2 A=1 B= /bin/sh -c make # buildkit" },
		{ "FROM base\nARG A=1\nARG B\nARG A=2\nRUN make\n", "B=x y",
		  "+RUN |2 A=2 B=x y /bin/sh -c make # buildkit" },
		{ "FROM base\nARG A=1\nENV A=e\nRUN make\n", "A=3",
		  "+RUN |1 A=e /bin/sh -c make # buildkit" },
		{ "FROM base AS a\nARG A=1\nFROM a\nARG B=2\nRUN make\n", NULL,
		  "+RUN |2 A=1 B=2 /bin/sh -c make # buildkit" },
		{ "FROM base\nRUN [\"ls\", \"-l\"]\n", "HTTP_PROXY=p",
		  "+RUN ls -l # buildkit" },
		{ "FROM base\nARG HTTP_PROXY\nRUN x\n", "HTTP_PROXY=p",
		  "+RUN |1 HTTP_PROXY=p /bin/sh -c x # buildkit" },
		{ "FROM base\nARG a=b c\n", NULL, "ARG a=b c" },
		{ "ARG g=1\nFROM base\nARG g\n", NULL, "ARG g=1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		char *history, *last;

		fixture_init(&f);
		if (cases[i].build_arg)
			strv_append(&f.options.build_args, cases[i].build_arg);
		fixture_must_plan(&f, cases[i].dockerfile);
		history = fixture_history(f.plan->target);
		last = strrchr(history, '\n');
		assert_string_equal(last ? last + 1 : history, cases[i].last);
		free(history);
		fixture_release(&f);
	}
}

static void proxies_come_in_both_cases_beside_the_environment(void **state)
{
	struct fixture f;
	char *env;

	(void)state;
	fixture_init(&f);
	strv_append(&f.options.proxies, "http_proxy=from-env");
	strv_append(&f.options.proxies, "no_proxy=here");
	strv_append(&f.options.build_args, "HTTP_PROXY=given");
	fixture_must_plan(&f, "FROM base\nENV NO_PROXY=image\nRUN x\n");
	env = fixture_join(&fixture_step(&f, 0)->u.run.quiet_env);
	assert_string_equal(env, "HTTP_PROXY=given|http_proxy=given|"
				 "no_proxy=here");
	free(env);
	env = fixture_join(&fixture_step(&f, 0)->u.run.env);
	assert_string_equal(env, "PATH=/bin|LANG=C|NO_PROXY=image");
	free(env);
	fixture_release(&f);
}

static void build_args_that_nothing_declares_are_told(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	strv_append(&f.options.build_args, "Z=1");
	strv_append(&f.options.build_args, "A=1");
	strv_append(&f.options.build_args, "USED=1");
	strv_append(&f.options.build_args, "ELSEWHERE=1");
	strv_append(&f.options.build_args, "https_proxy=1");
	strv_append(&f.options.build_args, "TARGETARCH=1");
	strv_append(&f.options.build_args, "BUILDKIT_INLINE_CACHE=1");
	strv_append(&f.options.build_args, "SOURCE_DATE_EPOCH=1");
	fixture_must_plan(&f, "FROM base AS b\nARG ELSEWHERE\n"
			      "FROM scratch\nARG USED\n");
	assert_int_equal(f.plan->warnings.len, 1);
	assert_string_equal(f.plan->warnings.items[0],
			    "one or more build args were not consumed: [A Z]");
	fixture_release(&f);
}

struct epoch_case {
	const char *dockerfile;
	const char *build_arg;
	bool set;
	int64_t epoch;
};

static void the_epoch_is_a_build_arg_or_a_global_default(void **state)
{
	static const struct epoch_case cases[] = {
		{ "FROM scratch\n", NULL, false, 0 },
		{ "FROM scratch\n", "SOURCE_DATE_EPOCH=", false, 0 },
		{ "FROM scratch\n", "SOURCE_DATE_EPOCH=0", true, 0 },
		{ "FROM scratch\n", "SOURCE_DATE_EPOCH=1700000000", true,
		  1700000000 },
		{ "ARG SOURCE_DATE_EPOCH=5\nFROM scratch\n", NULL, true, 5 },
		{ "ARG SOURCE_DATE_EPOCH=5\nFROM scratch\n",
		  "SOURCE_DATE_EPOCH=6", true, 6 },
		{ "FROM scratch\nARG SOURCE_DATE_EPOCH=5\n", NULL, false, 0 },
	};
	struct fixture f;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		fixture_init(&f);
		if (cases[i].build_arg)
			strv_append(&f.options.build_args, cases[i].build_arg);
		fixture_must_plan(&f, cases[i].dockerfile);
		assert_int_equal(f.plan->has_epoch, cases[i].set);
		assert_int_equal(f.plan->epoch, cases[i].epoch);
		fixture_release(&f);
	}
	fixture_init(&f);
	strv_append(&f.options.build_args, "SOURCE_DATE_EPOCH=soon");
	assert_int_equal(fixture_plan(&f, "FROM scratch\n"), -1);
	assert_string_equal(
		f.message,
		"invalid SOURCE_DATE_EPOCH: soon (give seconds since 1970)");
	fixture_release(&f);
}

static void failed_expansions_blame_their_lines(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	assert_int_equal(fixture_plan(&f, "FROM base\n\nENV a=${x:?unset}\n"),
			 -1);
	assert_int_equal(f.err.first_line, 3);
	assert_string_equal(f.message, "failed to process \"${x:?unset}\": "
				       "x: unset");
	assert_int_equal(fixture_plan(&f, "ARG a=${x\nFROM base\n"), -1);
	assert_int_equal(f.err.first_line, 1);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			args_live_from_their_line_to_the_end_of_the_stage),
		cmocka_unit_test(build_args_go_before_defaults),
		cmocka_unit_test(platform_names_need_a_declaration),
		cmocka_unit_test(from_knows_global_and_platform_names),
		cmocka_unit_test(args_never_land_in_the_config),
		cmocka_unit_test(histories_tell_all_declared_args),
		cmocka_unit_test(
			proxies_come_in_both_cases_beside_the_environment),
		cmocka_unit_test(build_args_that_nothing_declares_are_told),
		cmocka_unit_test(the_epoch_is_a_build_arg_or_a_global_default),
		cmocka_unit_test(failed_expansions_blame_their_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
