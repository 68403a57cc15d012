/*
 * The compiled filter is run here as the kernel would run it and compared, for
 * every call and architecture, with what libseccomp makes of the same tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/seccomp.h"
#include "builder/sandbox/seccomp_profile.h"
#include "store/base/io.h"
#include "tests/unit/builder/filter_run.h"

#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define LACKS (SECCOMP_RET_ERRNO | ENOSYS)
#define ALLOW SECCOMP_RET_ALLOW

static void add(scmp_filter_ctx ctx, uint32_t action, const char *name,
		const struct scmp_arg_cmp *arg)
{
	int number = seccomp_syscall_resolve_name(name);
	int r;

	if (number == __NR_SCMP_ERROR)
		return;
	r = seccomp_rule_add_array(ctx, action, number, arg ? 1 : 0, arg);
	assert_true(r == 0 || r == -EEXIST);
}

static void add_names(scmp_filter_ctx ctx, const char *names)
{
	char *copy = strdup(names);
	char *rest = copy;

	assert_non_null(copy);
	for (char *name; (name = strsep(&rest, " "));)
		if (*name)
			add(ctx, SCMP_ACT_ALLOW, name, NULL);
	free(copy);
}

static void add_conditional(scmp_filter_ctx ctx)
{
	static const struct scmp_arg_cmp sockets[] = {
		{ 0, SCMP_CMP_LT, 38, 0 },
		{ 0, SCMP_CMP_EQ, 39, 0 },
		{ 0, SCMP_CMP_GT, 40, 0 },
	};
	static const uint64_t personalities[] = { 0, 0x8, 0x20000, 0x20008,
						  0xffffffff };

	for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
		add(ctx, SCMP_ACT_ALLOW, "socket", &sockets[i]);
	for (size_t i = 0; i < ARRAY_LEN(personalities); i++)
		add(ctx, SCMP_ACT_ALLOW, "personality",
		    &(struct scmp_arg_cmp){ 0, SCMP_CMP_EQ, personalities[i],
					    0 });
}

/* The same profile through libseccomp's own compiler. */
static void compile_reference(uint64_t caps, struct seccomp_program *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	AUTO(buf_release) struct buf code = BUF_INIT;
	struct error err = ERROR_INIT;
	int fd = memfd_create("reference", MFD_CLOEXEC);

	assert_non_null(ctx);
#if defined(__x86_64__)
	assert_int_equal(seccomp_arch_add(ctx, SCMP_ARCH_X86), 0);
	assert_int_equal(seccomp_arch_add(ctx, SCMP_ARCH_X32), 0);
#endif
	add_names(ctx, seccomp_allowed);
	add_conditional(ctx);
	if (!(caps & CAPS_BIT(CAP_SYS_ADMIN))) {
		add(ctx, SCMP_ACT_ALLOW, "clone",
		    &(struct scmp_arg_cmp){ 0, SCMP_CMP_MASKED_EQ, 0x7E020000,
					    0 });
		add(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL);
	}
	for (size_t i = 0; i < n_seccomp_cap_rules; i++)
		if (caps & CAPS_BIT(seccomp_cap_rules[i].cap))
			add_names(ctx, seccomp_cap_rules[i].names);
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(io_read_all(fd, 1U << 20, "reference", &code, &err),
			 0);
	close(fd);
	seccomp_release(ctx);
	ret->n = code.len / sizeof(struct sock_filter);
	ret->code = (struct sock_filter *)buf_steal(&code);
}

static const struct {
	uint32_t token;
	uint32_t audit;
	uint32_t base;
} abis[] = {
#if defined(__x86_64__)
	{ SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, 0 },
	{ SCMP_ARCH_X32, SCMP_ARCH_X86_64, 0x40000000 },
	{ SCMP_ARCH_X86, SCMP_ARCH_X86, 0 },
#endif
	{ 0, 0, 0 },
};

static const uint64_t arguments[] = {
	0,	    1,		8,	    37,	       38,	   39,
	40,	    41,		0x20000,    0x20008,   0x40000,	   0x02000000,
	0x04000000, 0x08000000, 0x10000000, 0x11,      0x20000000, 0x40000000,
	0x80000000, 0xffffffff, 0x7E020000, 0x1200011,
};

static void compare_calls(uint64_t caps, size_t abi)
{
	AUTO(seccomp_program_release) struct seccomp_program ours = { 0 };
	AUTO(seccomp_program_release) struct seccomp_program theirs = { 0 };
	struct error err = ERROR_INIT;

	assert_int_equal(seccomp_compile(caps, &ours, &err), 0);
	compile_reference(caps, &theirs);
	for (uint32_t nr = 0; nr <= 547; nr++) {
		uint32_t full = nr | abis[abi].base;
		char *name = seccomp_syscall_resolve_num_arch(abis[abi].token,
							      (int)full);

		for (size_t i = 0; name && i < ARRAY_LEN(arguments); i++) {
			uint32_t got = filter_ask(&ours, abis[abi].audit, full,
						  arguments[i]);
			uint32_t want = filter_ask(&theirs, abis[abi].audit,
						   full, arguments[i]);

			if (got != want)
				fail_msg("%s (%u) with %llx: %x, not %x", name,
					 full, (unsigned long long)arguments[i],
					 got, want);
		}
		free(name);
	}
}

static void the_filter_equals_what_libseccomp_makes_of_it(void **state)
{
	static const uint64_t caps[] = {
		CAPS_DEFAULT,
		0,
		CAPS_ALL,
		CAPS_DEFAULT | CAPS_BIT(CAP_SYS_ADMIN),
		CAPS_DEFAULT | CAPS_BIT(CAP_SYS_PTRACE),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(caps); i++)
		for (size_t abi = 0; abis[abi].token; abi++)
			compare_calls(caps[i], abi);
}

#if defined(__x86_64__)
static void numbers_without_a_name_are_known(void **state)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
	struct error err = ERROR_INIT;
	static const uint32_t audits[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86 };

	(void)state;
	assert_int_equal(seccomp_compile(CAPS_DEFAULT, &p, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(audits); i++) {
		uint32_t a = audits[i];

		assert_int_equal(filter_ask(&p, a, 452 /* fchmodat2 */, 0),
				 ALLOW);
		assert_int_equal(filter_ask(&p, a, 462 /* mseal */, 0), ALLOW);
		assert_int_equal(filter_ask(&p, a, 466 /* removexattrat */, 0),
				 ALLOW);
		assert_int_equal(filter_ask(&p, a, 425 /* io_uring_setup */, 0),
				 DENY);
		assert_int_equal(
			filter_ask(&p, a, 461 /* lsm_list_modules */, 0), DENY);
		assert_int_equal(filter_ask(&p, a, 435 /* clone3 */, 0), LACKS);
		assert_int_equal(filter_ask(&p, a, 467 /* open_tree_attr */, 0),
				 LACKS);
		assert_int_equal(filter_ask(&p, a, 5000, 0), LACKS);
		assert_int_equal(filter_ask(&p, a, 0xffffffff, 0), LACKS);
	}
	assert_int_equal(filter_ask(&p, SCMP_ARCH_X86, 359 /* socket */, 2),
			 ALLOW);
	assert_int_equal(filter_ask(&p, SCMP_ARCH_X86, 359 /* socket */, 38),
			 DENY);
	assert_int_equal(filter_ask(&p, SCMP_ARCH_X86, 361 /* bind */, 0),
			 ALLOW);
	assert_int_equal(filter_ask(&p, SCMP_ARCH_AARCH64, 1, 0),
			 SECCOMP_RET_KILL_PROCESS);
}

static void bits_above_an_int_change_nothing(void **state)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
	struct error err = ERROR_INIT;
	uint64_t high = UINT64_C(0x100000000);

	(void)state;
	assert_int_equal(seccomp_compile(CAPS_DEFAULT, &p, &err), 0);
	assert_int_equal(filter_ask(&p, SCMP_ARCH_X86_64, 41, high | 38), DENY);
	assert_int_equal(filter_ask(&p, SCMP_ARCH_X86_64, 41, high | 40), DENY);
	assert_int_equal(
		filter_ask(&p, SCMP_ARCH_X86_64, 56, high | 0x10000000), DENY);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_filter_equals_what_libseccomp_makes_of_it),
#if defined(__x86_64__)
		cmocka_unit_test(numbers_without_a_name_are_known),
		cmocka_unit_test(bits_above_an_int_change_nothing),
#endif
	};

	return cmocka_run_group_tests_name("seccomp", tests, NULL, NULL);
}
