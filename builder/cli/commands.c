#include "builder/cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "store/base/cleanup.h"
#include "store/base/text.h"

static const struct command commands[] = {
	{ "build", cmd_build, "build an image from a Dockerfile" },
	{ "copy", cmd_copy, "pass on images between registries and files" },
	{ "debug", cmd_debug, NULL },
	{ "diff", cmd_diff, "compare two images" },
	{ "fsck", cmd_fsck, "verify the store, and drop what is damaged" },
	{ "history", cmd_history, "show how an image was made" },
	{ "images", cmd_images, "list local images" },
	{ "info", cmd_info, "show what works on this machine, and why not" },
	{ "inspect", cmd_inspect, "print an image's config" },
	{ "load", cmd_load, "read images from an archive" },
	{ "login", cmd_login, "keep credentials for a registry" },
	{ "logout", cmd_logout, "forget them" },
	{ "manifest", cmd_manifest,
	  "make an index of images for several platforms and push it" },
	{ "parse", cmd_parse, "check a Dockerfile and print its syntax tree" },
	{ "prune", cmd_prune,
	  "free space: unused layers, and the build cache" },
	{ "pull", cmd_pull, "fetch an image from a registry" },
	{ "push", cmd_push, "send an image to a registry" },
	{ "rmi", cmd_rmi, "remove names of local images" },
	{ "save", cmd_save, "write images to an archive" },
	{ "system", cmd_system, "show what takes space: system df" },
	{ "tag", cmd_tag, "give an image another name" },
	{ "version", cmd_version, "print the version" },
};

const struct command *command_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

void commands_print_help(void)
{
	size_t i;

	printf("Usage: shale COMMAND [OPTIONS] [ARGUMENTS]\n\n"
	       "Build container images from Dockerfiles; no daemon, no root "
	       "needed.\n\nCommands:\n");
	for (i = 0; i < ARRAY_LEN(commands); i++)
		if (commands[i].summary)
			printf("  %-9s %s\n", commands[i].name,
			       commands[i].summary);
	printf("\nshale COMMAND --help shows a command's options.\n");
}

int commands_unknown(const char *name, struct error *err)
{
	const char *guess = NULL;
	size_t best = 3, i;

	for (i = 0; i < ARRAY_LEN(commands); i++) {
		size_t distance = text_distance(commands[i].name,
						strlen(commands[i].name), name,
						strlen(name));

		if (distance < best) {
			best = distance;
			guess = commands[i].name;
		}
	}
	if (guess)
		return error_set(err, ERROR_USAGE,
				 "unknown command \"%s\" (did you mean %s?)",
				 name, guess);
	return error_set(err, ERROR_USAGE,
			 "unknown command \"%s\"; see shale --help", name);
}
