#include "builder/sandbox/syscall_filter.h"

#include <endian.h>
#include <linux/seccomp.h>

/* Conditional jumps reach this far; longer ones go through BPF_JA. */
#define SHORT_JUMP_MAX 255

static void put_jump(struct buf *code, uint16_t op, uint32_t k, size_t yes,
		     size_t no)
{
	const struct sock_filter insn = {
		.code = op, .jt = (uint8_t)yes, .jf = (uint8_t)no, .k = k
	};

	buf_append(code, &insn, sizeof(insn));
}

static void put(struct buf *code, uint16_t op, uint32_t k)
{
	put_jump(code, op, k, 0, 0);
}

static size_t count(const struct buf *code)
{
	return code->len / sizeof(struct sock_filter);
}

static uint32_t low_half_of_arg(unsigned arg)
{
	size_t offset = offsetof(struct seccomp_data, args) + 8 * (size_t)arg;

	return (uint32_t)(__BYTE_ORDER == __BIG_ENDIAN ? offset + 4 : offset);
}

/* Falls through when the test does not hold. */
static void put_test(struct buf *code, const struct arg_test *t,
		     uint32_t action)
{
	put(code, BPF_LD | BPF_W | BPF_ABS, low_half_of_arg(t->arg));
	switch (t->op) {
	case ARG_TEST_LESS:
		put_jump(code, BPF_JMP | BPF_JGE | BPF_K, t->value, 1, 0);
		break;
	case ARG_TEST_GREATER:
		put_jump(code, BPF_JMP | BPF_JGT | BPF_K, t->value, 0, 1);
		break;
	case ARG_TEST_MASKED_EQUAL:
		put(code, BPF_ALU | BPF_AND | BPF_K, t->mask);
		put_jump(code, BPF_JMP | BPF_JEQ | BPF_K, t->value, 0, 1);
		break;
	case ARG_TEST_EQUAL:
		put_jump(code, BPF_JMP | BPF_JEQ | BPF_K, t->value, 0, 1);
		break;
	}
	put(code, BPF_RET | BPF_K, action);
}

static void put_verdict(struct buf *code, const struct verdict *v)
{
	for (size_t i = 0; i < v->n_tests; i++)
		put_test(code, &v->tests[i], v->action);
	put(code, BPF_RET | BPF_K, v->n_tests ? v->otherwise : v->action);
}

/* Binary search with the number in the accumulator. */
static void put_tree(struct buf *code, const struct syscall_range *ranges,
		     size_t n)
{
	AUTO(buf_release) struct buf below = BUF_INIT;
	size_t half = n / 2;
	size_t len;

	if (n == 1) {
		put_verdict(code, &ranges[0].verdict);
		return;
	}
	put_tree(&below, ranges, half);
	len = count(&below);
	if (len <= SHORT_JUMP_MAX) {
		put_jump(code, BPF_JMP | BPF_JGE | BPF_K, ranges[half].first,
			 len, 0);
	} else {
		put_jump(code, BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0,
			 1);
		put(code, BPF_JMP | BPF_JA, (uint32_t)len);
	}
	buf_append(code, below.data, below.len);
	code->failed |= below.failed;
	put_tree(code, ranges + half, n - half);
}

void syscall_filter_begin(struct buf *code)
{
	put(code, BPF_LD | BPF_W | BPF_ABS,
	    offsetof(struct seccomp_data, arch));
}

void syscall_filter_add_arch(struct buf *code, uint32_t arch,
			     const struct syscall_range *ranges, size_t n)
{
	AUTO(buf_release) struct buf tree = BUF_INIT;

	put(&tree, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	put_tree(&tree, ranges, n);
	put_jump(code, BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0);
	put(code, BPF_JMP | BPF_JA, (uint32_t)count(&tree));
	buf_append(code, tree.data, tree.len);
	code->failed |= tree.failed;
}

void syscall_filter_end(struct buf *code, uint32_t action)
{
	put(code, BPF_RET | BPF_K, action);
}
