/*
 * The keeper of one private network: a child of the spawner, first process of
 * a pid namespace in which the network's program runs. When it ends, which it
 * does with the spawner or when its socket is shut, nothing of the network is
 * left.
 */
#ifndef BUILDER_SANDBOX_NETWORK_KEEPER_H
#define BUILDER_SANDBOX_NETWORK_KEEPER_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "builder/sandbox/network_program.h"
#include "builder/sandbox/sandbox.h"

/* What the builder wants; travels in a memory file. */
struct network_order {
	enum sandbox_network kind;
	/* The host's, when it listens on loopback; a relay asks it. */
	char resolver[INET6_ADDRSTRLEN];
	char programs[NETWORK_PROGRAMS][PATH_MAX]; /* empty: there is none */
};

/* One message, with the namespace's descriptor when it has not failed. */
struct network_report {
	bool has_failed;
	struct error err; /* when it has */
	char made_with[16];
	bool has_program;
};

/* Namespaces of a keeper, as clone flags. */
uint64_t network_keeper_clone_flags(void);

/* Instead of a keeper: report `err`, which kept one from being made. */
void network_keeper_refuse(int socket, const struct error *err);

/* Be one. `order` is a memory file with a struct network_order. */
_Noreturn void network_keeper_main(int socket, int order);

#endif
