#include "tests/unit/builder/sandbox_cases.h"

int main(void)
{
	return sandbox_cases_run("sandbox_root", IDENTITY_ROOT);
}
