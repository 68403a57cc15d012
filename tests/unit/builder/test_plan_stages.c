/* Stages: names, bases, targets, pruning and what refers to what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/builder/plan_fixture.h"

struct refusal {
	const char *dockerfile;
	const char *message;
	int first_line;
	int last_line;
};

static void refused(const struct refusal *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct fixture f;

		fixture_init(&f);
		if (fixture_plan(&f, cases[i].dockerfile) == 0)
			fail_msg("not refused: %s", cases[i].dockerfile);
		assert_string_equal(f.message, cases[i].message);
		assert_int_equal(f.err.first_line, cases[i].first_line);
		assert_int_equal(f.err.last_line, cases[i].last_line);
		fixture_release(&f);
	}
}

static void bad_stages_are_refused_with_their_lines(void **state)
{
	static const struct refusal cases[] = {
		{ "ARG a=1\n", "dockerfile contains no stages to build", 0, 0 },
		{ "ARG a\nRUN x\nFROM scratch\n",
		  "no build stage in current context: RUN stands before the "
		  "first FROM",
		  2, 2 },
		{ "FROM a AS b c\n",
		  "dockerfile parse error on line 1: FROM requires either "
		  "one or three arguments: IMAGE, or IMAGE AS NAME",
		  1, 1 },
		{ "FROM scratch AS 1a\n",
		  "dockerfile parse error on line 1: "
		  "invalid name for build stage: \"1a\", name can't start "
		  "with a number or contain symbols",
		  1, 1 },
		{ "ARG B\nFROM $B\n",
		  "base name ($B) should not be blank (give the "
		  "variable a value by ARG before the first "
		  "FROM, or by --build-arg)",
		  2, 2 },
		{ "FROM --platform=$P base\n",
		  "empty platform value from expression $P", 1, 1 },
		{ "FROM Base!\n",
		  "failed to parse stage name \"Base!\": invalid reference "
		  "format: repository name must be lowercase",
		  1, 1 },
		{ "ARG V=1\nFROM base:${W}\n",
		  "base:${W} is \"base:\" (its variables are the ARGs before "
		  "the first FROM): failed to parse stage name \"base:\": "
		  "invalid reference format: bad tag ''",
		  2, 2 },
		{ "FROM Unused!\nFROM scratch\n",
		  "failed to parse stage name \"Unused!\": invalid reference "
		  "format: repository name must be lowercase",
		  1, 1 },
		{ "FROM scratch\nRUN x\nFROM \\\n  nothere\n",
		  "nothere: no such image", 3, 4 },
		{ "FROM scratch AS build\nFROM bulid\n",
		  "bulid (did you mean build?): no such image", 2, 2 },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void bad_references_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{ "FROM scratch AS a\nCOPY --from=3 x /\n",
		  "invalid stage index 3", 2, 2 },
		{ "FROM scratch AS a\nCOPY --from=a x /\n",
		  "cannot copy from stage \"a\", it needs to be defined "
		  "before current stage \"a\": circular dependency detected "
		  "on stage: a",
		  2, 2 },
		{ "FROM scratch AS a\nCOPY --from=b x /\nFROM scratch AS b\n"
		  "COPY --from=a x /\n",
		  "circular dependency detected on stage: a", 2, 2 },
		{ "FROM scratch AS a\nCOPY --from=B x /\nFROM scratch AS b\n"
		  "FROM a\n",
		  "cannot copy from stage \"B\", it needs to be defined "
		  "before current stage \"a\"",
		  2, 2 },
		{ "FROM base AS a\nRUN --mount=from=b,target=/x y\n"
		  "FROM scratch AS b\nFROM a\n",
		  "cannot mount from stage \"b\" to \"/x\", stage needs to be "
		  "defined before current command",
		  2, 2 },
		{ "FROM scratch\nCOPY --from=$x a /\n",
		  "dockerfile parse error on line 2: "
		  "variable expansion is not supported for --from, define a "
		  "new stage with FROM using ARG from global scope as a "
		  "workaround",
		  2, 2 },
		{ "FROM scratch\nCOPY --from=nothere a /\n",
		  "nothere: no such image", 2, 2 },
	};

	(void)state;
	refused(cases, ARRAY_LEN(cases));
}

static void later_stages_may_be_named_where_nobody_builds(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM scratch AS a\nCOPY --from=b x /\n"
			      "FROM scratch AS b\nCOPY y /\n");
	assert_int_equal(f.plan->n_steps, 1);
	assert_false(f.plan->stages[0].needed);
	fixture_release(&f);
}

static void only_what_the_target_needs_is_asked_for(void **state)
{
	static const char text[] = "FROM nothere AS unused\nRUN x\n"
				   "FROM base AS a\nRUN make\n"
				   "FROM bare AS b\nRUN other\n"
				   "FROM scratch\nCOPY --from=a /x /\n"
				   "COPY --from=busybox:1 /x /\n";
	struct fixture f;
	char *asked;

	(void)state;
	fixture_init(&f);
	f.images[0] = (struct known_image){ "busybox:1", "{'config':{}}" };
	fixture_must_plan(&f, text);
	asked = fixture_join(&f.asked);
	assert_string_equal(asked, "base linux/amd64|busybox:1 linux/amd64");
	assert_int_equal(f.plan->n_steps, 3);
	assert_int_equal(f.plan->n_images, 2);
	free(asked);
	fixture_release(&f);
}

static void an_image_is_asked_for_once_for_each_platform(void **state)
{
	struct fixture f;
	char *asked;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM base AS a\n"
			      "FROM docker.io/library/base:latest AS b\n"
			      "FROM --platform=linux/arm64 base AS c\n"
			      "FROM scratch\nCOPY --from=a x /\n"
			      "COPY --from=b x /\nCOPY --from=c x /\n"
			      "COPY --from=base x /\n");
	asked = fixture_join(&f.asked);
	assert_string_equal(asked, "base linux/amd64|base linux/arm64");
	assert_string_equal(f.plan->stages[2].platform.arch, "arm64");
	free(asked);
	fixture_release(&f);
}

struct target_case {
	const char *target;
	size_t index;
};

static void targets_are_found_by_name_in_any_case(void **state)
{
	static const char text[] = "FROM scratch AS First\n"
				   "FROM scratch\nFROM scratch AS last\n";
	static const struct target_case cases[] = {
		{ NULL, 2 },	{ "", 2 },  { "first", 0 },
		{ "FIRST", 0 }, { "1", 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		fixture_init(&f);
		f.options.target = cases[i].target;
		fixture_must_plan(&f, text);
		assert_int_equal(f.plan->target->index, cases[i].index);
		fixture_release(&f);
	}
}

static void a_misspelt_target_gets_a_hint(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.options.target = "buidl";
	assert_int_equal(fixture_plan(&f, "FROM scratch AS build\n"), -1);
	assert_string_equal(f.message, "target stage \"buidl\" could not be "
				       "found (did you mean build?)");
	f.options.target = "other";
	assert_int_equal(fixture_plan(&f, "FROM scratch AS build\n"), -1);
	assert_string_equal(f.message,
			    "target stage \"other\" could not be found");
	fixture_release(&f);
}

static void from_compares_names_exactly(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM scratch AS Base\nFROM base\n");
	assert_int_equal(f.plan->target->base.kind, SOURCE_STAGE);
	assert_int_equal(f.asked.len, 0);
	assert_int_equal(fixture_plan(&f, "FROM scratch AS Base\nFROM Base\n"),
			 -1);
	assert_non_null(strstr(f.message, "Base"));
	fixture_release(&f);
}

static void the_later_of_two_stages_of_a_name_counts(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM scratch AS a\nFROM bare AS a\nFROM a\n");
	assert_int_equal(f.plan->target->base.stage->index, 1);
	fixture_release(&f);
}

static void copies_know_stages_by_name_and_index(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM scratch\nCOPY x /\nFROM scratch AS B\n"
			      "COPY x /\nFROM scratch\nCOPY --from=0 x /\n"
			      "COPY --from=b x /\nCOPY --from=B x /\n"
			      "COPY --from=scratch x /\n");
	assert_int_equal(fixture_step(&f, 2)->u.copy.from.stage->index, 0);
	assert_int_equal(fixture_step(&f, 3)->u.copy.from.stage->index, 1);
	assert_int_equal(fixture_step(&f, 4)->u.copy.from.stage->index, 1);
	assert_int_equal(fixture_step(&f, 5)->u.copy.from.kind, SOURCE_SCRATCH);
	fixture_release(&f);
}

static void steps_stand_on_the_last_one_that_made_a_layer(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM base AS a\nENV x=1\nFROM a AS b\nRUN 1\n"
			      "ENV y=1\nFROM b\nRUN 2\nRUN 3\n");
	assert_null(fixture_step(&f, 0)->parent);
	assert_int_equal(fixture_step(&f, 0)->base.kind, SOURCE_IMAGE);
	assert_ptr_equal(fixture_step(&f, 0)->base.image, f.plan->images[0]);
	assert_ptr_equal(fixture_step(&f, 1)->parent, fixture_step(&f, 0));
	assert_ptr_equal(fixture_step(&f, 2)->parent, fixture_step(&f, 1));
	assert_ptr_equal(f.plan->target->last, fixture_step(&f, 2));
	fixture_release(&f);
}

static void a_folder_takes_the_place_of_an_image_or_a_stage(void **state)
{
	static const struct named_context contexts[] = {
		{ .name = "src" },
		{ .name = "alpine:latest" },
		{ .name = "build" },
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.options.contexts = contexts;
	f.options.n_contexts = ARRAY_LEN(contexts);
	fixture_must_plan(&f, "FROM nothere AS build\nRUN x\n"
			      "FROM docker.io/library/alpine\n"
			      "COPY --from=src a /\nCOPY --from=build b /\n"
			      "RUN --mount=from=build,target=/m c\n");
	assert_int_equal(f.asked.len, 0);
	assert_int_equal(f.plan->n_steps, 4);
	assert_int_equal(fixture_step(&f, 0)->u.copy.from.kind, SOURCE_CONTEXT);
	assert_string_equal(fixture_step(&f, 0)->u.copy.from.context,
			    "alpine:latest");
	assert_string_equal(fixture_step(&f, 1)->u.copy.from.context, "src");
	assert_string_equal(fixture_step(&f, 2)->u.copy.from.context, "build");
	assert_string_equal(fixture_step(&f, 3)->u.run.mounts[0].from.context,
			    "build");
	fixture_release(&f);
}

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static void the_resolver_is_asked_for_what_a_context_names(void **state)
{
	static const struct named_context contexts[] = {
		{ .name = "alpine", .ref = "docker-image://other:1" },
		{ .name = "build", .ref = "oci-layout://dir" },
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.options.contexts = contexts;
	f.options.n_contexts = ARRAY_LEN(contexts);
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++)
		f.images[i] = (struct known_image){ contexts[i].ref, "{}" };
	fixture_must_plan(&f, "FROM nothere AS build\nRUN x\n"
			      "FROM build AS more\nFROM alpine:latest\n"
			      "COPY --from=build a /\nCOPY --from=more b /\n");
	assert_int_equal(f.asked.len, 2);
	assert_int_equal(f.plan->n_images, 2);
	assert_true(has_prefix(f.asked.items[0], "docker-image://other:1 "));
	assert_true(has_prefix(f.asked.items[1], "oci-layout://dir "));
	assert_int_equal(f.plan->n_steps, 2);
	assert_int_equal(fixture_step(&f, 0)->u.copy.from.kind, SOURCE_STAGE);
	assert_int_equal(f.plan->target->base.kind, SOURCE_IMAGE);
	assert_false(plan_reads_context(f.plan, "build"));
	assert_false(plan_reads_context(f.plan, ""));
	fixture_release(&f);
}

static void only_contexts_that_are_read_are_said_to_be(void **state)
{
	static const struct named_context contexts[] = {
		{ .name = "copied" },
		{ .name = "mounted" },
		{ .name = "pruned" },
	};
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.options.contexts = contexts;
	f.options.n_contexts = ARRAY_LEN(contexts);
	fixture_must_plan(&f, "FROM base AS other\nCOPY --from=pruned a /\n"
			      "FROM base\nCOPY --from=copied a /\n"
			      "RUN --mount=from=mounted,target=/m x\n");
	assert_true(plan_reads_context(f.plan, "copied"));
	assert_true(plan_reads_context(f.plan, "mounted"));
	assert_false(plan_reads_context(f.plan, "pruned"));
	assert_false(plan_reads_context(f.plan, ""));
	fixture_release(&f);
}

static void an_image_given_as_context_is_not_asked_for(void **state)
{
	struct named_context context = { .name = "alpine" };
	struct fixture f, other;

	(void)state;
	fixture_init(&other);
	fixture_must_plan(&other, "FROM base\n");
	fixture_init(&f);
	context.image = other.plan->images[0];
	f.options.contexts = &context;
	f.options.n_contexts = 1;
	fixture_must_plan(&f, "FROM alpine:latest\nENV a=1\n");
	assert_int_equal(f.asked.len, 0);
	assert_int_equal(f.plan->n_images, 0);
	assert_ptr_equal(f.plan->target->base.image, context.image);
	fixture_release(&f);
	fixture_release(&other);
}

static void stages_may_be_built_without_the_cache(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	strv_append(&f.options.no_cache_stages, "A");
	fixture_must_plan(&f, "FROM base AS a\nRUN 1\nFROM a\nRUN 2\n");
	assert_true(fixture_step(&f, 0)->no_cache);
	assert_false(fixture_step(&f, 1)->no_cache);
	fixture_release(&f);
}

struct label_case {
	const char *dockerfile;
	const char *base;
	const char *first;
	const char *second;
};

static void steps_are_counted_in_their_labels(void **state)
{
	static const struct label_case cases[] = {
		{ "FROM base\nENV a=1\nrun make\nWORKDIR /x\n",
		  "[1/3] FROM base", "[2/3] RUN make", "[3/3] WORKDIR /x" },
		{ "FROM scratch AS only\nCOPY a /\nWORKDIR /\nCOPY b /\n", NULL,
		  "[1/2] COPY a /", "[2/2] COPY b /" },
		{ "FROM base\nCOPY --from=busybox a /\nCOPY b /\n",
		  "[stage-0 1/3] FROM base",
		  "[stage-0 2/3] COPY --from=busybox a /",
		  "[stage-0 3/3] COPY b /" },
		{ "FROM base AS x\nRUN a\nFROM x AS y\nRUN b\n", NULL,
		  "[x 2/2] RUN a", "[y 1/1] RUN b" },
		{ "FROM base\nARG v=1.2\nENV e=$v\n"
		  "RUN --network=none get $v ${e} '$v' $none \\$v\n"
		  "COPY \"x-$v\" /\n",
		  "[1/3] FROM base",
		  "[2/3] RUN --network=none get 1.2 1.2 '$v' $none \\$v",
		  "[3/3] COPY x-1.2 /" },
		{ "FROM base\nRUN <<EOF\n\n  first\nsecond\nEOF\n"
		  "RUN <<EOF\none\nEOF\n",
		  "[1/3] FROM base", "[2/3] RUN <<EOF (first...)",
		  "[3/3] RUN <<EOF (one)" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;

		fixture_init(&f);
		f.images[0] = (struct known_image){ "busybox", "{}" };
		fixture_must_plan(&f, cases[i].dockerfile);
		if (cases[i].base)
			assert_string_equal(f.plan->target->base_label,
					    cases[i].base);
		else
			assert_null(f.plan->target->base_label);
		assert_string_equal(fixture_step(&f, 0)->label, cases[i].first);
		assert_string_equal(fixture_step(&f, 1)->label,
				    cases[i].second);
		fixture_release(&f);
	}
}

static void labels_name_the_platform_when_there_are_many(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.options.many_platforms = true;
	fixture_must_plan(&f, "FROM base\n" /* ten steps: numbers line up */
			      "RUN 1\nRUN 2\nRUN 3\nRUN 4\nRUN 5\nRUN 6\n"
			      "RUN 7\nRUN 8\nRUN 9\n");
	assert_string_equal(fixture_step(&f, 0)->label,
			    "[linux/amd64  2/10] RUN 1");
	assert_string_equal(fixture_step(&f, 8)->label,
			    "[linux/amd64 10/10] RUN 9");
	fixture_release(&f);
}

static void triggers_fire_after_from_and_once(void **state)
{
	struct fixture f;
	char *history, *config;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM onbuild AS a\nRUN own\nONBUILD USER x\n"
			      "FROM a AS b\nFROM b\n");
	history = fixture_history(&f.plan->stages[0]);
	assert_string_equal(history, "ENV fired=1\n"
				     "+RUN /bin/sh -c make # buildkit\n"
				     "+RUN /bin/sh -c own # buildkit");
	free(history);
	history = fixture_history(&f.plan->stages[1]);
	assert_string_equal(history, "USER x");
	free(history);
	assert_int_equal(f.plan->stages[2].n_history, 0);
	config = fixture_run_config(f.plan->target);
	assert_null(strstr(config, "OnBuild"));
	free(config);
	assert_string_equal(fixture_step(&f, 0)->label,
			    "[a 2/3] ONBUILD RUN make");
	assert_int_equal(fixture_step(&f, 0)->first_line, 1);
	fixture_release(&f);
}

static void triggers_may_need_more_stages_and_images(void **state)
{
	struct fixture f;
	char *asked;

	(void)state;
	fixture_init(&f);
	f.images[0] = (struct known_image){
		"trig", "{'config':{'OnBuild':['COPY --from=b . .',"
			"'COPY --from=base x /']}}"
	};
	fixture_must_plan(&f, "FROM bare AS b\nRUN x\nFROM trig\n");
	asked = fixture_join(&f.asked);
	assert_string_equal(asked, "bare linux/amd64|base linux/amd64|"
				   "trig linux/amd64");
	assert_int_equal(f.plan->n_steps, 3);
	assert_ptr_equal(fixture_step(&f, 1)->u.copy.from.stage,
			 &f.plan->stages[0]);
	free(asked);
	fixture_release(&f);
}

static void bad_triggers_blame_the_from(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f);
	f.images[0] =
		(struct known_image){ "trig",
				      "{'config':{'OnBuild':['WORKDIR']}}" };
	assert_int_equal(fixture_plan(&f, "ARG x\nFROM trig\n"), -1);
	assert_int_equal(f.err.first_line, 2);
	assert_non_null(strstr(f.message, "trigger \"ONBUILD WORKDIR\""));
	f.images[0].config = "{'config':{'OnBuild':['FROM x']}}";
	assert_int_equal(fixture_plan(&f, "FROM trig\n"), -1);
	f.images[0].config = "{'config':{'OnBuild':['RUN x\\nRUN y']}}";
	assert_int_equal(fixture_plan(&f, "FROM trig\n"), -1);
	f.images[0].config = "{'config':{'OnBuild':[1]}}";
	assert_int_equal(fixture_plan(&f, "FROM trig\n"), -1);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_stages_are_refused_with_their_lines),
		cmocka_unit_test(bad_references_are_refused),
		cmocka_unit_test(later_stages_may_be_named_where_nobody_builds),
		cmocka_unit_test(only_what_the_target_needs_is_asked_for),
		cmocka_unit_test(an_image_is_asked_for_once_for_each_platform),
		cmocka_unit_test(targets_are_found_by_name_in_any_case),
		cmocka_unit_test(a_misspelt_target_gets_a_hint),
		cmocka_unit_test(from_compares_names_exactly),
		cmocka_unit_test(the_later_of_two_stages_of_a_name_counts),
		cmocka_unit_test(copies_know_stages_by_name_and_index),
		cmocka_unit_test(steps_stand_on_the_last_one_that_made_a_layer),
		cmocka_unit_test(
			a_folder_takes_the_place_of_an_image_or_a_stage),
		cmocka_unit_test(
			the_resolver_is_asked_for_what_a_context_names),
		cmocka_unit_test(only_contexts_that_are_read_are_said_to_be),
		cmocka_unit_test(an_image_given_as_context_is_not_asked_for),
		cmocka_unit_test(stages_may_be_built_without_the_cache),
		cmocka_unit_test(steps_are_counted_in_their_labels),
		cmocka_unit_test(labels_name_the_platform_when_there_are_many),
		cmocka_unit_test(triggers_fire_after_from_and_once),
		cmocka_unit_test(triggers_may_need_more_stages_and_images),
		cmocka_unit_test(bad_triggers_blame_the_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
