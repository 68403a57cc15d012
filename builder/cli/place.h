/* Where images are, as `shale copy` takes it: "oci:DIR:TAG", "store:NAME". */
#ifndef BUILDER_CLI_PLACE_H
#define BUILDER_CLI_PLACE_H

#include "store/base/cleanup.h"
#include "store/base/error.h"

enum place_kind {
	PLACE_REGISTRY,
	PLACE_STORE,
	PLACE_LAYOUT, /* directory */
	PLACE_OCI_ARCHIVE,
	PLACE_DOCKER_ARCHIVE,
};

struct place {
	enum place_kind kind;
	char *path;	  /* of layouts and archives; "-": stdin, stdout */
	const char *name; /* borrowed: reference, tag; NULL: none given */
};

/*
 * Without a prefix, or with "docker://", it is a reference to a registry.
 * ERROR_USAGE. `text` must outlive `*ret`.
 */
int place_parse(const char *text, struct place *ret, struct error *err);
void place_release(struct place *p);
DEFINE_RELEASE(struct place, place_release);

#endif
