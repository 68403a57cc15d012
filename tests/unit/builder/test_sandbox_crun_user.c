/* Containers made by crun. */
#include "tests/unit/builder/sandbox_cases.h"

int main(void)
{
	return sandbox_cases_run_oci("sandbox_crun_user", IDENTITY_USER,
				     "crun");
}
