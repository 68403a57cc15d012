/* What a RUN finds in /etc/resolv.conf and /etc/hosts. */
#ifndef BUILDER_SANDBOX_RESOLV_H
#define BUILDER_SANDBOX_RESOLV_H

#include <netinet/in.h>

#include "builder/sandbox/sandbox.h"
#include "store/base/buf.h"

/* Lists are NULL-terminated or NULL. Each given list replaces the host's. */
struct resolv_options {
	enum sandbox_network network;
	const char *resolver; /* stands for servers on loopback, or NULL */
	const char *const *servers; /* --dns */
	const char *const *search;  /* --dns-search; "." for none */
	const char *const *options; /* --dns-option */
};

/*
 * Append the file's contents: the host's servers, search list and options.
 * Servers on loopback reach nothing from a network of its own: `resolver` is
 * put there instead, or they are left out; when none remains, public ones
 * (8.8.8.8, 8.8.4.4) take their place. `host` is the text of the host's file.
 */
int resolv_conf_make(const char *host, const struct resolv_options *o,
		     struct buf *ret, struct error *err);

/* Append the text of the host's resolver configuration; none is empty. */
int resolv_conf_read_host(struct buf *ret, struct error *err);

/*
 * The server on the host's loopback that a network of its own needs a way to:
 * the first of IPv4, which is the one that programs ask for us, else, without
 * any of IPv4, the first of IPv6 that is on loopback. False when the first of
 * IPv4 is elsewhere, and when there is no server.
 */
bool resolv_conf_loopback_server(const char *host, char ret[INET6_ADDRSTRLEN]);

/*
 * The host's own address that others reach it by, as text; empty when it has
 * none.
 */
#define HOST_ADDRESS_SIZE 16
void host_address(char ret[HOST_ADDRESS_SIZE]);

/*
 * Append the contents of /etc/hosts: loopback, `hostname`, then `add_hosts`
 * in the forms of --add-host ("name:ip", "name=ip", the ip may be
 * "host-gateway": loopback with the host's network, the host's own address
 * with a pooled one). A bad one is ERROR_USAGE.
 */
int hosts_make(const char *hostname, const char *const *add_hosts,
	       enum sandbox_network network, struct buf *ret,
	       struct error *err);

#endif
