/*
 * A seccomp profile compiles to a program the kernel would take, or is an
 * error: instructions end in a return and jump inside the program.
 */
#include <assert.h>
#include <stdint.h>

#include "builder/sandbox/seccomp_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct seccomp_program *p)
{
	assert(p->n > 0 && p->n <= BPF_MAXINSNS);
	for (size_t i = 0; i < p->n; i++) {
		const struct sock_filter *f = &p->code[i];

		if (BPF_CLASS(f->code) == BPF_JMP && BPF_OP(f->code) == BPF_JA)
			assert(f->k < p->n - i - 1);
		else if (BPF_CLASS(f->code) == BPF_JMP)
			assert(f->jt < p->n - i - 1 && f->jf < p->n - i - 1);
	}
	assert(BPF_CLASS(p->code[p->n - 1].code) == BPF_RET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(seccomp_program_release) struct seccomp_program p = { 0 };
	struct error err = ERROR_INIT;

	if (seccomp_json_compile((const char *)data, size, 0xa80425fb, &p,
				 &err) == 0)
		check(&p);
	else
		assert(err.kind != ERROR_NONE);
	return 0;
}
