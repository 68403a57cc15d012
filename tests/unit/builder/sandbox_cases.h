/* What holds for containers whoever runs them. */
#ifndef TESTS_UNIT_BUILDER_SANDBOX_CASES_H
#define TESTS_UNIT_BUILDER_SANDBOX_CASES_H

#include "tests/unit/builder/sandbox_fixture.h"

struct sandbox_case {
	const char *name; /* NULL ends a list */
	void (*run)(void **state);
	unsigned identities; /* for which it has a meaning, a bit each */
};

#define FOR_ROOT	(1U << IDENTITY_ROOT)
#define FOR_USER	(1U << IDENTITY_USER)
#define FOR_SINGLE	(1U << IDENTITY_SINGLE)
#define FOR_ALL		(FOR_ROOT | FOR_USER | FOR_SINGLE)
#define FOR_SEVERAL_IDS (FOR_ROOT | FOR_USER)
/*
 * Not with an OCI runtime: there the program is process 1 itself, and what
 * runs before it is the runtime's.
 */
#define NOT_BY_RUNTIME (1U << 8)
#define FOR_NO_ROOT    (FOR_USER | FOR_SINGLE)

#define SANDBOX_CASE(function, for_whom)                                       \
	{                                                                      \
#function, function, for_whom                                  \
	}
#define SANDBOX_CASE_END                                                       \
	{                                                                      \
		NULL, NULL, 0                                                  \
	}

extern const struct sandbox_case sandbox_process_cases[];
extern const struct sandbox_case sandbox_rights_cases[];
extern const struct sandbox_case sandbox_files_cases[];
extern const struct sandbox_case sandbox_limits_cases[];

/* Run them all as `identity`; returns the exit status for main(). */
int sandbox_cases_run(const char *group, enum identity identity);

/* The same with containers made by an OCI runtime. */
int sandbox_cases_run_oci(const char *group, enum identity identity,
			  const char *runtime);

#endif
