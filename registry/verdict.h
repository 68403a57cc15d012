/* What to do next about a request: one place decides. */
#ifndef REGISTRY_VERDICT_H
#define REGISTRY_VERDICT_H

#include <time.h>

#include "registry/http.h"

enum http_verdict {
	HTTP_DONE,	   /* 2xx */
	HTTP_RETRY,	   /* passes by itself; the same request again */
	HTTP_AUTHENTICATE, /* 401: show credentials and try again */
	HTTP_REDIRECT,	   /* Location says where to ask */
	HTTP_FAIL,	   /* trying again cannot help */
};

/* Longest Retry-After that is waited for, in milliseconds. */
#define HTTP_LONGEST_WAIT_MS ((int64_t)180 * 1000)

struct http_outcome {
	enum http_failure failure; /* of the transfer */
	int status;		   /* when the transfer did not fail */
	const char *retry_after;   /* the field, or NULL */
	time_t now;		   /* to understand a date in it */
};

/*
 * Judge one attempt. For HTTP_RETRY `*wait_ms` is how long the server wants
 * to be left alone, or -1 when it did not say.
 */
enum http_verdict http_judge(const struct http_outcome *o, int64_t *wait_ms);

/*
 * How long to wait before attempt `n` (1: the first retry) when the server
 * does not say: `first_ms` doubled each time, at most a minute, shortened by
 * up to a quarter so that many clients do not come back at once. `random` is
 * any number.
 */
int64_t http_backoff_ms(int64_t first_ms, unsigned n, unsigned random);

/* Kind of the error to report for a status. */
enum error_kind http_error_kind(int status);

#endif
