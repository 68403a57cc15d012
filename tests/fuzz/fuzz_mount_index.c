/*
 * Indexes of saved cache mounts: what is accepted names only what is there, and
 * is written in a form that is accepted again, without packs nobody needs.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/mount_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(const struct mount_index *x)
{
	for (size_t i = 0; i < x->n_packs; i++) {
		assert(x->packs[i].bytes <= MOUNT_PACK_MAX);
		assert(x->packs[i].n > 0);
		assert(x->packs[i].first + x->packs[i].n <= x->n_chunks);
	}
	for (size_t i = 0; i < x->n_chunks; i++) {
		const struct mount_chunk *c = &x->chunks[i];

		assert(c->pack < x->n_packs);
		assert(c->offset + c->size <= x->packs[c->pack].bytes);
	}
	for (size_t i = 0; i < x->n_mounts; i++)
		for (size_t j = 0; j < x->mounts[i].n_runs; j++)
			assert(x->mounts[i].runs[j].first +
				       x->mounts[i].runs[j].n <=
			       x->n_chunks);
}

/* Runs may repeat: what a few bytes can ask for is too much for here. */
static bool is_small(const struct mount_index *x)
{
	uint64_t n = 0;

	for (size_t i = 0; i < x->n_mounts; i++)
		for (size_t j = 0; j < x->mounts[i].n_runs; j++)
			n += x->mounts[i].runs[j].n;
	return n < 100000;
}

static void check_written_form(const struct mount_index *x)
{
	AUTO(mount_index_release) struct mount_index needed = { 0 };
	AUTO(mount_index_release) struct mount_index back = { 0 };
	AUTO(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;
	struct error err = ERROR_INIT;

	assert(mount_index_compact(x, &needed, &err) == 0);
	check_numbers(&needed);
	assert(needed.n_mounts == x->n_mounts);
	assert(mount_index_serialize(&needed, &once, &err) == 0);
	assert(mount_index_parse(once.data, once.len, &back, &err) == 0);
	assert(mount_index_serialize(&back, &twice, &err) == 0);
	assert(once.len == twice.len &&
	       !memcmp(once.data, twice.data, once.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(mount_index_release) struct mount_index x = { 0 };
	struct error err = ERROR_INIT;

	if (mount_index_parse((const char *)data, size, &x, &err) < 0) {
		assert(err.kind != ERROR_NONE);
		return 0;
	}
	check_numbers(&x);
	if (is_small(&x))
		check_written_form(&x);
	return 0;
}
