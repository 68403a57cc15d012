/*
 * A place to run containers in: a directory with a small root file system
 * made of busybox, and a spawner, as one of several kinds of user.
 */
#ifndef TESTS_UNIT_BUILDER_SANDBOX_FIXTURE_H
#define TESTS_UNIT_BUILDER_SANDBOX_FIXTURE_H

#include "builder/sandbox/sandbox.h"
#include "store/base/buf.h"

#include <string.h>

enum identity {
	IDENTITY_ROOT,	 /* as we are, which must be root */
	IDENTITY_USER,	 /* a user with subordinate ids */
	IDENTITY_SINGLE, /* a user without */
};

struct place {
	enum identity identity;
	const char *missing; /* why nothing can be tested, or NULL */
	char dir[64];
	char root[80]; /* the busybox tree, a lower */
	struct spawner *spawner;
	char *runtime; /* NULL: containers are made by ourselves */
	int runs;
};

/*
 * Become that user (for good) and set a place up. Root becomes "nobody" for
 * the others, with subordinate ids only this process sees. `runtime`: NULL,
 * or the OCI runtime that is to make containers.
 */
struct place *place_new(enum identity identity, const char *runtime);
void place_free(struct place *p);

/* In a test: its place; skips the test when there is none. */
struct place *place_of(void **state);

/* One run and what came of it. */
struct run {
	struct sandbox sb; /* change it before run_it() */
	char upper[128];
	char work[128];
	char scratch[128];
	const char *lowers[4];
	const char *args[8];
	struct cancel *cancel;

	int status; /* of spawner_run() */
	struct error err;
	char message[2400];
	struct sandbox_result result;
	struct buf output; /* NUL-terminated */
};

/* A run of `sh -c SCRIPT` over the busybox tree with default settings. */
void run_init(struct run *r, struct place *p, const char *script);
void run_it(struct run *r, struct place *p);
void run_release(struct run *r);
DEFINE_RELEASE(struct run, run_release);

/* Assert that it ended with 0, showing the error or output if not. */
void assert_ran(const struct run *r);

/* A new empty directory at `path` becomes the top lower of the run. */
void add_lower(struct run *r, struct place *p, char *path, size_t size);

/* Assert that the output holds a text, or does not. */
#define assert_has(r, text)                                                    \
	do {                                                                   \
		if (!strstr((r)->output.data, text))                           \
			fail_msg("no '%s' in: %s %s", text, (r)->output.data,  \
				 (r)->message);                                \
	} while (0)

#define assert_lacks(r, text)                                                  \
	do {                                                                   \
		if (strstr((r)->output.data, text))                            \
			fail_msg("'%s' in: %s", text, (r)->output.data);       \
	} while (0)

/* Is there a process whose arguments contain `text`? Waits up to `ms`. */
bool process_is_gone(const char *text, int ms);

/* Names in a directory (not . and ..), or -1. */
int count_names(const char *dir);

/* All of a small file; "" when there is none. Caller frees. */
char *text_of_file(const char *path);
void write_text(const char *path, const char *text);

#endif
