/*
 * Certificates for one registry host, from where docker and the containers
 * tools look: HOST[:PORT]/ below /etc/docker/certs.d, /etc/containers/certs.d
 * and ~/.config/containers/certs.d. "*.crt" are further CAs, "NAME.cert" with
 * "NAME.key" is what we show.
 */
#ifndef REGISTRY_CERTS_H
#define REGISTRY_CERTS_H

#include "registry/http.h"

/*
 * Fill `tls` for `authority` ("host:5000"); `ca_file` (or NULL) is a further
 * file of CA certificates for every host. Directories that are missing or not
 * ours to read are passed over; damaged pairs are ERROR_USAGE.
 */
int certs_load(const char *authority, const char *ca_file, struct http_tls *tls,
	       struct error *err);

void http_tls_release(struct http_tls *tls);
DEFINE_RELEASE(struct http_tls, http_tls_release);

#endif
