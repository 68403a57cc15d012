#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/cli/commands.h"
#include "builder/cli/stdout.h"

static int finish(int status, struct error *err)
{
	char text[sizeof(err->text)];

	if (status >= 0 && stdout_flush(err) == 0)
		return status;
	if (!stdout_was_left(err))
		fprintf(stderr, "error: %s\n",
			error_message(err, text, sizeof(text)));
	return error_exit_status(err);
}

/*
 * "shale --root DIR COMMAND" is another way to set SHALE_ROOT. Returns how
 * many words of argv it took, or -1.
 */
static int take_root(int argc, char **argv, struct error *err)
{
	const char *root;
	int taken = 1;

	if (argc < 2 || strncmp(argv[1], "--root", 6) != 0)
		return 0;
	root = argv[1] + 6;
	if (*root == '=')
		root++;
	else if (!*root && argc > 2)
		root = argv[++taken];
	else
		return *root ? 0
			     : error_set(err, ERROR_USAGE,
					 "--root needs a value");
	if (setenv("SHALE_ROOT", root, 1) < 0)
		return error_nomem(err, "setting the store's root");
	return taken;
}

static int run(int argc, char **argv, struct error *err)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	const struct command *command;

	if (!strcmp(name, "--help") || !strcmp(name, "-h") ||
	    !strcmp(name, "help")) {
		commands_print_help();
		return argc > 1 ? 0 : 2;
	}
	if (!strcmp(name, "--version"))
		name = "version";
	command = command_find(name);
	if (!command)
		return commands_unknown(name, err);
	return command->run(argc - 1, argv + 1, err);
}

/*
 * A caller may have closed standard descriptors; no file of ours is to take
 * their place. These read as empty and fail when written to.
 */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * Buffers of threads that have ended go back to the system. Left alone, the
 * allocator takes the first large one that is freed as a reason to keep all
 * of that size, in an arena for each thread.
 */
static void keep_no_large_buffers(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int taken;

	fill_standard_descriptors();
	keep_no_large_buffers();
	taken = take_root(argc, argv, &err);

	if (taken < 0)
		return finish(-1, &err);
	return finish(run(argc - taken, argv + taken, &err), &err);
}
