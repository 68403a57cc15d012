/*
 * libcurl, loaded when a server is first asked (library.h): it comes with
 * thirty further libraries. The functions that are used here are defined under
 * their own names and pass each call on, so that users include <curl/curl.h>
 * and write what they always write.
 */
#ifndef REGISTRY_CURL_LIBRARY_H
#define REGISTRY_CURL_LIBRARY_H

#include "store/base/error.h"

/*
 * Before any other call, from any thread, any number of times: load and
 * initialize it. It stays.
 */
int curl_library_load(struct error *err);

#endif
