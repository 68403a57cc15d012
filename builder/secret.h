/*
 * Secrets that the user hands to a build:
 * --secret id=ID[,src=FILE|,env=VAR][,type=file|env].
 */
#ifndef BUILDER_SECRET_H
#define BUILDER_SECRET_H

#include "store/base/buf.h"
#include "store/base/strv.h"

/* Larger ones are refused, as elsewhere. */
#define SECRET_MAX ((size_t)500 << 10)

/* Can all of them be read as specifications? ERROR_USAGE names the one. */
int secret_check(const struct strv *specs, struct error *err);

/*
 * The secret `id` among `specs` (may be NULL): 1 with its bytes appended to
 * `ret`, 0 when none has that id, -1. Without src and env, the variable ID,
 * then the file ID counts.
 */
int secret_find(const struct strv *specs, const char *id, struct buf *ret,
		struct error *err);

#endif
