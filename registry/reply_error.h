/* A refusal as the user reads it. */
#ifndef REGISTRY_REPLY_ERROR_H
#define REGISTRY_REPLY_ERROR_H

#include "registry/http.h"

/*
 * Turn a reply that is no success into an error of a fitting kind: "GET
 * https://host/v2/x: 404 Not Found: manifest unknown". What the server says
 * is bounded and made printable. Returns -1.
 */
int reply_error(struct http_exchange *x, const char *method, const char *url,
		struct error *err);

/* The server's own words in a reply's body; "" when there are none. */
void reply_error_text(const char *body, size_t len, char *buf, size_t size);

#endif
