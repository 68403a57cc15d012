/*
 * DNS for a network namespace whose host has its resolver on loopback: clients
 * in there ask sockets that were made in there, and a process outside forwards
 * to that one server what looks like a query, and nothing else. Each query has
 * an upstream socket of its own, connected, with a port that the kernel chose:
 * answers cannot be mixed up, and only the server can give one.
 */
#ifndef BUILDER_SANDBOX_DNS_RELAY_H
#define BUILDER_SANDBOX_DNS_RELAY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "store/base/error.h"

/* Where clients ask: on the loopback of their namespace. */
#define DNS_RELAY_ADDRESS "127.0.0.11"
#define DNS_PORT	  53

#define DNS_MESSAGE_MAX 65535

/* Bounds: what exceeds them takes the place of what has waited longest. */
#define DNS_RELAY_EXCHANGES_MAX 128
#define DNS_RELAY_WAIT_MS	10000

struct dns_relay_listeners {
	int datagrams;
	int streams;
};

/* An IPv4 or IPv6 one. */
struct dns_server {
	struct sockaddr_storage address;
	socklen_t len;
};

/* From text; false when it is no address. */
bool dns_server_parse(const char *text, in_port_t port, struct dns_server *ret);

/* In the namespace of the clients, as early as its loopback is up. */
int dns_relay_listen(struct dns_relay_listeners *ret, const char *address,
		     in_port_t port, struct error *err);

/*
 * In the namespace of the server: serve until `stop` can be read or its other
 * end is closed. Returns -1 with `err` set when it cannot go on. Takes nothing.
 */
int dns_relay_serve(const struct dns_relay_listeners *listeners,
		    const struct dns_server *server, int stop,
		    struct error *err);

/* A query for records; neither an answer nor an update of the server's zones.
 */
bool dns_is_query(const unsigned char *message, size_t len);

/* An answer to the query which had the two bytes `id`. */
bool dns_is_answer(const unsigned char *message, size_t len,
		   const unsigned char id[2]);

#endif
