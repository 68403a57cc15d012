#include <stdio.h>

#include "builder/cli/commands.h"
#include "builder/cli/options.h"

int cmd_version(int argc, char **argv, struct error *err)
{
	static const struct command_usage usage = {
		"version", "version takes no arguments", 0, 0
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	int rc = options_command(&usage, NULL, 0, argc, argv, &words, err);

	if (rc > 0)
		printf("shale %s\n", SHALE_VERSION);
	return rc < 0 ? -1 : 0;
}
