/*
 * What most subcommands need: the store, a batch, a registry client, and for
 * builds the spawner; opened in the one order that works (user namespace,
 * spawner, signals, then everything that may start threads).
 */
#ifndef BUILDER_CLI_SESSION_H
#define BUILDER_CLI_SESSION_H

#include "builder/cli/options.h"
#include "builder/sandbox/sandbox.h"
#include "builder/ui/progress.h"
#include "registry/registry.h"
#include "store/base/cancel.h"
#include "store/batch.h"

/* Options every such subcommand has; part of its table. */
struct session_options {
	const char *root;
	const char *progress;	/* NULL: auto */
	const char *tls_verify; /* NULL or "true", "false" */
	const char *ca_file;
	const char *config_dir;
	const char *credentials;
	const char *retry;		   /* NULL or a number */
	const char *retry_delay;	   /* NULL or a duration */
	const struct strv *insecure_hosts; /* set by the command; or NULL */
	int64_t timeout_ms;		   /* set by the command; 0: none */
	bool insecure;
	bool quiet;
	bool reads;  /* set by the command: no batch, which wants room */
	bool builds; /* set by the command: a spawner is wanted */
};

#define SESSION_STORE_OPTIONS(o)                                               \
	{                                                                      \
		"root", 0, OPTION_STRING, &(o).root, "DIR",                    \
			"store to use (default: SHALE_ROOT, or the user's)"    \
	}

/* How registries are spoken to. */
#define SESSION_HOST_OPTIONS(o)                                                   \
	{ "tls-verify",	 0,                                                       \
	  OPTION_STRING, &(o).tls_verify,                                         \
	  "BOOL",	 "check certificates of registries (default true)" },     \
		{ "insecure",	 0,    OPTION_BOOL,                               \
		  &(o).insecure, NULL, "allow unverified HTTPS and plain HTTP" }, \
		{ "cacert",	0,	OPTION_STRING,                            \
		  &(o).ca_file, "FILE", "further CA certificates" },              \
	{                                                                         \
		"config", 0, OPTION_STRING, &(o).config_dir, "DIR",               \
			"directory of config.json (default: DOCKER_CONFIG, "      \
			"~/.docker)"                                              \
	}

#define SESSION_REGISTRY_OPTIONS(o)                                                \
	SESSION_HOST_OPTIONS(o),                                                   \
		{ "creds",	   0,                                              \
		  OPTION_STRING,   &(o).credentials,                               \
		  "USER:PASSWORD", "credentials for every registry" },             \
		{ "retry",    0,   OPTION_STRING,                                  \
		  &(o).retry, "N", "retries of a request (default 4)" },           \
		{ "retry-delay", 0,                                                \
		  OPTION_STRING, &(o).retry_delay,                                 \
		  "DURATION",	 "before the first retry; doubles (default 2s)" }, \
	{                                                                          \
		"progress", 0, OPTION_STRING, &(o).progress, "MODE",               \
			"auto, plain, tty or quiet"                                \
	}

struct session {
	struct store *store;
	struct registry *registry;
	struct batch *batch;
	struct spawner *spawner; /* NULL unless it builds */
	struct cancel *cancel;
	struct progress *progress;
	bool quiet;		/* nothing but results and errors is wanted */
	unsigned transfer_step; /* progress step that transfers belong to */
	void *signals;		/* private */
};

int session_open(const struct session_options *options, struct session **ret,
		 struct error *err);

/* Of `options` those that the registry client takes; strings are borrowed. */
int session_registry_options(const struct session_options *options,
			     struct registry_options *ret, struct error *err);

/* Drops what was not published. Accepts NULL. */
void session_close(struct session *s);
DEFINE_CLEANUP(struct session *, session_close);

/*
 * The local image a user means by `text`: a reference, or (4 or more digits
 * of) an id, of those without a name, too. `*name` (may be NULL) gets the
 * stored name, NULL when found by id; the caller frees it. ERROR_NOT_FOUND says
 * what to do.
 */
int session_find_image(struct session *s, const char *text, struct digest *id,
		       char **name, struct error *err);

/* Find as above and open. */
int session_open_image(struct session *s, const char *text, struct image **ret,
		       struct error *err);

/* The stored form of a name given by the user. The caller frees. */
char *session_name(const char *text, struct error *err);

#endif
