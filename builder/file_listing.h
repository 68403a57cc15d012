/*
 * What a step read, file by file, kept beside its result so that a later miss
 * can name the file that changed.
 *
 * One record for each file: "TMMMM HHHHHHHHHHHHHHHH PATH" and a zero byte; T
 * is the type's number, M the octal mode, H the start of the digest of the
 * contents or link target.
 */
#ifndef BUILDER_FILE_LISTING_H
#define BUILDER_FILE_LISTING_H

#include "builder/copy_source.h"
#include "store/base/buf.h"

/* Append everything of `s`, whose digests are known. */
void file_listing_append(struct buf *listing, const struct copy_sources *s);

/*
 * Append one line of text for each file that differs, each beginning with
 * `indent`, at most `max` and then how many more there are. Returns how many
 * differ, or -1.
 */
int file_listing_compare(const struct buf *before, const struct buf *now,
			 const char *indent, unsigned max, struct buf *ret,
			 struct error *err);

#endif
