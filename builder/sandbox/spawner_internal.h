/* What the files of the spawner's process share. */
#ifndef BUILDER_SANDBOX_SPAWNER_INTERNAL_H
#define BUILDER_SANDBOX_SPAWNER_INTERNAL_H

#include <sys/types.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/spawner_wire.h"

/* A running container. */
struct running {
	pid_t pid;
	int pidfd;  /* readable once it has ended */
	int reply;  /* its end of file is a wish to kill */
	int status; /* read end for its struct container_report */
	bool is_killed;
	struct cgroup *cgroup; /* or NULL */
};

/* A request as it arrived; every descriptor is owned. */
struct arrived {
	struct spawner_request request;
	int fds[SPAWNER_FDS_MAX];
	size_t n;
};

/*
 * Find out what is the same for all containers; with `err` set there can be
 * none. To be called before spawner_settle(): the environment may forbid some
 * system calls, which the first use of confined_open() finds out.
 */
void spawner_find_engine(struct engine *e, struct error *err);

/*
 * Turn a fork of the builder into the spawner. Returns the number that
 * `socket` has from now on; with `err` set there can be no containers.
 *
 * Own session: signals of the terminal are the builder's to handle. Not
 * dumpable: programs in containers cannot open /proc/1/exe, which is the
 * builder itself, nor its descriptors.
 */
int spawner_settle(int socket, struct error *err);

/*
 * Start the container that `a` asks for; `*ret` takes over the descriptor for
 * the reply.
 */
int spawner_start_container(const struct engine *engine, struct arrived *a,
			    struct running *ret, struct error *err);

/*
 * Start the keeper of the network that `a` asks for. Nothing but the builder
 * waits for it: its end is told by no signal, and only a wait with __WCLONE
 * sees it.
 */
int spawner_start_keeper(struct arrived *a, struct error *err);

#endif
