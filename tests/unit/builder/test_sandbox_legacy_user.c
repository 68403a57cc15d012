/* The same as a user, whose /sys is the host's with all that is mounted in it.
 */
#include "tests/unit/builder/sandbox_cases.h"

int main(void)
{
	setenv("SHALE_NO_FSOPEN", "1", 1);
	return sandbox_cases_run("sandbox_legacy_user", IDENTITY_USER);
}
