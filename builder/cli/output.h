/*
 * Where a build's result goes: `-o type=...,name=value`, as docker buildx
 * spells it, and --push and --load as short forms.
 */
#ifndef BUILDER_CLI_OUTPUT_H
#define BUILDER_CLI_OUTPUT_H

#include "builder/cli/session.h"
#include "store/layer.h"

struct push_ahead;

enum output_kind {
	OUTPUT_IMAGE, /* the local store, where it is already; may push */
	OUTPUT_OCI,
	OUTPUT_DOCKER,
	OUTPUT_TAR,
	OUTPUT_LOCAL,
	OUTPUT_CACHE_ONLY,
};

struct output {
	enum output_kind kind;
	char *dest;	/* NULL or "-": stdout */
	bool directory; /* oci: a layout instead of an archive */
	bool push;
	bool rewrite_timestamp;
	struct strv names; /* name=, replacing -t */
	struct layer_format format;
	json_t *annotations;	  /* object or NULL */
	bool keep_blobs;	  /* a push's blobs are wanted by others, too */
	struct push_ahead *ahead; /* its layers went before; borrowed or NULL */
};

void output_release(struct output *o);
DEFINE_RELEASE(struct output, output_release);

/* Parse one -o value. ERROR_USAGE says what is wrong with it. */
int output_parse(const char *text, struct output *ret, struct error *err);

/* Is it made of the image's own layers, as blobs of `o->format`? */
bool output_wants_blobs(const struct output *o);

/* What was written, for --metadata-file. */
struct output_result {
	struct digest manifest; /* unset when none was made */
};

/*
 * Write the image. `names` are the full references of -t; `epoch` is NULL or
 * SOURCE_DATE_EPOCH. A file is written beside its place and renamed.
 */
int output_write(struct session *s, const struct output *o, struct image *image,
		 const struct strv *names, const int64_t *epoch,
		 struct output_result *ret, struct error *err);

/* An image and the full references it goes under. */
struct output_image {
	struct image *image;
	const struct strv *names;
};

/* Write `n` images, at least one, to one archive (oci or docker). */
int output_save(struct session *s, const struct output *o,
		const struct output_image *images, size_t n, struct error *err);

struct output_push {
	const struct strv *names; /* full references */
	const struct layer_format *format;
	const json_t *annotations;
	bool keep; /* what is compressed, in the store */
	struct push_ahead *ahead;
};

/* Push the image under every name; `*manifest` is what was pushed. */
int output_push(struct session *s, struct image *image,
		const struct output_push *how, struct digest *manifest,
		struct error *err);

/*
 * Layers of a build's result that are sent by the reading which finds out their
 * diffIDs, before there is an image: push_ahead_watch() is for the build, the
 * output_push() that follows finds them there. What goes wrong at a registry
 * does not end the build: the layers are compressed into the store instead, and
 * output_push() fails with the first such error.
 */
int push_ahead_new(struct session *s, const struct strv *names,
		   struct push_ahead **ret, struct error *err);
void push_ahead_free(struct push_ahead *a);
DEFINE_CLEANUP(struct push_ahead *, push_ahead_free);
const struct image_watch *push_ahead_watch(struct push_ahead *a);

/* The full references that `o` writes, of those given with -t. */
const struct strv *output_names(const struct output *o,
				const struct strv *names);

/*
 * Push `n` images, each for another platform, as one index. The images go by
 * their digests only.
 */
int output_push_index(struct session *s, struct image *const *images, size_t n,
		      const struct strv *names,
		      const struct layer_format *format,
		      const json_t *annotations, struct digest *manifest,
		      struct error *err);

#endif
