/*
 * One HTTP exchange, and the interface to whoever carries it: libcurl in the
 * program (curl_transport.h), a script in tests. A transport neither follows
 * redirects nor retries nor knows of credentials.
 */
#ifndef REGISTRY_HTTP_H
#define REGISTRY_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/strv.h"
#include "store/stream.h"

/* How a transfer failed; decides what is done about it (verdict.h). */
enum http_failure {
	HTTP_NO_FAILURE,
	HTTP_UNRESOLVED,  /* no address for the name */
	HTTP_UNREACHABLE, /* no connection */
	HTTP_NO_TLS,	  /* a connection, but no TLS session on it */
	HTTP_UNTRUSTED,	  /* the server's certificate, or ours, is no good */
	HTTP_BROKEN,	  /* connection lost, garbled or short reply */
	HTTP_STALLED,	  /* nothing, or next to nothing, moved for too long */
	HTTP_OWN_FAULT,	  /* ours: canceled, no memory, body unreadable */
};

/* What to trust and what to show when speaking TLS. */
struct http_tls {
	bool unverified;
	char *ca_pem;	   /* further CA certificates, or NULL */
	char *client_cert; /* file names, both or neither; or NULL */
	char *client_key;
};

/* A request's body; opened anew for each attempt. */
struct http_body {
	int64_t size; /* bytes; -1: as many as there are (HTTP/1.1) */
	int (*open)(void *ctx, struct stream **ret, struct error *err);
	void *ctx;
};

/* Borrowed in all its parts by http_transport.open(). */
struct http_request {
	const char *method;
	const char *url;
	const struct strv *headers;   /* "Name: value" */
	const struct http_tls *tls;   /* or NULL: verified */
	const struct http_body *body; /* or NULL */
	/*
	 * A stranger gave the URL: ERROR_REFUSED, and nothing is sent, when its
	 * name stands for an address of this machine or a link-local one.
	 * (Names that a proxy looks up are the proxy's business.)
	 */
	bool outside;
	int64_t connect_ms; /* for a connection; 0: the transport's limit */
};

/* A reply: its head is here, its body is to be read. */
struct http_exchange {
	int status;
	bool local;		   /* the peer is on this machine */
	struct strv headers;	   /* "Name: value" */
	enum http_failure failure; /* of the last read that returned -1 */

	/* Up to `len` bytes of the body; 0 at its end. */
	ssize_t (*read)(struct http_exchange *x, void *data, size_t len,
			struct error *err);
	void (*free)(struct http_exchange *x);
};

void http_exchange_free(struct http_exchange *x);
DEFINE_CLEANUP(struct http_exchange *, http_exchange_free);

struct http_transport {
	/*
	 * Send `rq` and wait for the head of the final reply. `*failure` is
	 * set in any case, to HTTP_NO_FAILURE with a reply. Errors are
	 * ERROR_NETWORK unless the fault is ours. Called from many threads.
	 */
	int (*open)(struct http_transport *t, const struct http_request *rq,
		    struct http_exchange **ret, enum http_failure *failure,
		    struct error *err);
	void (*free)(struct http_transport *t);
};

/* Value of the first such field without blanks around it; or NULL. */
const char *http_header(const struct strv *headers, const char *name);

/* Append the body to `ret`; more than `max` bytes is ERROR_REFUSED. */
int http_read_all(struct http_exchange *x, size_t max, struct buf *ret,
		  struct error *err);

/* "Not Found" for 404; "" for what has no name. */
const char *http_reason(int status);

#endif
