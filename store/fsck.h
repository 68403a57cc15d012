/*
 * Verifying a store: every blob has its digest, every tar and every tree of
 * our own making its diffID, every record parses and leads somewhere. Builds
 * may go on meanwhile, but a repair may take away what they use.
 */
#ifndef STORE_FSCK_H
#define STORE_FSCK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/batch.h"

struct fsck_options {
	bool repair; /* drop what is damaged */

	/* Told of each fault, one line; from one thread at a time. */
	void (*found)(void *ctx, const char *line);
	void *ctx;
};

struct fsck_report {
	uint64_t n_checked; /* objects and records */
	uint64_t n_faults;
};

/*
 * Check the store of `b`. What is dropped was of no use: a step is run again,
 * a blob made or fetched again; only a name that leads nowhere is lost. Fails
 * when the store cannot be read, or not be repaired.
 */
int fsck_run(struct batch *b, const struct fsck_options *options,
	     const struct cancel *cancel, struct fsck_report *ret,
	     struct error *err);

#endif
