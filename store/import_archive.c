#include "store/base/io.h"
#include "store/base/json.h"
#include "store/import_docker.h"

static int import_oci_entry(struct members *a, const struct descriptor *d,
			    const struct platform *want, const json_t *docker,
			    struct strv *names, struct error *err)
{
	AUTO(image_free) struct image *img = NULL;
	const char *name = import_reference(d);

	if (import_descriptor(&a->source, d, want, &img, err) < 0)
		return -1;
	return import_tell_name(
		names, name ? name : import_docker_tag(docker, img), img, err);
}

static int import_oci(struct members *a, const struct member *file,
		      const struct platform *want, const json_t *docker,
		      struct strv *names, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(manifest_free) struct manifest *index = NULL;
	autofree size_t *chosen = NULL;
	size_t n, i;

	if (io_read_file(batch_fd(a->source.batch), file->name, MANIFEST_MAX,
			 &text, err) < 0 ||
	    manifest_parse(text.data, text.len, NULL, &index, err) < 0)
		return error_wrap(err, "index.json");
	chosen = calloc(index->n_items + 1, sizeof(*chosen));
	if (!chosen)
		return error_nomem(err, "importing an image");
	n = index->is_index ? import_choose(index, want, chosen) : 0;
	if (!n)
		return error_set(err, ERROR_NOT_FOUND,
				 "the archive has no image for this platform");
	for (i = 0; i < n; i++)
		if (import_oci_entry(a, &index->items[chosen[i]], want, docker,
				     names, err) < 0)
			return -1;
	return 0;
}

/* Newer docker writes both forms into one archive; OCI's says more. */
static int import_members(struct members *a, const struct platform *want,
			  struct strv *names, struct error *err)
{
	AUTO(json_decref) json_t *docker = NULL;
	const struct member *index = members_find(a, "index.json");

	if (import_docker_list(a, &docker, err) < 0)
		return -1;
	if (index)
		return import_oci(a, index, want, docker, names, err);
	if (docker)
		return import_docker(a, docker, names, err);
	if (members_find(a, "repositories"))
		return error_set(err, ERROR_REFUSED,
				 "it is in the form docker wrote before 1.10: "
				 "load and save it again with a current tool");
	return error_set(err, ERROR_REFUSED,
			 "it is neither an OCI nor a docker image archive");
}

int import_archive(struct batch *b, int fd, const struct platform *want,
		   struct strv *names, struct error *err)
{
	AUTO(members_release) struct members a = { 0 };

	if (members_read(b, fd, &a, err) < 0 ||
	    import_members(&a, want, names, err) < 0)
		return error_wrap(err, "reading the archive");
	return 0;
}
