/* What the builder and its spawner say to each other; see spawner.c. */
#ifndef BUILDER_SANDBOX_SPAWNER_WIRE_H
#define BUILDER_SANDBOX_SPAWNER_WIRE_H

#include "builder/sandbox/sandbox.h"

/*
 * A request is one message of this and descriptors, in the order of the
 * enum; the sources of bind mounts and a pooled network follow. One for a
 * network (network_keeper.h) has the first two only, and its reply is the
 * keeper's.
 */
enum spawner_fd {
	SPAWNER_FD_REPLY,	/* socket for one struct spawner_reply */
	SPAWNER_FD_DESCRIPTION, /* memory file: wire_encode(), or an order */
	SPAWNER_FD_OUTPUT,
	SPAWNER_FD_SOURCES,
};

struct spawner_request {
	bool wants_network; /* and no container; the rest is unused */
	uint64_t clone_flags;
	size_t description_len;
	size_t n_sources;
	bool has_limits; /* see the description for them */
};

/* The kernel passes 253 descriptors in one message. */
#define SPAWNER_SOURCES_MAX 240
#define SPAWNER_FDS_MAX	    (SPAWNER_FD_SOURCES + SPAWNER_SOURCES_MAX + 1)

struct spawner_reply {
	bool has_failed;
	struct error err; /* when it has */
	struct sandbox_result result;
};

struct spawner;

/*
 * Send one request. The descriptors are borrowed. Never waits for an answer;
 * thread-safe.
 */
int spawner_send(const struct spawner *s, const struct spawner_request *request,
		 const int *fds, size_t n, struct error *err);

/* The spawner's life; `socket` receives requests. Returns an exit status. */
int spawner_loop(int socket);

#endif
