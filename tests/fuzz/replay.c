/*
 * Replays a corpus without a fuzzer: linked with one fuzz target, it feeds
 * every file of testdata/fuzz/<subject>/ to it and prints TAP. The subject is
 * the end of the program's own name (replay_<subject>), the folder is looked
 * for from the current directory. Arguments, if any, are files to feed instead.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is copied to a block of its exact size, so that ASan sees overruns. */
static int feed(const char *path)
{
	autofile FILE *f = fopen(path, "rb");
	autofree uint8_t *data = NULL;
	long size;

	if (!f || fseek(f, 0, SEEK_END) < 0)
		return -1;
	size = ftell(f);
	if (size < 0)
		return -1;
	rewind(f);
	data = malloc(size ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, f) != (size_t)size)
		return -1;
	LLVMFuzzerTestOneInput(data, (size_t)size);
	return 0;
}

static int feed_or_complain(const char *path)
{
	if (feed(path) == 0)
		return 0;
	printf("# cannot read %s\n", path);
	return 1;
}

static int feed_folder(const char *folder, int *count)
{
	autodir DIR *dir = opendir(folder);
	const struct dirent *entry;
	int failures = 0;

	if (!dir) {
		printf("# no folder %s\n", folder);
		return 1;
	}
	while ((entry = readdir(dir))) {
		char path[4096 + 1 + 256]; /* folder, slash, name */

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		failures += feed_or_complain(path);
		(*count)++;
	}
	return failures;
}

int main(int argc, char **argv)
{
	const char *subject = strstr(argv[0], "replay_");
	char folder[4096];
	int failures = 0;
	int count = 0;

	if (!subject)
		return 2;
	subject += strlen("replay_");
	snprintf(folder, sizeof(folder), "testdata/fuzz/%s", subject);
	if (argc == 1)
		failures = feed_folder(folder, &count);
	for (int i = 1; i < argc; i++, count++)
		failures += feed_or_complain(argv[i]);
	if (count == 0)
		failures++;
	printf("%sok 1 - corpus of %s holds (%d inputs)\n1..1\n",
	       failures ? "not " : "", subject, count);
	return failures ? 1 : 0;
}
