#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"

static int finish(int status, const struct error *err)
{
	char text[sizeof(err->text)];

	if (status < 0) {
		fprintf(stderr, "error: %s\n",
			error_message(err, text, sizeof(text)));
		return error_exit_status(err);
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "error: cannot write to standard output\n");
		return 1;
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	const struct command *command;
	struct error err = ERROR_INIT;

	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    !strcmp(name, "help")) {
		commands_print_help();
		return finish(argc > 1 ? 0 : 2, &err);
	}
	if (!strcmp(name, "--version"))
		name = "version";
	command = command_find(name);
	if (!command)
		return finish(commands_unknown(name, &err), &err);
	return finish(command->run(argc - 1, argv + 1, &err), &err);
}
