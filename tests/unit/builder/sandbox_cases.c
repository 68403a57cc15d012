#include "tests/unit/builder/sandbox_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CASES_MAX 150

static size_t add(struct CMUnitTest *tests, size_t n,
		  const struct sandbox_case *cases, struct place *p)
{
	for (; cases->name; cases++) {
		if (!(cases->identities & 1U << p->identity) ||
		    (p->runtime && cases->identities & NOT_BY_RUNTIME))
			continue;
		assert_true(n < CASES_MAX);
		tests[n++] = (struct CMUnitTest){
			.name = cases->name,
			.test_func = cases->run,
			.initial_state = p,
		};
	}
	return n;
}

int sandbox_cases_run_oci(const char *group, enum identity identity,
			  const char *runtime)
{
	struct CMUnitTest tests[CASES_MAX];
	struct place *p;
	size_t n = 0;
	int failed;

	setenv("SHALE_CANARY", "must not be seen", 1);
	p = place_new(identity, runtime);
	if (!p)
		return 1;
	n = add(tests, n, sandbox_process_cases, p);
	n = add(tests, n, sandbox_rights_cases, p);
	n = add(tests, n, sandbox_files_cases, p);
	n = add(tests, n, sandbox_limits_cases, p);
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	place_free(p);
	return failed;
}

int sandbox_cases_run(const char *group, enum identity identity)
{
	return sandbox_cases_run_oci(group, identity, NULL);
}
