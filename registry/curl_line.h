/* Connections of the transport, kept for the next exchange. */
#ifndef REGISTRY_CURL_LINE_H
#define REGISTRY_CURL_LINE_H

#include <curl/curl.h>
#include <pthread.h>
#include <stddef.h>

/*
 * A connection: an easy handle and a multi handle of its own, so that the
 * reader drives its transfer from its own thread. The multi handle keeps the
 * TCP connection when the easy handle is taken out.
 */
struct line {
	CURL *easy;
	CURLM *multi;
	char *origin; /* scheme, host and port it was last used for */
	struct line *next;
};

/* Lines that nobody uses at the moment; for many threads. */
struct line_pool {
	pthread_mutex_t lock;
	struct line *idle;
	size_t n_idle;
};

void line_pool_init(struct line_pool *p);

/* Closes what is idle; every line must have been put back. */
void line_pool_release(struct line_pool *p);

/*
 * A line for a request to `url`, best one that is connected to the same place
 * already. NULL: no memory.
 */
struct line *line_get(struct line_pool *p, const char *url);

/* Give it back, its easy handle out of the multi handle. */
void line_put(struct line_pool *p, struct line *l);

#endif
