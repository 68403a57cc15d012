#include "tests/unit/builder/filter_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static uint32_t operand(const struct sock_filter *i, uint32_t x)
{
	return BPF_SRC(i->code) == BPF_K ? i->k : x;
}

static int is_taken(const struct sock_filter *i, uint32_t a)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return a == operand(i, 0);
	case BPF_JGE:
		return a >= operand(i, 0);
	case BPF_JGT:
		return a > operand(i, 0);
	case BPF_JSET:
		return (a & operand(i, 0)) != 0;
	default:
		fail_msg("unknown jump %x", i->code);
		return 0;
	}
}

/* Only what filters are made of is known here. */
uint32_t filter_judge(const struct seccomp_program *p,
		      const struct seccomp_data *data)
{
	uint32_t a = 0, mem[BPF_MEMWORDS] = { 0 };

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct sock_filter *i = &p->code[pc];

		switch (BPF_CLASS(i->code)) {
		case BPF_LD:
			if (BPF_MODE(i->code) == BPF_MEM)
				a = mem[i->k];
			else
				memcpy(&a, (const char *)data + i->k, 4);
			break;
		case BPF_ST:
			mem[i->k] = a;
			break;
		case BPF_ALU:
			assert_int_equal(BPF_OP(i->code), BPF_AND);
			a &= i->k;
			break;
		case BPF_JMP:
			if (BPF_OP(i->code) == BPF_JA)
				pc += i->k;
			else
				pc += is_taken(i, a) ? i->jt : i->jf;
			break;
		case BPF_RET:
			return BPF_RVAL(i->code) == BPF_A ? a : i->k;
		default:
			fail_msg("unknown instruction %x", i->code);
		}
	}
	fail_msg("ran off the end");
	return 0;
}

uint32_t filter_ask(const struct seccomp_program *p, uint32_t arch, uint32_t nr,
		    uint64_t arg)
{
	const struct seccomp_data data = { .nr = (int)nr,
					   .arch = arch,
					   .args = { arg, arg } };

	return filter_judge(p, &data);
}
