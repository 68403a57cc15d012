/* Option tables, output specifications and limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/cli/limits.h"
#include "builder/cli/options.h"
#include "builder/cli/output.h"
#include "store/base/csv.h"

struct parsed {
	bool push, help;
	const char *file;
	struct strv tags, words;
};

static int parse(struct parsed *p, const char *const *argv, struct error *err)
{
	const struct option_spec specs[] = {
		{ "push", 'p', OPTION_BOOL, &p->push, NULL, "" },
		{ "file", 'f', OPTION_STRING, &p->file, "FILE", "" },
		{ "tag", 't', OPTION_LIST, &p->tags, "NAME", "" },
		{ "rm", 0, OPTION_IGNORED_BOOL, NULL, NULL, NULL },
	};
	int argc = 0;

	while (argv[argc])
		argc++;
	/* main()'s argv is not const for historical reasons only. */
	return options_parse(specs, ARRAY_LEN(specs), argc, (char **)argv,
			     &p->words, &p->help, err);
}

static void release(struct parsed *p)
{
	strv_release(&p->tags);
	strv_release(&p->words);
}

static void every_spelling_of_an_option_is_understood(void **state)
{
	const char *argv[] = { "build", "-t",		"a",	"--tag=b",
			       "-tc",	"-pf",		"Dock", "--rm",
			       ".",	"--push=false", "--",	"-x",
			       NULL };
	struct parsed p = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(parse(&p, argv, &err), 0);
	assert_int_equal(p.tags.len, 3);
	assert_string_equal(p.tags.items[0], "a");
	assert_string_equal(p.tags.items[1], "b");
	assert_string_equal(p.tags.items[2], "c");
	assert_string_equal(p.file, "Dock");
	assert_false(p.push);
	assert_int_equal(p.words.len, 2);
	assert_string_equal(p.words.items[0], ".");
	assert_string_equal(p.words.items[1], "-x");
	release(&p);
}

static void a_wrong_option_is_a_usage_error_that_helps(void **state)
{
	static const struct {
		const char *word;
		const char *message;
	} rows[] = {
		{ "--psh", "unknown option --psh (did you mean --push?)" },
		{ "--zzzzzz", "unknown option --zzzzzz" },
		{ "-z", "unknown option -z" },
		{ "--file", "--file needs a value" },
		{ "-t", "--tag needs a value" },
		{ "--push=maybe", "--push takes true or false, not \"maybe\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		const char *argv[] = { "build", rows[i].word, NULL };
		struct parsed p = { 0 };
		struct error err = ERROR_INIT;
		char text[512];

		assert_int_equal(parse(&p, argv, &err), -1);
		assert_int_equal(error_exit_status(&err), 2);
		assert_string_equal(error_message(&err, text, sizeof(text)),
				    rows[i].message);
		release(&p);
	}
}

static void csv_fields_follow_quoting(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *first, *last;
	} rows[] = {
		{ "a", 1, "a", "a" },
		{ "", 1, "", "" },
		{ "a,b=c,", 3, "a", "" },
		{ "\"a,b\",c", 2, "a,b", "c" },
		{ "\"say \"\"hi\"\"\"", 1, "say \"hi\"", "say \"hi\"" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv fields = STRV_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(
			csv_split(rows[i].text, ERROR_USAGE, &fields, &err), 0);
		assert_int_equal(fields.len, rows[i].n);
		assert_string_equal(fields.items[0], rows[i].first);
		assert_string_equal(fields.items[fields.len - 1], rows[i].last);
	}
}

static void a_misplaced_csv_quote_is_refused(void **state)
{
	static const char *const rows[] = { "\"a", "a\"b\"", "\"a\"b" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv fields = STRV_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(csv_split(rows[i], ERROR_USAGE, &fields, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
}

static void an_output_specification_means_what_buildx_says(void **state)
{
	AUTO(output_release) struct output o = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		output_parse("type=oci,dest=x.tar,tar=false,compression=zstd,"
			     "compression-level=7,oci-mediatypes=false,"
			     "rewrite-timestamp=true,\"name=a,b:1\","
			     "annotation.k=v",
			     &o, &err),
		0);
	assert_int_equal(o.kind, OUTPUT_OCI);
	assert_string_equal(o.dest, "x.tar");
	assert_true(o.directory);
	assert_true(o.rewrite_timestamp);
	assert_true(o.format.docker);
	assert_int_equal(o.format.compression.kind, COMPRESSION_ZSTD);
	assert_int_equal(o.format.compression.level, 7);
	assert_int_equal(o.names.len, 2);
	assert_string_equal(o.names.items[0], "docker.io/library/a:latest");
	assert_string_equal(o.names.items[1], "docker.io/library/b:1");
	assert_string_equal(
		json_string_value(json_object_get(o.annotations, "k")), "v");
}

static void short_outputs_are_a_directory_or_a_tar_on_stdout(void **state)
{
	AUTO(output_release) struct output dir = { 0 }, tar = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(output_parse("out", &dir, &err), 0);
	assert_int_equal(dir.kind, OUTPUT_LOCAL);
	assert_string_equal(dir.dest, "out");
	assert_int_equal(output_parse("-", &tar, &err), 0);
	assert_int_equal(tar.kind, OUTPUT_TAR);
}

static void a_wrong_output_is_refused(void **state)
{
	static const char *const rows[] = {
		"type=zip,dest=x",
		"type=local",
		"type=oci,tar=false",
		"type=oci,push=true",
		"type=oci,compression=lzma",
		"type=oci,compression-level=99",
		"type=oci,bogus=1",
		"type=oci,dest",
		"type=image,annotation-index.a=b",
		"type=docker,tar=false,dest=x",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(output_release) struct output o = { 0 };
		struct error err = ERROR_INIT;

		if (output_parse(rows[i], &o, &err) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(err.kind, ERROR_USAGE);
	}
}

static void limits_take_dockers_units(void **state)
{
	struct limit_options o = { .memory = "512m",
				   .memory_swap = "-1",
				   .shm_size = "1gb",
				   .cpus = "1.5",
				   .pids = "20" };
	struct solve_options so = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	strv_append(&o.ulimits, "nofile=1024:2048");
	strv_append(&o.ulimits, "core=-1");
	assert_int_equal(limit_options_apply(&o, &so, &err), 0);
	assert_int_equal(so.limits.memory_bytes, 512LL << 20);
	assert_int_equal(so.limits.memory_swap_bytes, -1);
	assert_int_equal(so.shm_size_bytes, 1LL << 30);
	assert_int_equal(so.limits.cpu_quota_us, 150000);
	assert_int_equal(so.limits.cpu_period_us, 100000);
	assert_int_equal(so.limits.pids, 20);
	assert_int_equal(so.n_rlimits, 2);
	assert_int_equal(so.rlimits[0].soft, 1024);
	assert_int_equal(so.rlimits[0].hard, 2048);
	assert_true(so.rlimits[1].soft == UINT64_MAX);
	limit_options_release(&o);
}

static void a_wrong_limit_names_the_option(void **state)
{
	static const char *const rows[] = { "nofile", "nofile=", "bogus=1",
					    "nofile=2:1", "nofile=x" };
	struct limit_options memory = { .memory = "12q" };
	struct solve_options so = { 0 };
	struct error err = ERROR_INIT;
	char text[256];
	size_t i;

	(void)state;
	assert_int_equal(limit_options_apply(&memory, &so, &err), -1);
	assert_string_equal(error_message(&err, text, sizeof(text)),
			    "--memory: \"12q\" is not a valid value");
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct limit_options o = { 0 };

		strv_append(&o.ulimits, rows[i]);
		if (limit_options_apply(&o, &so, &err) == 0)
			fail_msg("accepted: %s", rows[i]);
		limit_options_release(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_an_option_is_understood),
		cmocka_unit_test(a_wrong_option_is_a_usage_error_that_helps),
		cmocka_unit_test(csv_fields_follow_quoting),
		cmocka_unit_test(a_misplaced_csv_quote_is_refused),
		cmocka_unit_test(
			an_output_specification_means_what_buildx_says),
		cmocka_unit_test(
			short_outputs_are_a_directory_or_a_tar_on_stdout),
		cmocka_unit_test(a_wrong_output_is_refused),
		cmocka_unit_test(limits_take_dockers_units),
		cmocka_unit_test(a_wrong_limit_names_the_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
