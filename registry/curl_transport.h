/* HTTP over libcurl, which only the curl_* files touch. */
#ifndef REGISTRY_CURL_TRANSPORT_H
#define REGISTRY_CURL_TRANSPORT_H

#include "registry/http.h"
#include "store/base/cancel.h"

struct curl_transport_options {
	const struct cancel *cancel; /* or NULL; borrowed */
	int64_t connect_ms;	     /* for name lookup, TCP and TLS together */
	int64_t stall_ms; /* fewer than 1 KiB in so long is a stall */
	int64_t reply_ms; /* for a reply to what changes something, once sent */
};

/*
 * Connections are kept and used again. Proxies are taken from
 * http_proxy, HTTP_PROXY, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY,
 * no_proxy and NO_PROXY; loopback addresses never go through one. The process
 * must ignore SIGPIPE.
 */
int curl_transport_new(const struct curl_transport_options *options,
		       struct http_transport **ret, struct error *err);

#endif
