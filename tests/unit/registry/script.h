/* A transport that follows a script and writes down what it was asked. */
#ifndef TESTS_UNIT_REGISTRY_SCRIPT_H
#define TESTS_UNIT_REGISTRY_SCRIPT_H

#include "registry/client.h"

/* One exchange. Zero members: a 200 without anything. */
struct act {
	enum http_failure failure; /* of the transfer; there is no reply then */
	int status;
	const char *headers; /* lines separated by '\n' */
	const char *body;
	size_t body_len;     /* 0: strlen(body) */
	size_t breaks_after; /* body bytes after which the connection breaks */
};

struct script {
	const struct act *acts;
	size_t n;
	size_t next;
	/*
	 * A line for each request: "METHOD URL", then " | " and each header
	 * field worth looking at, a limit for the connection of its own, then
	 * " > " and the body.
	 */
	struct strv log;
	struct strv told; /* messages to the user */
};

/* A client over the script; no waits, all credentials from the environment. */
struct registry *script_client(struct script *s,
			       const struct registry_options *options);

/* Compare the log with `lines`, separated by '\n'; and all acts were used. */
void assert_log(const struct script *s, const char *lines);

void script_release(struct script *s);
DEFINE_RELEASE(struct script, script_release);

#endif
