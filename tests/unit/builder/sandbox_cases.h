/* What holds for containers whoever runs them. */
#ifndef TESTS_UNIT_BUILDER_SANDBOX_CASES_H
#define TESTS_UNIT_BUILDER_SANDBOX_CASES_H

#include "tests/unit/builder/sandbox_fixture.h"

/* Run them all as `identity`; returns the exit status for main(). */
int sandbox_cases_run(const char *group, enum identity identity);

#endif
