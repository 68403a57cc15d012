/* What the transport's files share: one exchange in the making. */
#ifndef REGISTRY_CURL_INTERNAL_H
#define REGISTRY_CURL_INTERNAL_H

#include <curl/curl.h>

#include "registry/curl_line.h"
#include "registry/curl_transport.h"

/* Body bytes held for the reader. */
#define CURL_INPUT_SIZE ((size_t)512 << 10)

struct curl_transport {
	struct http_transport base;
	struct curl_transport_options options;
	const char *system_ca; /* CA file to be used, or NULL */
	struct line_pool pool;
};

struct curl_exchange {
	struct http_exchange base;
	struct curl_transport *transport;
	struct line *line;
	struct curl_slist *fields;
	char message[CURL_ERROR_SIZE];

	/* The request's body. */
	struct stream *body;
	int64_t body_left; /* -1: the stream tells by ending */
	bool sending;	   /* part of the body is still to be sent */

	/* The reply. */
	bool head_done;
	bool ended;
	CURLcode result; /* once ended */
	bool paused;
	size_t headers_size;
	char *input; /* CURL_INPUT_SIZE bytes; filled from start to end */
	size_t input_start, input_end;

	bool changes; /* something over there, which may take its time */
	bool outside; /* see http_request */
	bool direct;  /* no proxy between here and the server */
	bool faulty;  /* `fault` is why a callback gave up */
	struct error fault;

	/* For stalls: bytes in either direction, and patience since. */
	uint64_t moved;
	uint64_t moved_before;
	int64_t waited_ms;
};

/* From here on the peer has all of its time again. */
static inline void be_patient(struct curl_exchange *x)
{
	x->moved_before = x->moved;
	x->waited_ms = 0;
}

/* curl_request.c: tell curl what is asked for. -1: no memory. */
int curl_request_set(struct curl_exchange *x, const struct http_request *rq);

/* curl_callbacks.c: have curl bring and fetch the bytes of the exchange. */
void curl_callbacks_set(struct curl_exchange *x);

#endif
