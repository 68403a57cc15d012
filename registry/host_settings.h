/* How a table of a hosts.toml wants a host to be spoken to. */
#ifndef REGISTRY_HOST_SETTINGS_H
#define REGISTRY_HOST_SETTINGS_H

#include <jansson.h>
#include <stdint.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/strv.h"

/* Zero members: nothing is said. */
struct host_settings {
	bool insecure;	     /* unverified TLS and plain HTTP will do */
	struct strv ca;	     /* files of further authorities */
	char *client_cert;   /* files, both or neither */
	char *client_key;    /* may be the same */
	struct strv headers; /* "Name: value"; nobody else is to see them */
	int64_t connect_ms;
	char *ns; /* the registry it stands in for and is to be told of */
};

void host_settings_release(struct host_settings *s);
DEFINE_RELEASE(struct host_settings, host_settings_release);

/*
 * Take `ca`, `client`, `header`, `skip_verify` and `dial_timeout` out of
 * `json`; to be released. File names become those below `folder`; `host` is for
 * messages. ERROR_USAGE when one of them has a wrong type or value.
 */
int host_settings_read(const json_t *json, const char *folder, const char *host,
		       struct host_settings *ret, struct error *err);

#endif
