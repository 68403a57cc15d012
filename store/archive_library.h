/*
 * libarchive, loaded when an archive is first read (library.h): it comes with
 * a dozen further libraries. The functions that are used here are defined
 * under their own names and pass each call on, so that users include
 * <archive.h> and write what they always write.
 */
#ifndef STORE_ARCHIVE_LIBRARY_H
#define STORE_ARCHIVE_LIBRARY_H

#include "store/base/error.h"

/* Before any other call, from any thread, any number of times. It stays. */
int archive_library_load(struct error *err);

#endif
