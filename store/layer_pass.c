/* One reading of a layer, in which all that is wanted of it is computed. */
#include <string.h>

#include "store/base/parallel.h"
#include "store/layer_internal.h"

/*
 * Each compression uses all processors. Several at a time read several layers,
 * as long as all of them together stay below this.
 */
#define MEMORY_MAX ((size_t)40 << 20)

static void begin_pass(struct layer *l, size_t memory)
{
	struct batch_layers *layers = batch_layers(l->batch);

	pthread_mutex_lock(&layers->lock);
	while (layers->pass_memory && layers->pass_memory + memory > MEMORY_MAX)
		pthread_cond_wait(&layers->pass_ended, &layers->lock);
	layers->pass_memory += memory;
	pthread_mutex_unlock(&layers->lock);
}

static void end_pass(struct layer *l, size_t memory)
{
	struct batch_layers *layers = batch_layers(l->batch);

	pthread_mutex_lock(&layers->lock);
	layers->pass_memory -= memory;
	pthread_cond_broadcast(&layers->pass_ended);
	pthread_mutex_unlock(&layers->lock);
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

static int compress_into(struct layer *l, const struct layer_format *format,
			 bool ours, struct sink *to, struct digest *diff_id,
			 struct error *err)
{
	AUTO(sink_free) struct sink *compress = NULL;

	if (sink_compress(format->compression, parallel_cpus(), to, &compress,
			  err) < 0)
		return -1;
	if (ours)
		return layer_pack_known(l, format->clamp, compress, diff_id,
					err);
	*diff_id = l->diff_id;
	return pass_on(l, compress, err);
}

int layer_compress(struct layer *l, const struct layer_format *format,
		   bool ours, struct sink *to, struct digest *diff_id,
		   struct error *err)
{
	size_t memory =
		compression_memory(format->compression.kind, parallel_cpus());
	int status;

	begin_pass(l, memory);
	status = compress_into(l, format, ours, to, diff_id, err);
	end_pass(l, memory);
	return status;
}
