/* Containers on a kernel without the new mount API, and without openat2. */
#include "tests/unit/builder/sandbox_cases.h"

int main(void)
{
	setenv("SHALE_NO_FSOPEN", "1", 1);
	setenv("SHALE_NO_OPENAT2", "1", 1);
	return sandbox_cases_run("sandbox_legacy", IDENTITY_ROOT);
}
