/*
 * The default filter against docker's profile as testdata/seccomp/default
 * writes it down: for every call of every ABI, with arguments on both sides of
 * each condition, and with each capability. Neither our own tables nor
 * libseccomp have a part in what is expected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/caps_names.h"
#include "store/base/cleanup.h"
#include "tests/unit/builder/filter_run.h"

#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define LACKS (SECCOMP_RET_ERRNO | ENOSYS)
#define ALLOW SECCOMP_RET_ALLOW

#if defined(__x86_64__)

#define RULES_MAX 600
#define CALLS_MAX 600
#define YOUNGEST  466

struct rule {
	char condition[256];
	char call[256];
	char op; /* of a conditional call: < = > & E */
	uint32_t value;
};

struct abi {
	const char *name;
	uint32_t audit;
	uint32_t bit;
	char calls[CALLS_MAX][40];
};

/* Expectations, read from the files. */
struct oracle {
	struct rule rules[RULES_MAX];
	size_t n;
	struct abi abis[3];
};

static void add_conditional(struct oracle *o, const char *call,
			    const char *text)
{
	struct rule *r = &o->rules[o->n++];

	snprintf(r->condition, sizeof(r->condition), "argument");
	snprintf(r->call, sizeof(r->call), "%s", call);
	r->op = text[0];
	r->value = (uint32_t)strtoul(text + 1, NULL, 0);
}

static void add_names(struct oracle *o, const char *condition, char *names)
{
	for (char *name; (name = strsep(&names, " "));) {
		struct rule *r = &o->rules[o->n++];

		assert_true(o->n < RULES_MAX);
		snprintf(r->condition, sizeof(r->condition), "%s", condition);
		snprintf(r->call, sizeof(r->call), "%s", name);
	}
}

static void read_rules(struct oracle *o, const char *path)
{
	autofile FILE *f = fopen(path, "re");
	char line[256];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		assert_non_null(colon);
		*colon = '\0';
		if (strchr("<=>&E", colon[2]))
			add_conditional(o, line, colon + 2);
		else
			add_names(o, line, colon + 2);
	}
	assert_true(o->n > 400);
}

static void read_calls(struct oracle *o, const char *path)
{
	autofile FILE *f = fopen(path, "re");
	char line[256], abi[16], name[40];
	unsigned number;
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%15s %u %39s", abi, &number, name) != 3)
			continue;
		assert_true(number < CALLS_MAX);
		for (size_t i = 0; i < ARRAY_LEN(o->abis); i++)
			if (!strcmp(o->abis[i].name, abi))
				strcpy(o->abis[i].calls[number], name);
		n++;
	}
	assert_true(n > 1000);
}

static int read_oracle(void **state)
{
	struct oracle *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	o->abis[0].name = "amd64";
	o->abis[1].name = "x32";
	o->abis[2].name = "x86";
	o->abis[0].audit = o->abis[1].audit = SCMP_ARCH_X86_64;
	o->abis[2].audit = SCMP_ARCH_X86;
	o->abis[1].bit = 0x40000000;
	read_rules(o, "testdata/seccomp/default");
	read_calls(o, "testdata/seccomp/calls-x86");
	*state = o;
	return 0;
}

static int free_oracle(void **state)
{
	free(*state);
	return 0;
}

static bool argument_fits(const struct rule *r, uint32_t arg)
{
	switch (r->op) {
	case '<':
		return arg < r->value;
	case '=':
		return arg == r->value;
	case '>':
		return arg > r->value;
	default:
		return (arg & r->value) == 0;
	}
}

static bool allows(const struct rule *r, uint64_t caps, uint32_t arg)
{
	if (r->op)
		return r->op != 'E' && argument_fits(r, arg);
	if (!strncmp(r->condition, "CAP_", 4)) {
		int cap = caps_number(r->condition);

		assert_true(cap >= 0);
		return caps & CAPS_BIT(cap);
	}
	assert_true(!strcmp(r->condition, "always") ||
		    !strcmp(r->condition, "x86"));
	return true;
}

static uint32_t expected(const struct oracle *o, const struct abi *abi,
			 uint32_t number, uint64_t caps, uint32_t arg)
{
	const char *call = number < CALLS_MAX ? abi->calls[number] : "";
	uint32_t otherwise =
		number > YOUNGEST && (!*call || number < 512 || !abi->bit)
			? LACKS
			: DENY;

	for (size_t i = 0; *call && i < o->n; i++) {
		const struct rule *r = &o->rules[i];

		if (strcmp(r->call, call))
			continue;
		if (allows(r, caps, arg))
			return ALLOW;
		if (r->op == 'E')
			otherwise = LACKS;
	}
	return otherwise;
}

/* The first few are told apart by most rules, all of them by all. */
#define FEW 3

static const uint64_t arguments[] = {
	0,	    38,		0x10000000, 1,		7,	    8,
	9,	    37,		39,	    40,		41,	    0x1ffff,
	0x20000,    0x20001,	0x20008,    0x40000,	0x02000000, 0x04000000,
	0x08000000, 0x20000000, 0x40000000, 0x80000000, 0xfffffffe, 0xffffffff,
	0x7e020000, 0x80,	0x1200011,
};

static void compare(const struct oracle *o, const struct abi *abi,
		    const struct seccomp_program *p, uint64_t caps,
		    size_t n_arguments, uint32_t number)
{
	for (size_t i = 0; i < n_arguments; i++)
		for (uint64_t high = 0; high < 2; high++) {
			uint64_t arg = arguments[i] | high << 32;
			uint32_t got = filter_ask(p, abi->audit,
						  number | abi->bit, arg);
			uint32_t want = expected(o, abi, number, caps,
						 (uint32_t)arguments[i]);

			if (got == want)
				continue;
			fail_msg("%s %u %s(%llx) with caps %llx: %x, not %x",
				 abi->name, number,
				 number < CALLS_MAX ? abi->calls[number] : "",
				 (unsigned long long)arg,
				 (unsigned long long)caps, got, want);
		}
}

static void compare_all(const struct oracle *o, uint64_t caps,
			size_t n_arguments)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(seccomp_compile(caps, &p, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(o->abis); i++) {
		const struct abi *abi = &o->abis[i];

		for (uint32_t number = 0; number < CALLS_MAX; number++)
			compare(o, abi, &p, caps, n_arguments, number);
		compare(o, abi, &p, caps, n_arguments, 1023);
		compare(o, abi, &p, caps, n_arguments, 5000);
	}
}

static void every_call_is_judged_as_docker_does(void **state)
{
	compare_all(*state, CAPS_DEFAULT, ARRAY_LEN(arguments));
	compare_all(*state, 0, ARRAY_LEN(arguments));
	compare_all(*state, CAPS_ALL, ARRAY_LEN(arguments));
}

static void every_capability_opens_its_calls_and_no_others(void **state)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		compare_all(*state, CAPS_BIT(cap), FEW);
}

static void foreign_architectures_kill(void **state)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(seccomp_compile(CAPS_ALL, &p, &err), 0);
	assert_int_equal(filter_ask(&p, SCMP_ARCH_AARCH64, 1, 0),
			 SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(filter_ask(&p, 0, 1, 0), SECCOMP_RET_KILL_PROCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_call_is_judged_as_docker_does),
		cmocka_unit_test(
			every_capability_opens_its_calls_and_no_others),
		cmocka_unit_test(foreign_architectures_kill),
	};

	return cmocka_run_group_tests_name("seccomp_default", tests,
					   read_oracle, free_oracle);
}

#else

int main(void)
{
	puts("# only the ABIs of x86-64 are written down");
	return 0;
}

#endif
