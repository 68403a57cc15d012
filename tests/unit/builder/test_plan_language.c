/*
 * What instructions mean together: where words are expanded, what a stage
 * inherits, which of several instructions counts. One table for each topic;
 * rows are seen through config and history of the result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/base/buf.h"
#include "store/base/json.h"
#include "tests/unit/builder/plan_fixture.h"

struct row {
	const char *text;
	const char *want; /* of a refusal: "error: " and the message */
};

static void begin(struct fixture *f)
{
	fixture_init(f);
	f->images[0] = (struct known_image){
		"full",
		"{'architecture':'amd64','os':'linux','config':{"
		"'Env':['PATH=/x','e=1'],'Cmd':['c'],'Entrypoint':['p'],"
		"'User':'u','WorkingDir':'/w','Labels':{'l':'1'},"
		"'ExposedPorts':{'1/tcp':{}},'Volumes':{'/v':{}},"
		"'StopSignal':'9','Shell':['sh','-x'],"
		"'Healthcheck':{'Test':['CMD','h'],'Retries':2}}}"
	};
}

/* `tell` makes text of a plan, which the caller frees. */
static void check(const struct row *rows, size_t n,
		  char *(*tell)(const struct fixture *f))
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct fixture f;
		char *got;

		begin(&f);
		if (fixture_plan(&f, rows[i].text) == 0)
			got = tell(&f);
		else if (asprintf(&got, "error: %s", f.message) < 0)
			fail();
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s\ngives: %s\nnot: %s", rows[i].text, got,
				 rows[i].want);
		free(got);
		fixture_release(&f);
	}
}

static char *last_history(const struct fixture *f)
{
	char *all = fixture_history(f->plan->target);
	const char *newline = strrchr(all, '\n');
	char *last = strdup(newline ? newline + 1 : all);

	free(all);
	return last;
}

#define V "FROM bare\nENV PATH=/x v=val\n"

/* Names stand for values before the instruction is carried out. */
static void these_words_are_expanded(void **state)
{
	static const struct row rows[] = {
		{ V "ADD $v ${v}2 /$v/\n", "+ADD val val2 /val/ # buildkit" },
		{ V "COPY --chown=$v --chmod=${m:-644} a b\n",
		  "+COPY --chown=val --chmod=644 a b # buildkit" },
		{ V "COPY [\"$v\", \"'x y'\", \"/d/\"]\n",
		  "+COPY val x y /d/ # buildkit" },
		{ V "ADD --checksum=sha256:$v https://h/a /\n",
		  "error: --checksum=sha256:val: 'sha256:val' is not a sha256 "
		  "digest" },
		{ V "ENV ${v}A=$v\n", "ENV valA=val" },
		{ V "LABEL $v=\"$v $v\"\n", "LABEL val=val val" },
		{ V "EXPOSE ${p:-80}/udp\n", "EXPOSE [80/udp]" },
		{ V "VOLUME /$v\n", "VOLUME [/val]" },
		{ V "VOLUME [\"/$v\", \"'/a b'\"]\n", "VOLUME [/val /a b]" },
		{ V "USER $v\n", "USER val" },
		{ V "WORKDIR $v/x\n", "+WORKDIR /val/x" },
		{ V "STOPSIGNAL ${s:-TERM}\n", "STOPSIGNAL TERM" },
		{ V "ARG a=$v b=$a\n", "ARG a=val b=val" },
		{ V "RUN --mount=type=cache,target=/$v true\n",
		  "+RUN /bin/sh -c true # buildkit" },
	};
	struct fixture f;

	(void)state;
	check(rows, ARRAY_LEN(rows), last_history);
	begin(&f);
	fixture_must_plan(&f, V "RUN --mount=type=cache,target=/$v true\n");
	assert_string_equal(fixture_step(&f, 0)->u.run.mounts[0].spec.target,
			    "/val");
	fixture_release(&f);
}

static void these_words_are_left_alone(void **state)
{
	static const struct row rows[] = {
		{ V "RUN echo $v\n", "+RUN /bin/sh -c echo $v # buildkit" },
		{ V "RUN [\"echo\", \"$v\"]\n", "+RUN echo $v # buildkit" },
		{ V "CMD $v\n", "CMD [\"/bin/sh\" \"-c\" \"$v\"]" },
		{ V "CMD [\"$v\"]\n", "CMD [\"$v\"]" },
		{ V "ENTRYPOINT $v\n",
		  "ENTRYPOINT [\"/bin/sh\" \"-c\" \"$v\"]" },
		{ V "SHELL [\"$v\"]\n", "SHELL [$v]" },
		{ V "HEALTHCHECK CMD $v\n",
		  "HEALTHCHECK {Test:[CMD-SHELL $v] Interval:0s Timeout:0s "
		  "StartPeriod:0s StartInterval:0s Retries:0}" },
		{ V "MAINTAINER $v\n", "MAINTAINER $v" },
		{ V "ARG $v\n", "ARG $v" },
		{ V "COPY --link=$v a b\n",
		  "error: dockerfile parse error on line 3: expecting boolean "
		  "value for flag --link, not: $v" },
		{ V "RUN --network=$v x\n",
		  "error: dockerfile parse error on line 3: invalid network "
		  "mode \"$v\" (use default, none or host)" },
		{ V "RUN --security=$v x\n",
		  "error: dockerfile parse error on line 3: security \"$v\" is "
		  "not valid (use sandbox or insecure)" },
		{ V "COPY --from=$v a b\n",
		  "error: dockerfile parse error on line 3: variable expansion "
		  "is not supported for --from, define a new stage with FROM "
		  "using ARG from global scope as a workaround" },
		{ V "RUN --mount=from=$v,target=/x y\n",
		  "error: dockerfile parse error on line 3: 'from' doesn't "
		  "support variable expansion, define alias stage instead" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), last_history);
}

static char *config_of(const struct fixture *f)
{
	return fixture_run_config(f->plan->target);
}

static void triggers_are_expanded_when_they_fire(void **state)
{
	static const struct row rows[] = {
		{ "FROM bare\nENV PATH=/x\nONBUILD LABEL a=$v\n",
		  "{'Env':['PATH=/x'],'OnBuild':['LABEL a=$v']}" },
		{ "FROM bare AS b\nENV PATH=/x v=1\nONBUILD LABEL a=$v\n"
		  "FROM b\n",
		  "{'Env':['PATH=/x','v=1'],'Labels':{'a':'1'}}" },
		/* Not for those who stand on them. */
		{ "FROM bare AS b\nENV PATH=/x\nONBUILD ENV v=2\n"
		  "FROM b AS c\nENV v=3\nFROM c\n",
		  "{'Env':['PATH=/x','v=3']}" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), config_of);
}

/* A member of the config alone, "none" when it is absent. */
static char *member(const struct fixture *f, const char *name)
{
	const json_t *config =
		json_object_get(f->plan->target->config, "config");
	const json_t *value = json_object_get(config, name);
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
						       JSON_SORT_KEYS)
			   : strdup("none"),
	     *p;

	for (p = text; *p; p++)
		if (*p == '"')
			*p = '\'';
	return text;
}

struct member_row {
	const char *text;
	const char *member;
	const char *want;
};

static void a_stage_goes_on_from_its_base(void **state)
{
	static const struct member_row rows[] = {
		{ "FROM full\n", "Cmd", "['c']" },
		{ "FROM full\n", "Entrypoint", "['p']" },
		{ "FROM full\n", "Healthcheck",
		  "{'Retries':2,'Test':['CMD',"
		  "'h']}" },
		{ "FROM full\n", "Shell", "['sh','-x']" },
		{ "FROM full AS a\nUSER x\nFROM a\n", "User", "'x'" },
		{ "FROM full\nCMD y\n", "Cmd", "['sh','-x','y']" },
		{ "FROM full\nCMD y\n", "Entrypoint", "['p']" },
		{ "FROM full\nCMD []\n", "Cmd", "[]" },
		{ "FROM full\nCMD y\nCMD [\"z\"]\n", "Cmd", "['z']" },
		{ "FROM full\nENTRYPOINT [\"e\"]\n", "Cmd", "none" },
		{ "FROM full\nCMD [\"y\"]\nENTRYPOINT [\"e\"]\n", "Cmd",
		  "['y']" },
		{ "FROM full\nENTRYPOINT [\"e\"]\nCMD [\"y\"]\n", "Cmd",
		  "['y']" },
		{ "FROM full\nENTRYPOINT []\n", "Entrypoint", "[]" },
		{ "FROM full\nLABEL l=2 m=3\n", "Labels", "{'l':'2','m':'3'}" },
		{ "FROM full\nEXPOSE 2\n", "ExposedPorts",
		  "{'1/tcp':{},'2/tcp':{}}" },
		{ "FROM full\nVOLUME /a\n", "Volumes", "{'/a':{},'/v':{}}" },
		{ "FROM full\nENV f=2 e=3\n", "Env",
		  "['PATH=/x','e=3','f=2']" },
		{ "FROM full\nWORKDIR r\n", "WorkingDir", "'/w/r'" },
		{ "FROM full\nSTOPSIGNAL SIGINT\n", "StopSignal", "'SIGINT'" },
		{ "FROM full\nSHELL [\"b\"]\nCMD y\n", "Cmd", "['b','y']" },
		{ "FROM full AS a\nSHELL [\"b\"]\nFROM a\nCMD y\n", "Cmd",
		  "['b','y']" },
		{ "FROM full\nHEALTHCHECK NONE\n", "Healthcheck",
		  "{'Test':['NONE']}" },
		{ "FROM full\nHEALTHCHECK --timeout=1s CMD y\n", "Healthcheck",
		  "{'Test':['CMD-SHELL','y'],'Timeout':1000000000}" },
		{ "FROM full\nUSER 1000\nCOPY x /\n", "User", "'1000'" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct fixture f;
		char *got;

		begin(&f);
		fixture_must_plan(&f, rows[i].text);
		got = member(&f, rows[i].member);
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s\n%s: %s", rows[i].text, rows[i].member,
				 got);
		free(got);
		fixture_release(&f);
	}
}

static void ports_have_several_forms(void **state)
{
	static const struct row rows[] = {
		{ V "EXPOSE 80 80/TCP 90-92/udp\n",
		  "EXPOSE [80/tcp 80/tcp 90/udp 91/udp 92/udp]" },
		{ V "EXPOSE 0 65535/sctp\n", "EXPOSE [0/tcp 65535/sctp]" },
		{ V "EXPOSE 127.0.0.1:8080:80\n", "EXPOSE [80/tcp]" },
		{ V "EXPOSE 8080:80/udp [::1]:1-2:3-4\n",
		  "EXPOSE [80/udp 3/tcp 4/tcp]" },
		{ V "EXPOSE $unset\n", "EXPOSE []" },
		{ V "EXPOSE ${v}\n",
		  "error: invalid port: \"val\": invalid containerPort: val "
		  "(ports are numbers from 0 to 65535, ranges ascend)" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), last_history);
}

static void working_directories_are_joined_and_cleaned(void **state)
{
	static const struct row rows[] = {
		{ "FROM scratch\nWORKDIR a\nWORKDIR b\nWORKDIR /c\nWORKDIR d\n",
		  "+WORKDIR /c/d" },
		{ "FROM scratch\nWORKDIR a\nWORKDIR b\n", "+WORKDIR /a/b" },
		{ "FROM scratch\nWORKDIR /a/../b//c/./\n", "+WORKDIR /b/c" },
		{ "FROM scratch\nWORKDIR ../..\n", "WORKDIR /" },
		{ "FROM scratch\nWORKDIR /a b\n", "+WORKDIR /a b" },
	};

	(void)state;
	check(rows, ARRAY_LEN(rows), last_history);
}

/* The context that FROM takes with contexts of these names around, or none. */
static void contexts_are_found_by_familiar_names(void **state)
{
	static const struct named_context contexts[] = {
		{ .name = "alpine" },
		{ .name = "docker.io/library/debian:12" },
		{ .name = "multi" },
		{ .name = "multi::linux/arm64" },
		{ .name = "scratch" },
		{ .name = "context" },
	};
	static const struct {
		const char *from;
		const char *context;
	} rows[] = {
		{ "alpine", "alpine" },
		{ "alpine:latest", "alpine" },
		{ "docker.io/library/alpine:latest", "alpine" },
		{ "alpine:3", NULL },
		{ "debian:12", "docker.io/library/debian:12" },
		{ "--platform=linux/amd64 multi", "multi" },
		{ "--platform=linux/arm64 multi", "multi::linux/arm64" },
		{ "scratch", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const char *want = rows[i].context, *got = NULL;
		struct fixture f;
		char text[128];

		fixture_init(&f);
		f.options.contexts = contexts;
		f.options.n_contexts = ARRAY_LEN(contexts);
		f.images[0] = (struct known_image){ "alpine:3", "{}" };
		snprintf(text, sizeof(text), "FROM %s\n", rows[i].from);
		fixture_must_plan(&f, text);
		if (f.plan->n_steps)
			got = fixture_step(&f, 0)->u.copy.from.context;
		if (!want ? got != NULL : !got || strcmp(want, got))
			fail_msg("%s is %s", rows[i].from, got ? got : "none");
		fixture_release(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(these_words_are_expanded),
		cmocka_unit_test(these_words_are_left_alone),
		cmocka_unit_test(triggers_are_expanded_when_they_fire),
		cmocka_unit_test(a_stage_goes_on_from_its_base),
		cmocka_unit_test(ports_have_several_forms),
		cmocka_unit_test(working_directories_are_joined_and_cleaned),
		cmocka_unit_test(contexts_are_found_by_familiar_names),
	};

	return cmocka_run_group_tests_name("language", tests, NULL, NULL);
}
