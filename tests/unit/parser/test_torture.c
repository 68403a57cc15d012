/*
 * Allocation n fails, for every n: each entry point must answer with
 * ERROR_NOMEM, leak nothing and not crash. The linker sends the allocations of
 * the whole program here (--wrap, see the Makefile), those of jansson follow
 * by json_set_alloc_funcs().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parser/dockerfile.h"
#include "parser/ignore.h"
#include "parser/lint.h"
#include "parser/mount.h"
#include "parser/port.h"

/* Allocations until the failing one; negative: none fails. */
static long countdown = -1;

static bool fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __real_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap_vasprintf(char **ret, const char *fmt, va_list ap);
int __wrap_asprintf(char **ret, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
	if (fails()) {
		*ret = NULL;
		return -1;
	}
	return __real_vasprintf(ret, fmt, ap);
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = __wrap_vasprintf(ret, fmt, ap);
	va_end(ap);
	return len;
}

static const char dockerfile[] =
	"# syntax=x\n# check=skip=all\n# escape=\\\nARG A=1\n# comment\n"
	"FROM a AS b\nRUN --mount=type=cache,target=/c,id=x \\\n make\n"
	"COPY --exclude=*.o --exclude=a**b --from=i a b\n"
	"FROM c\nCOPY --from=b <<A <<-'B' /d/\nx\nA\n\ty\n\tB\n"
	"CMD [\"a\", \"\\u00e4\"]\nENV a=b c=\"d\"\nLABEL k v\n"
	"EXPOSE 80-90/udp\nHEALTHCHECK --interval=5s CMD x\n"
	"ONBUILD RUN <<E\nz\nE\nRUN --mount=type=secret,target=/s x\n"
	"RUN --mount=type=ssh x\nRUN --mount=type=secret,id=s x\n";

static int torture_parse(struct error *err)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	const struct instruction *in;
	autofree char *text = NULL, *body = NULL;
	json_t *json;
	size_t len;

	if (dockerfile_parse(dockerfile, strlen(dockerfile), &df, err) < 0 ||
	    dockerfile_check(df, err) < 0)
		return -1;
	in = &df->instructions[5];
	text = instruction_with_heredocs(in, in->text, err);
	body = text ? heredoc_body(&in->heredocs[1], &len, err) : NULL;
	if (!body)
		return -1;
	json = dockerfile_to_json(df);
	if (!json)
		return error_nomem(err, "printing");
	json_decref(json);
	return 0;
}

static int torture_lint(struct error *err)
{
	static const char text[] =
		"ARG A=1\nfrom x$A-$B AS Y\n# check=skip=UndefinedVar\n"
		"RUN a \\\n\n b\nENV K=$Z PASSWORD=1\nFROM scratch\n"
		"WORKDIR x\nCMD $Y\nCMD y\nENV A $Q\nEXPOSE 8:80/TCP\n"
		"COPY a.o b.o /\nFROM y\nARG P=$K\nLABEL a=$O\n";
	AUTO(lint_report_release) struct lint_report report = { 0 };
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	AUTO(strv_release) struct strv ignored = STRV_INIT;
	struct lint_facts facts = { .ignore_patterns = &ignored };

	strv_append(&ignored, "*.o");
	if (strv_check(&ignored, "testing", err) < 0 ||
	    dockerfile_parse(text, strlen(text), &df, err) < 0)
		return -1;
	return lint(df, &facts, &report, err);
}

static const char *lookup(void *ctx, const char *name)
{
	(void)ctx;
	return *name == 'a' ? "value x" : NULL;
}

static int torture_expand(struct error *err)
{
	static const char word[] = "$a'b'\"${a}\"${a#v*}${a//a/b}${b:-${a}}"
				   "${a%e}\\ ${c+d}";
	const struct expand_env env = { .lookup = lookup };
	AUTO(strv_release) struct strv words = STRV_INIT;
	autofree char *expanded = NULL, *body = NULL;
	size_t len;

	expanded = expand_word(word, '\\', &env, err);
	if (!expanded)
		return -1;
	body = expand_heredoc(word, strlen(word), &env, &len, err);
	if (!body)
		return -1;
	return expand_words(word, '\\', &env, &words, err);
}

static int torture_ignore(struct error *err)
{
	static const char file[] = "# c\n*\n!src/**/x\na**b\n/d/\n[a-c]?\n";
	AUTO(strv_release) struct strv patterns = STRV_INIT;
	AUTO(ignore_free) struct ignore *ig = NULL;
	autofree int *lines = NULL;

	if (ignorefile_read(file, strlen(file), &patterns, &lines, err) < 0 ||
	    ignore_new(&patterns, &ig, err) < 0)
		return -1;
	return ignore_match(ig, "src/a/x", NULL) ? 1 : 0;
}

static int torture_values(struct error *err)
{
	const struct expand_env env = { .lookup = lookup };
	AUTO(mount_spec_release) struct mount_spec m = { 0 };
	AUTO(strv_release) struct strv ports = STRV_INIT;

	if (mount_spec_parse("type=secret,\"source=$a\",mode=0444", '\\', &env,
			     &m, err) < 0)
		return -1;
	return port_spec_parse("127.0.0.1:1-20:1-20", &ports, NULL, err);
}

/* Run with each allocation failing in turn until one run needs them all. */
static void torture(int (*run)(struct error *err))
{
	long n;

	for (n = 0; n < 100000; n++) {
		struct error err = ERROR_INIT;
		int status;

		countdown = n;
		status = run(&err);
		if (countdown >= 0) {
			countdown = -1;
			if (status < 0)
				fail_msg("%s", err.text);
			assert_true(n > 5);
			return;
		}
		countdown = -1;
		if (status == 0)
			fail_msg("allocation %ld failed unnoticed", n);
		if (err.kind != ERROR_NOMEM)
			fail_msg("allocation %ld: %s", n, err.text);
	}
	fail_msg("it never succeeds");
}

static void parsing_survives_every_failing_allocation(void **state)
{
	(void)state;
	torture(torture_parse);
}

static void linting_survives_every_failing_allocation(void **state)
{
	(void)state;
	torture(torture_lint);
}

static void expansion_survives_every_failing_allocation(void **state)
{
	(void)state;
	torture(torture_expand);
}

static void ignoring_survives_every_failing_allocation(void **state)
{
	(void)state;
	torture(torture_ignore);
}

static void values_survive_every_failing_allocation(void **state)
{
	(void)state;
	torture(torture_values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parsing_survives_every_failing_allocation),
		cmocka_unit_test(linting_survives_every_failing_allocation),
		cmocka_unit_test(expansion_survives_every_failing_allocation),
		cmocka_unit_test(ignoring_survives_every_failing_allocation),
		cmocka_unit_test(values_survive_every_failing_allocation),
	};

	json_set_alloc_funcs(__wrap_malloc, free);
	return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
