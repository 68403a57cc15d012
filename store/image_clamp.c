/* Layers without times later than some moment: other layers, as tars. */

#include "store/image.h"
#include "store/layer_internal.h"

static int write_tar(struct layer *l, char **name, int64_t epoch,
		     struct digest *diff_id, struct error *err)
{
	AUTO(sink_free) struct sink *file = NULL;
	AUTO(sink_free) struct sink *hash = NULL;
	AUTO(sink_free) struct sink *both = NULL;
	uint64_t size;
	int rc;
	autoclose int fd = batch_fresh_file(l->batch, "clamped", name, err);

	if (fd < 0)
		return -1;
	if (sink_to_fd(fd, *name, &file, err) < 0 ||
	    sink_hash(&hash, err) < 0 || sink_tee(file, hash, &both, err) < 0)
		return -1;
	pthread_mutex_lock(&l->lock);
	rc = layer_pack(l, &epoch, both, err);
	pthread_mutex_unlock(&l->lock);
	if (rc < 0 || sink_finish(both, err) < 0)
		return -1;
	sink_hash_result(hash, diff_id, &size);
	if (close(steal_fd(&fd)) < 0)
		return error_sys(err, errno, "cannot write '%s/%s'",
				 batch_path(l->batch), *name);
	return 0;
}

static int clamp(struct layer *l, int64_t epoch, struct layer **ret,
		 struct error *err)
{
	autofree char *name = NULL;
	struct digest diff_id;

	if (write_tar(l, &name, epoch, &diff_id, err) < 0)
		return -1;
	return layer_from_tar(l->batch, name, &diff_id, ret, err);
}

int image_clamp(struct image *img, int64_t epoch, struct error *err)
{
	for (size_t i = img->n_base_layers; i < img->n_layers; i++) {
		struct layer *clamped;

		if (clamp(img->layers[i], epoch, &clamped, err) < 0)
			return error_wrap(err, "rewriting times of layer %zu",
					  i + 1);
		layer_unref(img->layers[i]);
		img->layers[i] = clamped;
	}
	return 0;
}
