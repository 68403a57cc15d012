/* Archives as docker writes them. Private to import_*.c. */
#ifndef STORE_IMPORT_DOCKER_H
#define STORE_IMPORT_DOCKER_H

#include "store/import_members.h"

/* The list of images, manifest.json, or NULL when the archive has none. */
int import_docker_list(struct members *a, json_t **ret, struct error *err);

/* The list's name for an image that an OCI index has no name for, or NULL. */
const char *import_docker_tag(const json_t *list, const struct image *img);

/* Import all images of the list; see import_archive() for `names`. */
int import_docker(struct members *a, const json_t *list, struct strv *names,
		  struct error *err);

#endif
