/* Programs for seccomp(2), run here as the kernel would run them. */
#ifndef TESTS_UNIT_BUILDER_FILTER_RUN_H
#define TESTS_UNIT_BUILDER_FILTER_RUN_H

#include <linux/seccomp.h>
#include <stdint.h>

#include "builder/sandbox/seccomp.h"

/* What the program says to a call: SECCOMP_RET_*. */
uint32_t filter_judge(const struct seccomp_program *p,
		      const struct seccomp_data *data);

/* The same, with `arg` as the first and the second argument. */
uint32_t filter_ask(const struct seccomp_program *p, uint32_t arch, uint32_t nr,
		    uint64_t arg);

#endif
