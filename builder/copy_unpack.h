/* Archives that ADD unpacks into the destination (Dockerfile reference, ADD).
 */
#ifndef BUILDER_COPY_UNPACK_H
#define BUILDER_COPY_UNPACK_H

#include "builder/copy_dest.h"

/* What unpacked archives hold until their layer is written. */
struct copy_spool {
	struct batch
		*batch; /* borrowed; the file is made there, without a name */
	int fd;		/* contents of all files; -1 until needed */
	off_t end;
	struct file_nodes nodes; /* names and attributes */
};

#define COPY_SPOOL_INIT(b)                                                     \
	{                                                                      \
		.batch = (b), .fd = -1                                         \
	}

void copy_spool_release(struct copy_spool *s);
DEFINE_RELEASE(struct copy_spool, copy_spool_release);

/*
 * If the file `n` of `root` is an archive, unpack it into the directory `dir`
 * (resolved) of `d`: 1. 0 when it is none. What is in the way of an entry
 * goes, owners and modes are the archive's unless `policy` sets an owner; its
 * chmod does not apply. Names that leave `dir` are ERROR_REFUSED.
 */
int copy_unpack(struct copy_dest *d, struct copy_spool *spool,
		struct file_root *root, const struct file_node *n,
		const char *dir, const struct copy_policy *policy,
		struct error *err);

#endif
