/*
 * The registry client: pull and push over the OCI distribution protocol, with
 * credentials from the user's configuration.
 *
 * Errors name the request and the registry's own words, not the reference:
 * the caller knows that as the user wrote it.
 *
 * One client serves a whole command and many threads: it keeps connections,
 * tokens and what it learned about each host (scheme, challenge).
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include <stdbool.h>

#include "registry/reference.h"
#include "store/base/cancel.h"
#include "store/image.h"
#include "store/layer.h"

struct registry;

/* Told of transfers; may be called from any thread. */
struct registry_events {
	/*
	 * `current` of `total` bytes (total -1: unknown) of `what`: a blob's
	 * digest or, where only the end tells that, a layer's name. `note` is
	 * NULL, or why nothing moves: "already exists", "mounted from
	 * docker.io/library/alpine".
	 */
	void (*transfer)(void *ctx, const char *what, int64_t current,
			 int64_t total, const char *note);
	/* A Warning header or a retry, one line. */
	void (*message)(void *ctx, const char *line);
	void *ctx;
};

struct registry_options {
	bool insecure; /* any host: unverified TLS, then HTTP */
	const struct strv *insecure_hosts; /* these, or NULL */
	const char *ca_file;	 /* further CA certificates, or NULL */
	const char *config_dir;	 /* instead of $DOCKER_CONFIG; or NULL */
	const char *credentials; /* "user:password" for every host; or NULL */
	unsigned retries;	 /* of a request; 0 means the default, 5 */
	unsigned parallel;	 /* blobs at a time; 0 means the default, 4 */
	int64_t backoff_ms;	 /* before the first retry; 0: 2 seconds */
	int64_t stall_ms;	 /* patience with a silent peer; 0: a minute */
	struct cancel *cancel;	 /* or NULL */
	struct registry_events events;
};

/*
 * `options` is copied, what it points to is borrowed. The process must ignore
 * SIGPIPE.
 */
int registry_new(const struct registry_options *options, struct registry **ret,
		 struct error *err);
void registry_free(struct registry *r);
DEFINE_CLEANUP(struct registry *, registry_free);

/* To register with store_set_fetcher(); borrowed, lives with `r`. */
const struct store_fetcher *registry_fetcher(struct registry *r);

/*
 * Bytes of the manifest or index that `ref` names. `media_type` and `digest`
 * are set; the digest is verified against the bytes (and `ref`'s, if given).
 * The caller frees `*media_type`.
 */
int registry_get_manifest(struct registry *r, const struct reference *ref,
			  struct buf *ret, char **media_type,
			  struct digest *digest, struct error *err);

/*
 * Resolve `ref` for `platform` and open it as an image: manifest and config
 * are fetched into the batch, layers stay remote (layer_by_remote).
 * image->manifest is the platform's manifest. No name is set. An index that
 * has no such platform is ERROR_NOT_FOUND and lists those it has.
 */
int registry_pull(struct registry *r, struct batch *b,
		  const struct reference *ref, const struct platform *platform,
		  struct image **ret, struct error *err);

/*
 * Push the manifest `desc` of the batch or store with all it refers to:
 * blobs in parallel, each asked for by HEAD first, mounted from its origin's
 * repository where the registry can, streamed from there where it is only
 * remote; then the config, the manifest, and the tag of `ref` last.
 */
int registry_push(struct registry *r, struct batch *b,
		  const struct descriptor *desc, const struct reference *ref,
		  struct error *err);

/*
 * Send one layer to `n` repositories ahead of the manifest that will refer to
 * it as `blob`; a later registry_push() by this client knows that it is there.
 * Many threads may.
 */
int registry_push_layer(struct registry *r, struct batch *b, struct layer *l,
			const struct descriptor *blob,
			const struct reference *to, size_t n,
			struct error *err);

/*
 * The same for a layer that is not compressed yet: that, and finding out its
 * digests, is done while it is sent, and nothing is stored. Its blob goes to
 * the first repository and is mounted to the others. 1: `*ret` (to be released)
 * and `*diff_id` tell what it is; 0: not this one, make a blob of it first (it
 * has one, or goes to several hosts); or -1.
 */
int registry_send_layer(struct registry *r, struct batch *b, struct layer *l,
			const struct layer_format *format,
			const struct reference *to, size_t n,
			struct descriptor *ret, struct digest *diff_id,
			struct error *err);

#endif
