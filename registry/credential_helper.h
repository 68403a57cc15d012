/*
 * Credential helpers: programs "docker-credential-NAME" that keep secrets in
 * a keychain or make short-lived ones from a cloud identity.
 */
#ifndef REGISTRY_CREDENTIAL_HELPER_H
#define REGISTRY_CREDENTIAL_HELPER_H

#include <stdint.h>

#include "registry/auth_file.h"
#include "store/base/cancel.h"
#include "store/base/error.h"

/* Longest time a helper may take, in milliseconds. */
#define CREDENTIAL_HELPER_TIMEOUT_MS 30000

/*
 * Ask the helper for `server` ("host:5000", "https://index.docker.io/v1/").
 * `*ret` stays unset when the helper knows none. ERROR_AUTH when it is
 * missing, fails, answers nonsense or takes longer than `timeout_ms`; it and
 * its children are killed then.
 */
int credential_helper_get(const char *name, const char *server,
			  int64_t timeout_ms, const struct cancel *cancel,
			  struct credential *ret, struct error *err);

/*
 * Have the helper keep what `server` is told: a user name and password, or an
 * identity token.
 */
int credential_helper_store(const char *name, const char *server,
			    const struct credential *c, int64_t timeout_ms,
			    const struct cancel *cancel, struct error *err);

/* Have it forget `server`; that it never knew it is success. */
int credential_helper_erase(const char *name, const char *server,
			    int64_t timeout_ms, const struct cancel *cancel,
			    struct error *err);

/* Understand what a helper printed; `ok`: it exited with 0. */
int credential_helper_parse(const char *output, size_t len, bool ok,
			    struct credential *ret, struct error *err);

#endif
