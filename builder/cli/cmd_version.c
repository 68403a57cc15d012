#include <stdio.h>

#include "builder/cli/commands.h"

int cmd_version(int argc, char **argv, struct error *err)
{
	(void)argv;
	if (argc > 1)
		return error_set(err, ERROR_USAGE,
				 "version takes no arguments");
	printf("shale %s\n", SHALE_VERSION);
	return 0;
}
