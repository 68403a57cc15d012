/*
 * Images out of the store: OCI layouts and archives, docker archives, plain
 * tars and directories. The way back is import.h.
 */
#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include "store/image.h"
#include "store/import.h"
#include "store/layer.h"

struct export_image {
	struct image *image;
	const char *const *names; /* full references, NULL-terminated */
};

/*
 * All of these write to `fd` (an archive; a pipe will do) or into the
 * directory `dir`, whichever is set (-1, NULL). A directory is made when
 * absent; a layout directory that exists gets the image added, entries of the
 * same name replaced. On failure no half-written directory entry is left.
 */
struct export_target {
	int fd;
	const char *dir;
};

/*
 * `type=oci` and, with docker's manifest.json beside it, `type=docker`. The
 * same images give the same archive. `manifest` (may be NULL) gets the first
 * image's descriptor, to be released.
 */
int export_oci(struct batch *b, const struct export_image *images, size_t n,
	       const struct layer_format *format, bool docker_archive,
	       const json_t *annotations, const struct export_target *to,
	       struct descriptor *manifest, struct error *err);

/*
 * `type=tar` and `type=local`: the files of the final root. In a directory
 * they belong to the caller, come over what is there, and leave out devices.
 */
int export_tree(struct batch *b, struct image *image, const int64_t *clamp,
		const struct export_target *to, struct error *err);

#endif
