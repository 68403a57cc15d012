/*
 * A layout directory as somebody else made it. Links in it lead nowhere but
 * into it, and only regular files are read.
 */
#ifndef STORE_LAYOUT_READ_H
#define STORE_LAYOUT_READ_H

#include "store/digest.h"
#include "store/manifest.h"

/* Open a blob; not verified. ERROR_NOT_FOUND, ERROR_REFUSED. */
int layout_open_blob(int dir, const struct digest *digest, struct error *err);

/* index.json, which is an index for sure. */
int layout_read_index(int dir, struct manifest **ret, struct error *err);

/* Does an entry of the index go by the reference, tag or digest `name`? */
bool layout_is_named(const struct descriptor *entry, const char *name);

#endif
