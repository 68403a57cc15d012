/* What metadata instructions write into the config and the history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/builder/plan_fixture.h"

#define PATH_LINE                                                              \
	"'Env':['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/"          \
	"bin:/sbin:/bin'"

struct config_case {
	const char *dockerfile;
	const char *config;  /* of the result */
	const char *history; /* NULL: not judged */
};

static void check(const struct config_case *cases, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		struct fixture f;
		char *config, *history;

		fixture_init(&f);
		fixture_must_plan(&f, cases[i].dockerfile);
		config = fixture_run_config(f.plan->target);
		history = fixture_history(f.plan->target);
		assert_string_equal(config, cases[i].config);
		if (cases[i].history)
			assert_string_equal(history, cases[i].history);
		free(config);
		free(history);
		fixture_release(&f);
	}
}

static void scratch_has_a_path_and_a_directory(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM scratch\n", "{" PATH_LINE "],'WorkingDir':'/'}", "" },
		{ "FROM bare\n", "{" PATH_LINE "]}", "" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void base_config_is_inherited(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM base\n",
		  "{'Cmd':['c'],'Env':['PATH=/bin','LANG=C'],"
		  "'ExposedPorts':{'1/tcp':{}},'Labels':{'a':'1'},"
		  "'User':'u','WorkingDir':'/w'}",
		  "" },
		{ "FROM base AS a\nUSER v\nFROM a\nENV x=1\n",
		  "{'Cmd':['c'],'Env':['PATH=/bin','LANG=C','x=1'],"
		  "'ExposedPorts':{'1/tcp':{}},'Labels':{'a':'1'},"
		  "'User':'v','WorkingDir':'/w'}",
		  "ENV x=1" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void env_replaces_in_place(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x a=1\nENV b=2\nENV a=3\n",
		  "{'Env':['PATH=/x','a=3','b=2']}",
		  "ENV PATH=/x a=1\nENV b=2\nENV a=3" },
		{ "FROM bare\nENV PATH=/x abc=hello\n"
		  "ENV abc=bye def=$abc\nENV ghi=$abc\n",
		  "{'Env':['PATH=/x','abc=bye','def=hello','ghi=bye']}",
		  "ENV PATH=/x abc=hello\nENV abc=bye def=hello\n"
		  "ENV ghi=bye" },
		{ "FROM bare\nENV PATH=/x a=b\\ c d=\"e f\"\nENV g h \"i\"\n",
		  "{'Env':['PATH=/x','a=b c','d=e f','g=h i']}", NULL },
		{ "FROM bare\nENV PATH=/x k=v\nENV $k=1\n",
		  "{'Env':['PATH=/x','k=v','v=1']}", NULL },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void entrypoint_drops_the_command_of_the_base_only(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM base\nENTRYPOINT [\"e\"]\n",
		  "{'Entrypoint':['e'],'Env':['PATH=/bin','LANG=C'],"
		  "'ExposedPorts':{'1/tcp':{}},'Labels':{'a':'1'},"
		  "'User':'u','WorkingDir':'/w'}",
		  "ENTRYPOINT [\"e\"]" },
		{ "FROM bare\nENV PATH=/x\nCMD c\nENTRYPOINT e\n",
		  "{'ArgsEscaped':true,'Cmd':['/bin/sh','-c','c'],"
		  "'Entrypoint':['/bin/sh','-c','e'],'Env':['PATH=/x']}",
		  "ENV PATH=/x\nCMD [\"/bin/sh\" \"-c\" \"c\"]\n"
		  "ENTRYPOINT [\"/bin/sh\" \"-c\" \"e\"]" },
		{ "FROM bare AS a\nENV PATH=/x\nCMD [\"c\"]\nFROM a\n"
		  "ENTRYPOINT [\"e\"]\n",
		  "{'ArgsEscaped':true,'Entrypoint':['e'],'Env':['PATH=/x']}",
		  "ENTRYPOINT [\"e\"]" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void commands_are_quoted_like_go(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x\nCMD ['a','b']\n",
		  "{'ArgsEscaped':true,'Cmd':['/bin/sh','-c','['a','b']'],"
		  "'Env':['PATH=/x']}",
		  "ENV PATH=/x\nCMD [\"/bin/sh\" \"-c\" \"['a','b']\"]" },
		{ "FROM bare\nENV PATH=/x\nCMD echo \"a\\b\"\n",
		  "{'ArgsEscaped':true,'Cmd':['/bin/sh','-c','echo "
		  "\\'a\\\\b\\''],'Env':['PATH=/x']}",
		  "ENV PATH=/x\n"
		  "CMD [\"/bin/sh\" \"-c\" \"echo \\\"a\\\\b\\\"\"]" },
		{ "FROM bare\nENV PATH=/x\nSHELL [\"/bin/bash\", \"-c\"]\n"
		  "CMD x\n",
		  "{'ArgsEscaped':true,'Cmd':['/bin/bash','-c','x'],"
		  "'Env':['PATH=/x'],'Shell':['/bin/bash','-c']}",
		  "ENV PATH=/x\nSHELL [/bin/bash -c]\n"
		  "CMD [\"/bin/bash\" \"-c\" \"x\"]" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void ports_are_expanded_and_sorted_as_written(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x\nEXPOSE 80 80/TCP 90-92/udp\n",
		  "{'Env':['PATH=/x'],'ExposedPorts':{'80/tcp':{},"
		  "'90/udp':{},'91/udp':{},'92/udp':{}}}",
		  "ENV PATH=/x\n"
		  "EXPOSE [80/tcp 80/tcp 90/udp 91/udp 92/udp]" },
		{ "FROM bare\nENV PATH=/x p=\"2 1\"\nEXPOSE 9 $p 1000\n",
		  "{'Env':['PATH=/x','p=2 1'],'ExposedPorts':{'1/tcp':{},"
		  "'1000/tcp':{},'2/tcp':{},'9/tcp':{}}}",
		  "ENV PATH=/x p=2 1\nEXPOSE [2/tcp 1/tcp 1000/tcp 9/tcp]" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void single_values_are_kept_as_written(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x u=me\nUSER $u:1\n",
		  "{'Env':['PATH=/x','u=me'],'User':'me:1'}",
		  "ENV PATH=/x u=me\nUSER me:1" },
		{ "FROM bare\nENV PATH=/x\nSTOPSIGNAL RTMIN+3\n",
		  "{'Env':['PATH=/x'],'StopSignal':'RTMIN+3'}",
		  "ENV PATH=/x\nSTOPSIGNAL RTMIN+3" },
		{ "FROM bare\nENV PATH=/x\nVOLUME /b /a\n"
		  "VOLUME [\"/c d\"]\n",
		  "{'Env':['PATH=/x'],'Volumes':{'/a':{},'/b':{},"
		  "'/c d':{}}}",
		  "ENV PATH=/x\nVOLUME [/b /a]\nVOLUME [/c d]" },
		{ "FROM bare\nENV PATH=/x\nLABEL a=1 b=\"x y\"\nLABEL a=2\n",
		  "{'Env':['PATH=/x'],'Labels':{'a':'2','b':'x y'}}",
		  "ENV PATH=/x\nLABEL a=1 b=x y\nLABEL a=2" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void health_checks_count_in_nanoseconds(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x\n"
		  "HEALTHCHECK --interval=5m --timeout=3s CMD x y\n",
		  "{'Env':['PATH=/x'],'Healthcheck':{"
		  "'Interval':300000000000,'Test':['CMD-SHELL','x y'],"
		  "'Timeout':3000000000}}",
		  "ENV PATH=/x\nHEALTHCHECK {Test:[CMD-SHELL x y] "
		  "Interval:5m0s Timeout:3s StartPeriod:0s "
		  "StartInterval:0s Retries:0}" },
		{ "FROM bare\nENV PATH=/x\n"
		  "HEALTHCHECK --retries=2 --start-period=500ms "
		  "--start-interval=1h CMD [\"a\", \"b\"]\n",
		  "{'Env':['PATH=/x'],'Healthcheck':{'Retries':2,"
		  "'StartInterval':3600000000000,'StartPeriod':500000000,"
		  "'Test':['CMD','a','b']}}",
		  "ENV PATH=/x\nHEALTHCHECK {Test:[CMD a b] Interval:0s "
		  "Timeout:0s StartPeriod:500ms StartInterval:1h0m0s "
		  "Retries:2}" },
		{ "FROM bare\nENV PATH=/x\nHEALTHCHECK CMD a\n"
		  "HEALTHCHECK NONE\n",
		  "{'Env':['PATH=/x'],'Healthcheck':{'Test':['NONE']}}", NULL },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void triggers_are_kept_as_text(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x\nONBUILD RUN echo $x\n"
		  "onbuild copy <<EOF /a\nline\nEOF\n",
		  "{'Env':['PATH=/x'],'OnBuild':['RUN echo $x',"
		  "'copy <<EOF /a\\nline\\nEOF']}",
		  "ENV PATH=/x" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void workdirs_stand_on_each_other(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM scratch\nENV PATH=/x\nWORKDIR a\nWORKDIR b\n"
		  "WORKDIR /c/\nWORKDIR d/../e\n",
		  "{'Env':['PATH=/x'],'WorkingDir':'/c/e'}",
		  "ENV PATH=/x\n+WORKDIR /a\n+WORKDIR /a/b\n+WORKDIR /c\n"
		  "+WORKDIR /c/e" },
		{ "FROM base\nWORKDIR /\n",
		  "{'Cmd':['c'],'Env':['PATH=/bin','LANG=C'],"
		  "'ExposedPorts':{'1/tcp':{}},'Labels':{'a':'1'},"
		  "'User':'u','WorkingDir':'/'}",
		  "WORKDIR /" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void maintainer_is_the_author(void **state)
{
	struct fixture f;
	char *document;

	(void)state;
	fixture_init(&f);
	fixture_must_plan(&f, "FROM bare\nMAINTAINER $me <a@b>\n");
	document = fixture_document(f.plan->target);
	assert_string_equal(document, "{'architecture':'amd64','author':"
				      "'$me <a@b>','os':'linux'}");
	free(document);
	fixture_release(&f);
}

static void labels_of_the_command_line_leave_no_history(void **state)
{
	struct fixture f;
	char *config, *history;

	(void)state;
	fixture_init(&f);
	strv_append(&f.options.labels, "a=2");
	strv_append(&f.options.labels, "empty");
	fixture_must_plan(&f, "FROM bare\nENV PATH=/x\nLABEL a=1\n");
	config = fixture_run_config(f.plan->target);
	history = fixture_history(f.plan->target);
	assert_string_equal(config, "{'Env':['PATH=/x'],'Labels':{'a':'2',"
				    "'empty':''}}");
	assert_string_equal(history, "ENV PATH=/x\nLABEL a=1");
	free(config);
	free(history);
	fixture_release(&f);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
	static const struct config_case cases[] = {
		{ "FROM bare\nENV PATH=/x\nLABEL a\xff=b\xc3\n",
		  "{'Env':['PATH=/x'],'Labels':{'a\xef\xbf\xbd':"
		  "'b\xef\xbf\xbd'}}",
		  NULL },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void a_given_platform_is_written_down(void **state)
{
	struct fixture f;
	char *document;

	(void)state;
	fixture_init(&f);
	assert_int_equal(
		platform_parse("linux/arm/v6", &f.options.platform, &f.err), 0);
	f.options.platform_given = true;
	fixture_must_plan(&f, "FROM bare\n");
	document = fixture_document(f.plan->target);
	assert_string_equal(document, "{'architecture':'arm','os':'linux',"
				      "'variant':'v6'}");
	free(document);
	fixture_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scratch_has_a_path_and_a_directory),
		cmocka_unit_test(base_config_is_inherited),
		cmocka_unit_test(env_replaces_in_place),
		cmocka_unit_test(entrypoint_drops_the_command_of_the_base_only),
		cmocka_unit_test(commands_are_quoted_like_go),
		cmocka_unit_test(ports_are_expanded_and_sorted_as_written),
		cmocka_unit_test(single_values_are_kept_as_written),
		cmocka_unit_test(health_checks_count_in_nanoseconds),
		cmocka_unit_test(triggers_are_kept_as_text),
		cmocka_unit_test(workdirs_stand_on_each_other),
		cmocka_unit_test(maintainer_is_the_author),
		cmocka_unit_test(labels_of_the_command_line_leave_no_history),
		cmocka_unit_test(bytes_that_are_not_utf8_are_replaced),
		cmocka_unit_test(a_given_platform_is_written_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
