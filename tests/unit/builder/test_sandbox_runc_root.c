/* Containers made by runc. */
#include "tests/unit/builder/sandbox_cases.h"

int main(void)
{
	return sandbox_cases_run_oci("sandbox_runc_root", IDENTITY_ROOT,
				     "runc");
}
