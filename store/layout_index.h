/* What says which images a layout holds: index.json, docker's manifest.json. */
#ifndef STORE_LAYOUT_INDEX_H
#define STORE_LAYOUT_INDEX_H

#include <jansson.h>

#include "store/layout.h"
#include "store/manifest.h"

/* Annotations of an index entry that name it: a tag (or what else the writer
 * calls it), and the whole reference. */
#define NOTE_REF	"org.opencontainers.image.ref.name"
#define NOTE_IMAGE_NAME "io.containerd.image.name"

/*
 * Put index.json with `entries`, an array of descriptors. What a directory's
 * index has already stays, unless an entry of the same names, or, both without
 * one, of the same platform or digest takes its place.
 */
int layout_put_index(struct layout *l, const json_t *entries,
		     struct error *err);

/*
 * An element of docker's manifest.json for an image that goes by `names`
 * (full references, NULL-terminated). NULL: no memory.
 */
json_t *layout_docker_entry(const struct manifest *m, const char *const *names);

/* Put manifest.json, an array of those. */
int layout_put_docker_manifest(struct layout *l, const json_t *list,
			       struct error *err);

#endif
