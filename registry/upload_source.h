/* The bytes of an upload, from wherever the registry wants them next. */
#ifndef REGISTRY_UPLOAD_SOURCE_H
#define REGISTRY_UPLOAD_SOURCE_H

#include "registry/upload.h"

struct upload_source {
	const struct upload *u;
	char *what;	     /* names the transfer to the user */
	int64_t size;	     /* -1: known at the end only */
	struct stream *open; /* read as far as `at`; NULL: not open */
	int64_t at;
	bool ended;
	int64_t reported;
};

int upload_source_init(struct upload_source *s, const struct upload *u,
		       struct error *err);
void upload_source_release(struct upload_source *s);

/* Stop what makes the bytes; a later part starts it again. */
void upload_source_close(struct upload_source *s);

/*
 * The next `max` bytes from `offset` (or all that is left: -1) as a stream, one
 * at a time. What lies between is read over, or all from the start again.
 */
int upload_source_part(struct upload_source *s, int64_t offset, int64_t max,
		       struct stream **ret, struct error *err);

#endif
