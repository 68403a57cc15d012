#include "tests/unit/builder/sandbox_cases.h"

int main(void)
{
	return sandbox_cases_run("sandbox_single", IDENTITY_SINGLE);
}
