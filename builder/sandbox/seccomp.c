#include "builder/sandbox/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/seccomp_profile.h"
#include "builder/sandbox/syscall_filter.h"

/*
 * libseccomp says which number a name has on which architecture; the program
 * is made here, since its own compiler takes longer than a whole container.
 */

/* CLONE_NEW* but for CLONE_NEWTIME, which shares bits with the exit signal. */
#define NAMESPACE_FLAGS 0x7E020000

#if defined(__s390__)
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

#define DENY  (SECCOMP_RET_ERRNO | EPERM)
#define LACKS (SECCOMP_RET_ERRNO | ENOSYS)

/* Numbers of one ABI, counted from its base; none reaches this many. */
#define NUMBERS 1024

/* From this one on, calls have the same number on every architecture. */
#define FIRST_COMMON 424

/*
 * A way to call the kernel. Those with the same `audit` are told apart by
 * `base`, which is part of the number, and stand together, in its order.
 */
struct abi {
	uint32_t token; /* libseccomp's name */
	uint32_t audit; /* AUDIT_ARCH_* */
	uint32_t base;
	/* Calls with numbers of their own above the common ones. */
	int first_own;
	int last_own;
};

static const struct abi abis[] = {
#if defined(__x86_64__)
	{ SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, 0, 0, 0 },
	{ SCMP_ARCH_X32, SCMP_ARCH_X86_64, 0x40000000, 512, 547 },
	{ SCMP_ARCH_X86, SCMP_ARCH_X86, 0, 0, 0 },
#elif defined(__aarch64__)
	{ SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, 0, 0, 0 },
	{ SCMP_ARCH_ARM, SCMP_ARCH_ARM, 0, 0, 0 },
	/* breakpoint, cacheflush, set_tls */
	{ SCMP_ARCH_ARM, SCMP_ARCH_ARM, 0x000f0000, 0, 0 },
#elif defined(__s390x__)
	{ SCMP_ARCH_S390X, SCMP_ARCH_S390X, 0, 0, 0 },
	{ SCMP_ARCH_S390, SCMP_ARCH_S390, 0, 0, 0 },
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	{ SCMP_ARCH_PPC64LE, SCMP_ARCH_PPC64LE, 0, 0, 0 },
#elif defined(__riscv) && __riscv_xlen == 64
	{ SCMP_ARCH_RISCV64, SCMP_ARCH_RISCV64, 0, 0, 0 },
#else
/* cppcheck-suppress preprocessorErrorDirective */
#error "add the numbers of this architecture's ABIs"
#endif
};

/* What is allowed with certain arguments only. */
static const struct arg_test any_family_but_two[] = {
	/* No AF_ALG (38), whose parsers are exposed, and no AF_VSOCK (40). */
	{ 0, ARG_TEST_LESS, 38, 0 },
	{ 0, ARG_TEST_EQUAL, 39, 0 },
	{ 0, ARG_TEST_GREATER, 40, 0 },
};

static const struct arg_test usual_personalities[] = {
	{ 0, ARG_TEST_EQUAL, 0, 0 },	      { 0, ARG_TEST_EQUAL, 0x8, 0 },
	{ 0, ARG_TEST_EQUAL, 0x20000, 0 },    { 0, ARG_TEST_EQUAL, 0x20008, 0 },
	{ 0, ARG_TEST_EQUAL, 0xffffffff, 0 },
};

static const struct arg_test no_namespaces[] = {
	{ CLONE_FLAGS_ARG, ARG_TEST_MASKED_EQUAL, 0, NAMESPACE_FLAGS },
};

#define WITH(tests)                                                            \
	{                                                                      \
		SECCOMP_RET_ALLOW, DENY, tests, ARRAY_LEN(tests)               \
	}

const struct seccomp_conditional seccomp_conditional[] = {
	{ "socket", WITH(any_family_but_two) },
	{ "personality", WITH(usual_personalities) },
	/* New namespaces need CAP_SYS_ADMIN. */
	{ "clone", WITH(no_namespaces) },
	/*
	 * It has its flags in memory, out of a filter's sight; ENOSYS makes
	 * libc use clone() instead.
	 */
	{ "clone3", { LACKS, LACKS, NULL, 0 } },
};
const size_t n_seccomp_conditional = ARRAY_LEN(seccomp_conditional);

static const struct verdict allow = { SECCOMP_RET_ALLOW, 0, NULL, 0 };

/* One ABI's verdicts by number. */
struct table {
	const struct abi *abi;
	struct verdict verdicts[NUMBERS];
};

static int direct_number(const char *name)
{
	for (size_t i = 0; i < n_seccomp_direct; i++)
		if (strcmp(seccomp_direct[i].name, name) == 0)
			return seccomp_direct[i].number;
	return 0;
}

/* Its number there, counted from the base; -1 when the ABI has none. */
static int number_of(const struct abi *abi, const char *name)
{
	int number = seccomp_syscall_resolve_name_arch(abi->token, name);
	uint32_t counted;

	/* Negative ones stand for what an architecture does otherwise. */
	if (number < 0) {
		number = direct_number(name);
		if (number == 0)
			return -1;
	}
	if (((uint32_t)number & abi->base) != abi->base)
		return -1;
	counted = (uint32_t)number - abi->base;
	return counted < NUMBERS ? (int)counted : -1;
}

static void set(struct table *t, const char *name, const struct verdict *v)
{
	int number = number_of(t->abi, name);

	if (number >= 0)
		t->verdicts[number] = *v;
}

static void allow_names(struct table *t, const char *names)
{
	char name[SECCOMP_NAME_SIZE];

	while (seccomp_next_name(&names, name))
		set(t, name, &allow);
}

/* Calls that libseccomp may be too old to have a name for. */
static void allow_numbered(struct table *t, uint64_t caps)
{
	for (size_t i = 0; i < n_seccomp_numbered; i++) {
		const struct seccomp_numbered *n = &seccomp_numbered[i];

		/* The native ABI's own. */
		if (n->number < FIRST_COMMON && t->abi != &abis[0])
			continue;
		if (n->cap < 0 || caps & CAPS_BIT(n->cap))
			t->verdicts[n->number] = allow;
	}
}

/*
 * Calls younger than the profile do not exist, so that a libc of tomorrow
 * falls back as it would on an old kernel; EPERM would be final.
 */
static void start_table(struct table *t)
{
	const struct abi *abi = t->abi;

	for (int i = 0; i < NUMBERS; i++) {
		bool is_known = i <= SECCOMP_LAST_KNOWN ||
				(i >= abi->first_own && i <= abi->last_own);
		uint32_t action = is_known ? DENY : LACKS;

		t->verdicts[i] = (struct verdict){ action, action, NULL, 0 };
	}
}

/* The order matters: a capability allows what was conditional before. */
static void fill_table(struct table *t, uint64_t caps)
{
	start_table(t);
	allow_names(t, seccomp_allowed);
	for (size_t i = 0; i < n_seccomp_conditional; i++)
		set(t, seccomp_conditional[i].name,
		    &seccomp_conditional[i].verdict);
	allow_numbered(t, caps);
	for (size_t i = 0; i < n_seccomp_cap_rules; i++)
		if (caps & CAPS_BIT(seccomp_cap_rules[i].cap))
			allow_names(t, seccomp_cap_rules[i].names);
}

static bool is_same(const struct verdict *a, const struct verdict *b)
{
	return a->action == b->action && a->tests == b->tests;
}

/* Append the table's ranges; what follows its last number is the last one. */
static void append_ranges(struct buf *ranges, const struct table *t)
{
	for (uint32_t i = 0; i < NUMBERS; i++) {
		const struct syscall_range range = {
			.first = t->abi->base + i,
			.verdict = t->verdicts[i],
		};

		if (i == 0 || !is_same(&t->verdicts[i - 1], &t->verdicts[i]))
			buf_append(ranges, &range, sizeof(range));
	}
}

static void compile(struct table *t, uint64_t caps, struct buf *code)
{
	AUTO(buf_release) struct buf ranges = BUF_INIT;

	syscall_filter_begin(code);
	for (size_t i = 0; i < ARRAY_LEN(abis); i++) {
		bool is_last = i + 1 == ARRAY_LEN(abis) ||
			       abis[i + 1].audit != abis[i].audit;

		t->abi = &abis[i];
		fill_table(t, caps);
		append_ranges(&ranges, t);
		code->failed |= ranges.failed;
		if (!is_last || ranges.failed)
			continue;
		syscall_filter_add_arch(
			code, abis[i].audit,
			(const struct syscall_range *)ranges.data,
			ranges.len / sizeof(struct syscall_range));
		buf_clear(&ranges);
	}
	syscall_filter_end(code, SECCOMP_RET_KILL_PROCESS);
}

int seccomp_compile(uint64_t caps, struct seccomp_program *ret,
		    struct error *err)
{
	AUTO(buf_release) struct buf code = BUF_INIT;
	autofree struct table *t = malloc(sizeof(*t));

	if (!t)
		return error_nomem(err, "a seccomp filter");
	compile(t, caps, &code);
	if (buf_check(&code, "a seccomp filter", err) < 0)
		return -1;
	ret->n = code.len / sizeof(struct sock_filter);
	if (ret->n > BPF_MAXINSNS)
		return error_set(err, ERROR_SYSTEM,
				 "the seccomp filter is too long");
	ret->code = (struct sock_filter *)buf_steal(&code);
	return ret->code ? 0 : error_nomem(err, "a seccomp filter");
}

void seccomp_program_release(struct seccomp_program *p)
{
	free(p->code);
	*p = (struct seccomp_program){ 0 };
}

struct seccomp_cache {
	uint64_t caps;
	struct seccomp_program program;
};

int seccomp_cache_new(uint64_t caps, struct seccomp_cache **ret,
		      struct error *err)
{
	AUTO(seccomp_cache_free)
	struct seccomp_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return error_nomem(err, "a seccomp filter");
	cache->caps = caps;
	if (seccomp_compile(caps, &cache->program, err) < 0)
		return -1;
	*ret = steal_pointer(&cache);
	return 0;
}

void seccomp_cache_free(struct seccomp_cache *cache)
{
	if (!cache)
		return;
	seccomp_program_release(&cache->program);
	free(cache);
}

int seccomp_program_load(const struct seccomp_program *p, struct error *err)
{
	struct sock_fprog prog = { .len = (unsigned short)p->n,
				   .filter = p->code };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		return error_sys(err, errno, "cannot load the seccomp filter");
	return 0;
}

int seccomp_cache_load(const struct seccomp_cache *cache, uint64_t caps,
		       struct error *err)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };

	if (cache->caps == caps)
		return seccomp_program_load(&cache->program, err);
	if (seccomp_compile(caps, &p, err) < 0)
		return -1;
	return seccomp_program_load(&p, err);
}
