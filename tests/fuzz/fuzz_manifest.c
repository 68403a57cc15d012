/*
 * Manifests and indexes: what is accepted is written in a form that is
 * accepted, and written the same way again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written_form(const struct manifest *m)
{
	AUTO(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;
	AUTO(manifest_free) struct manifest *back = NULL;
	struct error err = ERROR_INIT;

	if (manifest_serialize(m, &once, &err) < 0)
		return;
	/* Written out, a document may grow beyond what is accepted. */
	if (once.len > MANIFEST_MAX)
		return;
	assert(manifest_parse(once.data, once.len, m->media_type, &back,
			      &err) == 0);
	assert(back->n_items == m->n_items);
	assert(manifest_serialize(back, &twice, &err) == 0);
	assert(once.len == twice.len &&
	       !memcmp(once.data, twice.data, once.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(manifest_free) struct manifest *m = NULL;
	struct platform want = platform_host();
	struct error err = ERROR_INIT;

	if (manifest_parse((const char *)data, size, NULL, &m, &err) < 0) {
		assert(err.kind != ERROR_NONE && !m);
		return 0;
	}
	if (m->is_index)
		manifest_select(m, &want);
	check_written_form(m);
	return 0;
}
