/* What the names in foreign tars mean. Private to the tar modules. */
#ifndef STORE_TAR_NAME_H
#define STORE_TAR_NAME_H

#include "store/base/error.h"
#include "store/entry.h"

/*
 * Clean a name: relative, no ".", no inner "..", no trailing slash; "" is the
 * root. One that leaves the root is ERROR_REFUSED. The caller frees it.
 */
char *tar_name_clean(const char *raw, struct error *err);

enum tar_name_kind {
	TAR_NAME_PLAIN,
	TAR_NAME_WHITEOUT, /* `path` shortened to what vanishes */
	TAR_NAME_OPAQUE,   /* `path` shortened to the directory */
	TAR_NAME_SKIP,	   /* bookkeeping of other programs */
	TAR_NAME_BAD,	   /* a whiteout that could mean anything */
};

/* What a cleaned name means in a layer; changes `path` in place. */
enum tar_name_kind tar_name_in_layer(char *path);

#endif
