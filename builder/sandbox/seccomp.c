#include "builder/sandbox/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/seccomp_profile.h"
#include "store/base/buf.h"
#include "store/base/io.h"

/* CLONE_NEW* but for CLONE_NEWTIME, which shares bits with the exit signal. */
#define NAMESPACE_FLAGS 0x7E020000

#if defined(__s390__)
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

/* Filters the kernel takes are no longer than BPF_MAXINSNS instructions. */
#define PROGRAM_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))

/* Architectures whose programs run here besides native ones. */
static const uint32_t compat[] = {
#if defined(__x86_64__)
	SCMP_ARCH_X86,
	SCMP_ARCH_X32,
#elif defined(__aarch64__)
	SCMP_ARCH_ARM,
#elif defined(__s390x__)
	SCMP_ARCH_S390,
#elif defined(__mips64)
	SCMP_ARCH_MIPS,
	SCMP_ARCH_MIPS64N32,
#endif
	0,
};

static int bad_rule(int r, const char *name, struct error *err)
{
	return error_sys(err, -r, "cannot filter the system call %s", name);
}

/* Two rules for one call are alternatives; the same rule twice is one. */
static int add_rule(scmp_filter_ctx ctx, uint32_t action, const char *name,
		    const struct scmp_arg_cmp *arg, struct error *err)
{
	int number = seccomp_syscall_resolve_name(name);
	int r;

	if (number == __NR_SCMP_ERROR)
		return 0;
	r = seccomp_rule_add_array(ctx, action, number, arg ? 1 : 0, arg);
	return r == 0 || r == -EEXIST ? 0 : bad_rule(r, name, err);
}

static int allow_names(scmp_filter_ctx ctx, const char *names,
		       struct error *err)
{
	while (*names) {
		size_t len = strcspn(names, " ");
		char name[64];

		if (len && len < sizeof(name)) {
			memcpy(name, names, len);
			name[len] = '\0';
			if (add_rule(ctx, SCMP_ACT_ALLOW, name, NULL, err) < 0)
				return -1;
		}
		names += len;
		names += strspn(names, " ");
	}
	return 0;
}

/* What is allowed with certain arguments only. */
static int allow_conditional(scmp_filter_ctx ctx, struct error *err)
{
	/* No AF_ALG (38), whose parsers are exposed, and no AF_VSOCK (40). */
	static const struct {
		const char *name;
		struct scmp_arg_cmp arg;
	} rules[] = {
		{ "socket", { 0, SCMP_CMP_LT, 38, 0 } },
		{ "socket", { 0, SCMP_CMP_EQ, 39, 0 } },
		{ "socket", { 0, SCMP_CMP_GT, 40, 0 } },
		{ "personality", { 0, SCMP_CMP_EQ, 0, 0 } },
		{ "personality", { 0, SCMP_CMP_EQ, 0x8, 0 } },
		{ "personality", { 0, SCMP_CMP_EQ, 0x20000, 0 } },
		{ "personality", { 0, SCMP_CMP_EQ, 0x20008, 0 } },
		{ "personality", { 0, SCMP_CMP_EQ, 0xffffffff, 0 } },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (add_rule(ctx, SCMP_ACT_ALLOW, rules[i].name, &rules[i].arg,
			     err) < 0)
			return -1;
	return 0;
}

/*
 * New namespaces need CAP_SYS_ADMIN. clone3() has its flags in memory, out of
 * a filter's sight; ENOSYS makes libc use clone() instead.
 */
static int restrict_clone(scmp_filter_ctx ctx, struct error *err)
{
	static const struct scmp_arg_cmp no_namespaces = { CLONE_FLAGS_ARG,
							   SCMP_CMP_MASKED_EQ,
							   NAMESPACE_FLAGS, 0 };

	if (add_rule(ctx, SCMP_ACT_ALLOW, "clone", &no_namespaces, err) < 0)
		return -1;
	return add_rule(ctx, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL, err);
}

static int add_rules(scmp_filter_ctx ctx, uint64_t caps, struct error *err)
{
	int r;

	for (size_t i = 0; compat[i]; i++) {
		r = seccomp_arch_add(ctx, compat[i]);
		if (r < 0 && r != -EEXIST)
			return error_sys(err, -r,
					 "cannot filter for a second "
					 "architecture");
	}
	if (allow_names(ctx, seccomp_allowed, err) < 0 ||
	    allow_conditional(ctx, err) < 0)
		return -1;
	if (!(caps & CAPS_BIT(CAP_SYS_ADMIN)) && restrict_clone(ctx, err) < 0)
		return -1;
	for (size_t i = 0; i < n_seccomp_cap_rules; i++)
		if (caps & CAPS_BIT(seccomp_cap_rules[i].cap) &&
		    allow_names(ctx, seccomp_cap_rules[i].names, err) < 0)
			return -1;
	/* A tree over the numbers instead of a list; old ones cannot. */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return 0;
}

static void put(struct buf *code, uint16_t op, uint32_t k, uint8_t yes,
		uint8_t no)
{
	const struct sock_filter insn = {
		.code = op, .jt = yes, .jf = no, .k = k
	};

	buf_append(code, &insn, sizeof(insn));
}

/*
 * Before libseccomp's program: calls it has no name for, by number, and
 * ENOSYS for calls younger than the profile, so that a libc of tomorrow falls
 * back as it would on an old kernel (EPERM would be final). Numbers from 424
 * on are the same on all architectures but MIPS, which adds an offset.
 */
static void put_prologue(struct buf *code, uint64_t caps)
{
#if !defined(__mips__)
	put(code, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr),
	    0, 0);
#if defined(__x86_64__)
	/* x32 calls differ by this bit. */
	put(code, BPF_ALU | BPF_AND | BPF_K, ~0x40000000U, 0, 0);
#endif
	put(code, BPF_JMP | BPF_JGT | BPF_K, SECCOMP_LAST_KNOWN, 0, 1);
	put(code, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
	for (size_t i = 0; i < n_seccomp_numbered; i++) {
		const struct seccomp_numbered *n = &seccomp_numbered[i];

		if (n->cap >= 0 && !(caps & CAPS_BIT(n->cap)))
			continue;
		if (seccomp_syscall_resolve_name(n->name) != __NR_SCMP_ERROR)
			continue;
		put(code, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)n->number, 0, 1);
		put(code, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
	}
#else
	(void)code;
	(void)caps;
#endif
}

/* libseccomp 2.5 writes programs to descriptors only. */
static int export_program(scmp_filter_ctx ctx, struct buf *code,
			  struct error *err)
{
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return error_sys(err, errno, "cannot hold a seccomp filter");
	r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return error_sys(err, -r, "cannot compile the seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot read the seccomp filter");
	return io_read_all(fd, PROGRAM_MAX, "the seccomp filter", code, err);
}

static void release_filter(scmp_filter_ctx *ctx)
{
	if (*ctx)
		seccomp_release(*ctx);
}

int seccomp_compile(uint64_t caps, struct seccomp_program *ret,
		    struct error *err)
{
	__attribute__((cleanup(release_filter))) scmp_filter_ctx ctx =
		seccomp_init(SCMP_ACT_ERRNO(EPERM));
	AUTO(buf_release) struct buf code = BUF_INIT;

	if (!ctx)
		return error_nomem(err, "a seccomp filter");
	put_prologue(&code, caps);
	if (add_rules(ctx, caps, err) < 0 ||
	    export_program(ctx, &code, err) < 0 ||
	    buf_check(&code, "a seccomp filter", err) < 0)
		return -1;
	if (code.len > PROGRAM_MAX)
		return error_set(err, ERROR_SYSTEM,
				 "the seccomp filter is too long");
	ret->n = code.len / sizeof(struct sock_filter);
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

static int load(const struct seccomp_program *p, struct error *err)
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
		return load(&cache->program, err);
	if (seccomp_compile(caps, &p, err) < 0)
		return -1;
	return load(&p, err);
}
