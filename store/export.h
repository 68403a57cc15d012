/*
 * Images out of and into the store: OCI layouts and archives, docker
 * archives, plain tars and directories.
 */
#ifndef STORE_EXPORT_H
#define STORE_EXPORT_H

#include "store/image.h"
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

/* `type=oci` and, with docker's manifest.json beside it, `type=docker`. */
int export_oci(struct batch *b, const struct export_image *images, size_t n,
	       const struct layer_format *format, bool docker_archive,
	       const json_t *annotations, const struct export_target *to,
	       struct descriptor *manifest, struct error *err);

/* `type=tar` and `type=local`: the files of the final root. */
int export_tree(struct batch *b, struct image *image, const int64_t *clamp,
		const struct export_target *to, struct error *err);

/*
 * Read an archive (OCI or docker, compressed or not) or an OCI layout
 * directory. Every image found is saved in the batch and, unless `names` is
 * NULL, its references (as written in the archive) are appended to `names` as
 * "REFERENCE=sha256:ID" (an empty reference when unnamed). The caller
 * normalises and sets names.
 */
int import_archive(struct batch *b, int fd, const struct platform *want,
		   struct strv *names, struct error *err);
int import_layout(struct batch *b, const char *dir, const char *ref,
		  const struct platform *want, struct image **ret,
		  struct error *err);

#endif
