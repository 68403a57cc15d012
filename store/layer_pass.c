/* One reading of a layer, in which all that is wanted of it is computed. */
#include <string.h>

#include "store/base/parallel.h"
#include "store/layer_internal.h"

/* Compressing at once: each uses all processors and up to 40 MiB. */
#define PASSES_MAX 2

static void begin_pass(struct layer *l)
{
	struct batch_layers *layers = batch_layers(l->batch);

	pthread_mutex_lock(&layers->lock);
	while (layers->n_passes == PASSES_MAX)
		pthread_cond_wait(&layers->pass_ended, &layers->lock);
	layers->n_passes++;
	pthread_mutex_unlock(&layers->lock);
}

static void end_pass(struct layer *l)
{
	struct batch_layers *layers = batch_layers(l->batch);

	pthread_mutex_lock(&layers->lock);
	layers->n_passes--;
	pthread_cond_signal(&layers->pass_ended);
	pthread_mutex_unlock(&layers->lock);
}

/* Of our own making: the diffID comes about, or must be what it was. */
static int pack(struct layer *l, const struct layer_format *format,
		struct sink *compress, struct digest *diff_id,
		struct error *err)
{
	AUTO(sink_free) struct sink *hash = NULL;
	AUTO(sink_free) struct sink *both = NULL;
	uint64_t size;

	if (sink_hash(&hash, err) < 0 ||
	    sink_tee(hash, compress, &both, err) < 0 ||
	    layer_pack(l, format->clamp, both, err) < 0 ||
	    sink_finish(both, err) < 0)
		return -1;
	sink_hash_result(hash, diff_id, &size);
	return format->clamp ? 0 : layer_learn_diff_id(l, diff_id, size, err);
}

/* What came from elsewhere is kept as it is inside. */
static int pass_on(struct layer *l, struct sink *compress, struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	struct stream *raw;

	if (layer_open_source(l, &raw, err) < 0 ||
	    stream_verify(raw, -1, &l->diff_id, &from, err) < 0)
		return -1;
	return stream_copy(from, compress, err);
}

int layer_compress(struct layer *l, const struct layer_format *format,
		   bool ours, struct sink *to, struct digest *diff_id,
		   struct error *err)
{
	AUTO(sink_free) struct sink *compress = NULL;
	int status;

	begin_pass(l);
	status = sink_compress(format->compression, parallel_cpus(), to,
			       &compress, err);
	if (status == 0 && ours)
		status = pack(l, format, compress, diff_id, err);
	else if (status == 0)
		status = pass_on(l, compress, err);
	if (status == 0 && !ours)
		*diff_id = l->diff_id;
	end_pass(l);
	return status;
}
