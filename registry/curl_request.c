#include <string.h>

#include "registry/curl_internal.h"
#include "registry/url.h"

#define CURL_CHUNK ((size_t)128 << 10)

static int add_field(struct curl_exchange *x, const char *field)
{
	struct curl_slist *longer = curl_slist_append(x->fields, field);

	if (!longer)
		return -1;
	x->fields = longer;
	return 0;
}

static int set_fields(struct curl_exchange *x, const struct http_request *rq)
{
	/* Waiting for "100 Continue" costs a second where it never comes. */
	if (add_field(x, "Expect:") < 0)
		return -1;
	for (size_t i = 0; rq->headers && i < rq->headers->len; i++)
		if (add_field(x, rq->headers->items[i]) < 0)
			return -1;
	curl_easy_setopt(x->line->easy, CURLOPT_HTTPHEADER, x->fields);
	return 0;
}

/*
 * Further CAs come on top of the system's: curl takes a file or a block of
 * memory, so with the latter the directory of hashed names must serve.
 */
static void set_tls(struct curl_exchange *x, const struct http_tls *tls)
{
	const char *system_ca = x->transport->system_ca;
	const char *dir = getenv("SSL_CERT_DIR");
	CURL *easy = x->line->easy;
	struct curl_blob blob = { .flags = CURL_BLOB_COPY };

	if (system_ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, system_ca);
	if (dir && *dir)
		curl_easy_setopt(easy, CURLOPT_CAPATH, dir);
	if (!tls)
		return;
	if (tls->ca_pem) {
		blob.data = tls->ca_pem;
		blob.len = strlen(tls->ca_pem);
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (tls->unverified) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (tls->client_cert) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, tls->client_cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, tls->client_key);
	}
}

static void set_method(struct curl_exchange *x, const struct http_request *rq)
{
	CURL *easy = x->line->easy;

	if (!strcmp(rq->method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, rq->method);
	if (rq->body) {
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE,
				 (curl_off_t)rq->body->size);
	} else if (strcmp(rq->method, "GET") != 0) {
		/* An empty body still announces its length. */
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
	}
}

/* Does the environment name a proxy? (What NO_PROXY excepts, it says, too.) */
static bool has_proxy(bool https)
{
	static const char *const names[][2] = { { "http_proxy", "HTTP_PROXY" },
						{ "https_proxy",
						  "HTTPS_PROXY" },
						{ "all_proxy", "ALL_PROXY" } };

	for (size_t i = 0; i < 2; i++) {
		const char *own = getenv(names[https][i]);
		const char *any = getenv(names[2][i]);

		if ((own && *own) || (any && *any))
			return true;
	}
	return false;
}

/*
 * curl reads the environment, but leaves HTTP_PROXY to servers that run CGI
 * programs, where a request can set it; and it would ask a proxy for what is
 * on this very machine.
 */
static void set_proxy(struct curl_exchange *x, const char *text)
{
	AUTO(url_release) struct url url = { 0 };
	const char *upper = getenv("HTTP_PROXY");
	struct error ignored = ERROR_INIT;
	CURL *easy = x->line->easy;

	if (url_parse(text, &url, &ignored) < 0)
		return;
	x->direct = url_host_place(url.host) == URL_LOOPBACK ||
		    !has_proxy(url.https);
	if (url_host_place(url.host) == URL_LOOPBACK)
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	else if (!url.https && upper && !getenv("http_proxy"))
		curl_easy_setopt(easy, CURLOPT_PROXY, upper);
}

static void set_common(struct curl_exchange *x, const struct http_request *rq)
{
	CURL *easy = x->line->easy;

	curl_easy_setopt(easy, CURLOPT_URL, rq->url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	/* Blobs run in parallel, each on its own connection, at full speed. */
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_CHUNK);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)CURL_CHUNK);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(rq->connect_ms
					? rq->connect_ms
					: x->transport->options.connect_ms));
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "shale/" SHALE_VERSION);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->message);
}

int curl_request_set(struct curl_exchange *x, const struct http_request *rq)
{
	set_common(x, rq);
	set_proxy(x, rq->url);
	set_method(x, rq);
	set_tls(x, rq->tls);
	return set_fields(x, rq);
}
