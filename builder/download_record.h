/*
 * What was once downloaded from a URL, so that an unchanged file need not come
 * again to be recognised. Kept in the store beside the digests of local files.
 */
#ifndef BUILDER_DOWNLOAD_RECORD_H
#define BUILDER_DOWNLOAD_RECORD_H

#include "registry/download.h"
#include "store/batch.h"

struct download_record {
	struct digest digest;
	char *etag;
	char *last_modified;
};

void download_record_release(struct download_record *r);
DEFINE_RELEASE(struct download_record, download_record_release);

/* The record of `url`; an empty one when there is none, or a damaged one. */
int download_record_load(struct batch *b, const char *url,
			 struct download_record *ret, struct error *err);

/*
 * Have it written with the batch; nothing when the server gave nothing to
 * recognise the file by.
 */
int download_record_save(struct batch *b, const char *url,
			 const struct downloaded *info, struct error *err);

#endif
