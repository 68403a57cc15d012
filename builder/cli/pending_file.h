/* Files that a command writes for its user: they appear whole or not at all. */
#ifndef BUILDER_CLI_PENDING_FILE_H
#define BUILDER_CLI_PENDING_FILE_H

#include "store/base/cleanup.h"
#include "store/base/error.h"

/* A file being written beside its place; unlinked unless committed. */
struct pending_file {
	const char *path;
	char *beside;
	int fd; /* to write to; -1 before it is opened */
};

/* `path` is borrowed. A FIFO or device there is written to as it is. */
int pending_file_open(struct pending_file *f, const char *path,
		      struct error *err);
int pending_file_commit(struct pending_file *f, struct error *err);
void pending_file_release(struct pending_file *f);
DEFINE_RELEASE(struct pending_file, pending_file_release);

#endif
