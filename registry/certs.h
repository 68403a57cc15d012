/*
 * Certificates for one registry host: those of a hosts.toml, and those where
 * docker and the containers tools look, in HOST[:PORT]/ below
 * /etc/docker/certs.d, /etc/containers/certs.d and
 * ~/.config/containers/certs.d. There "*.crt" are further CAs, "NAME.cert" with
 * "NAME.key" is what we show.
 */
#ifndef REGISTRY_CERTS_H
#define REGISTRY_CERTS_H

#include "registry/host_settings.h"
#include "registry/http.h"

/*
 * Fill `tls` for `authority` ("host:5000"); `ca_file` (or NULL) is a further
 * file of CA certificates for every host. Directories that are missing or not
 * ours to read are passed over; files that a setting names are not, and damaged
 * pairs are ERROR_USAGE.
 */
int certs_load(const char *authority, const char *ca_file,
	       const struct host_settings *settings, struct http_tls *tls,
	       struct error *err);

void http_tls_release(struct http_tls *tls);
DEFINE_RELEASE(struct http_tls, http_tls_release);

#endif
