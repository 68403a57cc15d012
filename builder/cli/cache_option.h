/*
 * `--cache-from`, `--cache-to` and their like for cache mounts, spelled as
 * docker buildx does: type=registry,ref=..., type=local,src=.../dest=...,
 * type=inline.
 */
#ifndef BUILDER_CLI_CACHE_OPTION_H
#define BUILDER_CLI_CACHE_OPTION_H

#include "builder/cache_image.h"
#include "builder/cli/session.h"
#include "store/layer.h"

enum cache_kind {
	CACHE_REGISTRY,
	CACHE_LOCAL,
	CACHE_INLINE, /* in the config of the image itself */
};

struct cache_option {
	enum cache_kind kind;
	char *ref;
	char *dir; /* an OCI layout */
	char *tag; /* in the layout; importing, also a digest */
	bool all;  /* mode=max: steps of every stage */
	bool ignore_error;
	bool insecure; /* the registry's host */
	bool reset;    /* begin with an empty directory */
	struct layer_format format;
};

struct cache_options {
	struct cache_option *items;
	size_t len;
};

/* Which of the options it is. */
enum cache_option_use {
	CACHE_FROM,
	CACHE_TO,
	CACHE_MOUNT_FROM,
	CACHE_MOUNT_TO,
};

/*
 * Parse each of `texts` and append. A bare name is that of an image in a
 * registry, or a directory when it begins with "." or "/". ERROR_USAGE says
 * what is wrong.
 */
int cache_options_parse(const struct strv *texts, enum cache_option_use use,
			struct cache_options *ret, struct error *err);
void cache_options_release(struct cache_options *o);

/* Append the hosts that may be spoken to without verified TLS. */
int cache_options_insecure(const struct cache_options *o, struct strv *ret,
			   struct error *err);

bool cache_options_have_inline(const struct cache_options *o);

/*
 * Learn the steps of other caches, layers staying where they are. What cannot
 * be read is told and done without.
 */
int cache_options_import(struct session *s, const struct cache_options *o,
			 const struct platform *platform, struct error *err);

/* Write `entries` to all but the inline ones. */
int cache_options_export(struct session *s, const struct cache_options *o,
			 const struct cache_entries *entries,
			 const struct platform *platform, struct error *err);

#endif
