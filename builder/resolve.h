/*
 * Base images: the local store first, else the registry; layers stay remote
 * until a step looks into them. Or OCI layouts, which are read whole.
 */
#ifndef BUILDER_RESOLVE_H
#define BUILDER_RESOLVE_H

#include "builder/ui/progress.h"
#include "registry/registry.h"

struct resolver {
	struct batch *batch;
	struct registry *registry;
	struct progress *progress;
	bool pull; /* ask the registry even when the name is known here */
};

/*
 * The image `ref` for `platform`: a reference, "docker-image://REFERENCE" or
 * "oci-layout://DIR[:TAG][@DIGEST]". One that came from a registry gets its
 * local name when the batch is published. For plan_options.resolve; `ctx` is
 * a struct resolver. Thread-safe.
 */
int resolve_image(void *ctx, const char *ref, const struct platform *platform,
		  struct image **ret, struct error *err);

#endif
