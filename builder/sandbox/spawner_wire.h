/* What the builder and its spawner say to each other; see spawner.c. */
#ifndef BUILDER_SANDBOX_SPAWNER_WIRE_H
#define BUILDER_SANDBOX_SPAWNER_WIRE_H

#include "builder/sandbox/sandbox.h"

/*
 * A request is one message of this and descriptors, in the order of the
 * enum; the sources of bind mounts follow.
 */
enum spawner_fd {
	SPAWNER_FD_REPLY,	/* socket for one struct spawner_reply */
	SPAWNER_FD_DESCRIPTION, /* memory file, from wire_encode() */
	SPAWNER_FD_OUTPUT,
	SPAWNER_FD_SOURCES,
};

struct spawner_request {
	uint64_t clone_flags;
	size_t description_len;
	size_t n_sources;
	bool has_limits; /* see the description for them */
};

/* The kernel passes 253 descriptors in one message. */
#define SPAWNER_SOURCES_MAX 240

struct spawner_reply {
	bool has_failed;
	struct error err; /* when it has */
	struct sandbox_result result;
};

/* The spawner's life; `socket` receives requests. Returns an exit status. */
int spawner_loop(int socket);

#endif
