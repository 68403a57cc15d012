/*
 * A container's description as bytes, for the way to the spawner. Both ends
 * are the same program: no versions, host byte order. Descriptors travel
 * beside it.
 */
#ifndef BUILDER_SANDBOX_WIRE_H
#define BUILDER_SANDBOX_WIRE_H

#include "builder/sandbox/sandbox.h"
#include "store/base/buf.h"

/* Append `sb` to `buf`; source_fd of mounts is left out. */
int wire_encode(const struct sandbox *sb, struct buf *buf, struct error *err);

/*
 * What wire_encode() wrote. Strings lie inside `data`, which must stay;
 * lists are allocated and released with wire_release().
 */
struct wire_sandbox {
	struct sandbox sb;
	void **allocations;
	size_t n_allocations;
};

/* ERROR_INTEGRITY when `data` is not a whole description. */
int wire_decode(const void *data, size_t len, struct wire_sandbox *ret,
		struct error *err);
void wire_release(struct wire_sandbox *w);
DEFINE_RELEASE(struct wire_sandbox, wire_release);

#endif
