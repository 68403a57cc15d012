/*
 * Programs for seccomp(2) from tables: for each architecture, what to do for
 * which number. The decision is a binary search over ranges of numbers, so it
 * takes about ten instructions, and compiling takes microseconds.
 */
#ifndef BUILDER_SANDBOX_SYSCALL_FILTER_H
#define BUILDER_SANDBOX_SYSCALL_FILTER_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/buf.h"

enum arg_test_op {
	ARG_TEST_LESS,
	ARG_TEST_EQUAL,
	ARG_TEST_GREATER,
	ARG_TEST_MASKED_EQUAL, /* (argument & mask) == value */
};

/*
 * A condition on the low 32 bits of an argument. The calls judged so take 32
 * bits of it (or the tested flags lie there), so that what an attacker puts
 * above makes no difference.
 */
struct arg_test {
	unsigned arg;
	enum arg_test_op op;
	uint32_t value;
	uint32_t mask;
};

/* SECCOMP_RET_* when any of the tests holds (or there are none). */
struct verdict {
	uint32_t action;
	uint32_t otherwise;
	const struct arg_test *tests; /* borrowed */
	size_t n_tests;
};

/* From `first` to the next range's first; ascending, the first has 0. */
struct syscall_range {
	uint32_t first;
	struct verdict verdict;
};

/*
 * Append the code for one AUDIT_ARCH_*; it ends every path of that
 * architecture. Failed allocations stick to `code`.
 */
void syscall_filter_begin(struct buf *code);
void syscall_filter_add_arch(struct buf *code, uint32_t arch,
			     const struct syscall_range *ranges, size_t n);

/* Append what happens to every other architecture. */
void syscall_filter_end(struct buf *code, uint32_t action);

#endif
