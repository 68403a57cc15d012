/*
 * Profiles in docker's format. What a compiled one says to calls is compared
 * with what libseccomp's own compiler makes of the same rule, given by hand.
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
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/seccomp_json.h"
#include "store/base/io.h"
#include "tests/unit/builder/filter_run.h"

#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define CHOWN CAPS_BIT(CAP_CHOWN)
#define KILL  CAPS_BIT(CAP_KILL)

static void compile(const char *text, uint64_t caps,
		    struct seccomp_program *ret)
{
	struct error err = ERROR_INIT;
	char message[2400];

	if (seccomp_json_compile(text, strlen(text), caps, ret, &err) < 0)
		fail_msg("%s: %s", text,
			 error_message(&err, message, sizeof(message)));
}

static uint32_t ask(const struct seccomp_program *p, long nr, uint64_t a,
		    uint64_t b)
{
	const struct seccomp_data data = { .nr = (int)nr,
					   .arch = seccomp_arch_native(),
					   .args = { a, a, b } };

	return filter_judge(p, &data);
}

/* "includes" and "excludes" around a rule, and whether it applies then. */
static const struct {
	const char *when;
	uint64_t caps;
	bool applies;
} conditions[] = {
	{ "\"comment\": \"\"", 0, true },
	{ "\"includes\": {}, \"excludes\": null", 0, true },
	{ "\"includes\": {\"caps\": [\"CAP_CHOWN\"]}", 0, false },
	{ "\"includes\": {\"caps\": [\"CAP_CHOWN\"]}", CHOWN, true },
	{ "\"includes\": {\"caps\": [\"CAP_CHOWN\", \"CAP_KILL\"]}", CHOWN,
	  false },
	{ "\"includes\": {\"caps\": [\"CAP_CHOWN\", \"CAP_KILL\"]}",
	  CHOWN | KILL, true },
	{ "\"includes\": {\"caps\": [\"CAP_NO_SUCH\"]}", CAPS_ALL, false },
	{ "\"excludes\": {\"caps\": [\"CAP_CHOWN\", \"CAP_KILL\"]}", 0, true },
	{ "\"excludes\": {\"caps\": [\"CAP_CHOWN\", \"CAP_KILL\"]}", KILL,
	  false },
	{ "\"excludes\": {\"caps\": [\"CAP_NO_SUCH\"]}", CAPS_ALL, true },
	{ "\"includes\": {\"arches\": [\"mips\"]}", 0, false },
	{ "\"includes\": {\"arches\": [\"mips\", \"HERE\"]}", 0, true },
	{ "\"includes\": {\"arches\": []}", 0, true },
	{ "\"excludes\": {\"arches\": [\"mips\"]}", 0, true },
	{ "\"excludes\": {\"arches\": [\"mips\", \"HERE\"]}", 0, false },
	{ "\"includes\": {\"minKernel\": \"4.8\"}", 0, true },
	{ "\"includes\": {\"minKernel\": \"99.0\"}", 0, false },
	{ "\"excludes\": {\"minKernel\": \"4.8\"}", 0, false },
	{ "\"excludes\": {\"minKernel\": \"99.0\"}", 0, true },
	{ "\"includes\": {\"caps\": [\"CAP_KILL\"], \"arches\": [\"HERE\"], "
	  "\"minKernel\": \"4.8\"}",
	  KILL, true },
	{ "\"includes\": {\"caps\": [\"CAP_KILL\"], \"arches\": [\"mips\"]}",
	  KILL, false },
	{ "\"includes\": {\"caps\": [\"CAP_KILL\"]}, "
	  "\"excludes\": {\"caps\": [\"CAP_CHOWN\"]}",
	  KILL | CHOWN, false },
};

static const char *own_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__powerpc64__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#else
	return "riscv64";
#endif
}

static void rules_apply_under_their_conditions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
		AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
		const char *when = conditions[i].when;
		const char *own = strstr(when, "HERE");
		int before = own ? (int)(own - when) : (int)strlen(when);
		char text[512];

		snprintf(text, sizeof(text),
			 "{\"defaultAction\": \"SCMP_ACT_ERRNO\", "
			 "\"syscalls\": [{\"names\": [\"sync\", \"no_such\"], "
			 "\"action\": \"SCMP_ACT_ALLOW\", %.*s%s%s}]}",
			 before, when, own ? own_arch() : "",
			 own ? own + 4 : "");
		compile(text, conditions[i].caps, &p);
		if (ask(&p, SYS_sync, 0, 0) !=
		    (conditions[i].applies ? SECCOMP_RET_ALLOW : DENY))
			fail_msg("%s with caps %llx", text,
				 (unsigned long long)conditions[i].caps);
		assert_int_equal(ask(&p, SYS_getpid, 0, 0), DENY);
	}
}

/* A rule of libseccomp's own, given by hand. */
static void compile_reference(const struct scmp_arg_cmp *args, unsigned n,
			      struct seccomp_program *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	AUTO(buf_release) struct buf code = BUF_INIT;
	struct error err = ERROR_INIT;
	autoclose int fd = memfd_create("reference", MFD_CLOEXEC);

	assert_non_null(ctx);
	assert_int_equal(
		seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SYS_write, n, args),
		0);
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	seccomp_release(ctx);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(io_read_all(fd, 1U << 20, "reference", &code, &err),
			 0);
	ret->n = code.len / sizeof(struct sock_filter);
	ret->code = (struct sock_filter *)buf_steal(&code);
}

static const uint64_t values[] = {
	0,	    1,		 4,	      5,	  6,
	0x10,	    0xf0,	 0xff,	      0x7fffffff, 0x80000000,
	0xffffffff, 0x100000005, 0x123456789, UINT64_MAX,
};

static void compare_with(const struct seccomp_program *ours,
			 const struct scmp_arg_cmp *args, unsigned n,
			 const char *text)
{
	AUTO(seccomp_program_release) struct seccomp_program theirs = { 0 };

	compile_reference(args, n, &theirs);
	for (size_t a = 0; a < ARRAY_LEN(values); a++)
		for (size_t b = 0; b < ARRAY_LEN(values); b++)
			if (ask(ours, SYS_write, values[a], values[b]) !=
			    ask(&theirs, SYS_write, values[a], values[b]))
				fail_msg("%s: %llx %llx", text,
					 (unsigned long long)values[a],
					 (unsigned long long)values[b]);
}

static const struct {
	const char *name;
	enum scmp_compare op;
} ops[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static void compare_op(size_t i, const struct scmp_arg_cmp args[2], unsigned n)
{
	AUTO(seccomp_program_release) struct seccomp_program ours = { 0 };
	char text[640];

	snprintf(text, sizeof(text),
		 "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
		 "{\"name\": \"write\", \"action\": \"SCMP_ACT_ALLOW\", "
		 "\"args\": [{\"index\": 1, \"value\": %llu, \"valueTwo\": "
		 "%llu, \"op\": \"%s\"}%s]}]}",
		 (unsigned long long)args[0].datum_a,
		 (unsigned long long)args[0].datum_b, ops[i].name,
		 n > 1 ? ", {\"index\": 2, \"value\": 5, \"op\": "
			 "\"SCMP_CMP_GE\"}"
		       : "");
	compile(text, 0, &ours);
	compare_with(&ours, args, n, text);
}

static void every_comparison_is_libseccomps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		for (size_t v = 0; v < ARRAY_LEN(values) - 1; v++) {
			struct scmp_arg_cmp args[2] = {
				{ 1, ops[i].op, values[v], 0x10 },
				{ 2, SCMP_CMP_GE, 5, 0 },
			};

			compare_op(i, args, 1);
			compare_op(i, args, 2);
		}
}

/* As with runc: tests of one argument are alternatives. */
static void tests_of_one_argument_are_alternatives(void **state)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };

	(void)state;
	compile("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
		"{\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", "
		"\"args\": [{\"index\": 0, \"value\": 4, \"op\": "
		"\"SCMP_CMP_EQ\"}, {\"index\": 0, \"value\": 5, \"op\": "
		"\"SCMP_CMP_EQ\"}]}]}",
		0, &p);
	assert_int_equal(ask(&p, SYS_write, 4, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, SYS_write, 5, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, SYS_write, 6, 0), DENY);
}

static const struct {
	const char *rule;
	uint32_t action;
} actions[] = {
	{ "\"action\": \"SCMP_ACT_ALLOW\"", SECCOMP_RET_ALLOW },
	{ "\"action\": \"SCMP_ACT_ERRNO\"", SECCOMP_RET_ERRNO | 28 },
	{ "\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38",
	  SECCOMP_RET_ERRNO | 38 },
	{ "\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 0",
	  SECCOMP_RET_ERRNO },
	{ "\"action\": \"SCMP_ACT_KILL\"", SECCOMP_RET_KILL_THREAD },
	{ "\"action\": \"SCMP_ACT_KILL_THREAD\"", SECCOMP_RET_KILL_THREAD },
	{ "\"action\": \"SCMP_ACT_KILL_PROCESS\"", SECCOMP_RET_KILL_PROCESS },
	{ "\"action\": \"SCMP_ACT_TRAP\"", SECCOMP_RET_TRAP },
	{ "\"action\": \"SCMP_ACT_TRACE\", \"errnoRet\": 7",
	  SECCOMP_RET_TRACE | 7 },
	{ "\"action\": \"SCMP_ACT_LOG\"", SECCOMP_RET_LOG },
};

static void every_action_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"defaultAction\": \"SCMP_ACT_ERRNO\", "
			 "\"defaultErrnoRet\": 28, \"syscalls\": [{\"names\": "
			 "[\"sync\"], %s}]}",
			 actions[i].rule);
		compile(text, 0, &p);
		assert_int_equal(ask(&p, SYS_sync, 0, 0), actions[i].action);
		assert_int_equal(ask(&p, SYS_getpid, 0, 0),
				 SECCOMP_RET_ERRNO | 28);
	}
}

#if defined(__x86_64__)
static void calls_younger_than_the_profile_do_not_exist(void **state)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };

	(void)state;
	compile("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
		"{\"names\": [\"openat2\"], \"action\": \"SCMP_ACT_ALLOW\"}]}",
		0, &p);
	assert_int_equal(ask(&p, SYS_openat2 - 1, 0, 0), DENY);
	assert_int_equal(ask(&p, SYS_openat2, 0, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(ask(&p, SYS_openat2 + 1, 0, 0),
			 SECCOMP_RET_ERRNO | ENOSYS);
	assert_int_equal(ask(&p, 5000, 0, 0), SECCOMP_RET_ERRNO | ENOSYS);
}

static void architectures_come_from_either_list(void **state)
{
	static const char *const lists[] = {
		"\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"]",
		"\"archMap\": [{\"architecture\": \"SCMP_ARCH_AARCH64\", "
		"\"subArchitectures\": [\"SCMP_ARCH_ARM\"]}, "
		"{\"architecture\": \"SCMP_ARCH_X86_64\", "
		"\"subArchitectures\": [\"SCMP_ARCH_X86\"]}]",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
		char text[512];

		snprintf(text, sizeof(text),
			 "{\"defaultAction\": \"SCMP_ACT_ERRNO\", %s, "
			 "\"syscalls\": [{\"names\": [\"sync\"], \"action\": "
			 "\"SCMP_ACT_ALLOW\"}]}",
			 lists[i]);
		compile(text, 0, &p);
		assert_int_equal(filter_ask(&p, SCMP_ARCH_X86, 36, 0),
				 SECCOMP_RET_ALLOW);
		assert_int_equal(filter_ask(&p, SCMP_ARCH_X86, 37, 0), DENY);
		assert_int_equal(ask(&p, SYS_sync, 0, 0), SECCOMP_RET_ALLOW);
		assert_int_equal(filter_ask(&p, SCMP_ARCH_ARM, 36, 0),
				 SECCOMP_RET_KILL_THREAD);
	}
}
#endif

#define RULE(body)                                                             \
	"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "  \
	"[\"sync\"], \"action\": \"SCMP_ACT_ERRNO\", " body "}]}"

/* What must not be read as if it were not there. */
static const struct {
	const char *text;
	const char *message;
} broken[] = {
	{ "{\"defaultAction\": ", "line 1" },
	{ "[]", "no object" },
	{ "{}", "defaultAction" },
	{ "{\"defaultAction\": \"SCMP_ACT_FLY\"}", "SCMP_ACT_FLY" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": {}}",
	  "\"syscalls\" is no list" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [1]}",
	  "\"syscalls\"[0] is no object" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
	  "\"sync\", \"action\": \"SCMP_ACT_ERRNO\"}]}",
	  "syscalls[0]: \"names\" is no list" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": "
	  "[2], \"action\": \"SCMP_ACT_ERRNO\"}]}",
	  "\"names\"[0] is no string" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": "
	  "[\"SCMP_ARCH_PDP11\"]}",
	  "PDP11" },
	{ "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": "
	  "[{\"architecture\": \"X\"}]}",
	  "\"X\"" },
	{ RULE("\"args\": {}"), "\"args\" is no list" },
	{ RULE("\"args\": [{\"index\": 6, \"op\": \"SCMP_CMP_EQ\"}]"),
	  "argument 6" },
	{ RULE("\"args\": [{\"index\": -1, \"op\": \"SCMP_CMP_EQ\"}]"),
	  "argument -1" },
	{ RULE("\"args\": [{\"index\": 0, \"op\": \"SCMP_CMP_ODD\"}]"),
	  "SCMP_CMP_ODD" },
	{ RULE("\"args\": [{},{},{},{},{},{},{}]"), "more than 6" },
	{ RULE("\"excludes\": []"), "\"excludes\" is no object" },
	{ RULE("\"excludes\": {\"caps\": \"CAP_KILL\"}"), "\"caps\"" },
	{ RULE("\"includes\": {\"arches\": [1]}"), "\"arches\"[0]" },
	{ RULE("\"includes\": {\"minKernel\": \"new\"}"), "minKernel" },
	{ RULE("\"includes\": {\"minKernel\": 4.8}"), "minKernel" },
};

static void what_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct seccomp_program p = { 0 };
		struct error err = ERROR_INIT;
		char message[2400];

		assert_int_equal(seccomp_json_compile(broken[i].text,
						      strlen(broken[i].text), 0,
						      &p, &err),
				 -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		error_message(&err, message, sizeof(message));
		if (!strstr(message, broken[i].message))
			fail_msg("%s: %s", broken[i].text, message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_apply_under_their_conditions),
		cmocka_unit_test(every_comparison_is_libseccomps),
		cmocka_unit_test(tests_of_one_argument_are_alternatives),
		cmocka_unit_test(every_action_is_taken),
#if defined(__x86_64__)
		cmocka_unit_test(calls_younger_than_the_profile_do_not_exist),
		cmocka_unit_test(architectures_come_from_either_list),
#endif
		cmocka_unit_test(what_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests_name("seccomp_json", tests, NULL, NULL);
}
