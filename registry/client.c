#include "registry/client.h"

#include <string.h>

#include "registry/credential_helper.h"
#include "registry/curl_transport.h"
#include "registry/hosts_toml.h"
#include "registry/printable.h"

#define DEFAULT_RETRIES	   5
#define DEFAULT_PARALLEL   4
#define DEFAULT_BACKOFF_MS 2000
#define DEFAULT_STALL_MS   ((int64_t)60 * 1000)
#define CONNECT_MS	   ((int64_t)30 * 1000)
#define REPLY_FACTOR	   5 /* a registry may take time to store a blob */

static void free_host(void *host)
{
	host_free(host);
}

static void fill_defaults(struct registry_options *o)
{
	o->retries = o->retries ? o->retries : DEFAULT_RETRIES;
	o->parallel = o->parallel ? o->parallel : DEFAULT_PARALLEL;
	o->backoff_ms = o->backoff_ms ? o->backoff_ms : DEFAULT_BACKOFF_MS;
	o->stall_ms = o->stall_ms ? o->stall_ms : DEFAULT_STALL_MS;
}

static int fill(struct registry *r, struct error *err)
{
	struct credentials_options credentials = {
		.given = r->options.credentials,
		.config_dir = r->options.config_dir,
		.helper_timeout_ms = CREDENTIAL_HELPER_TIMEOUT_MS,
		.cancel = r->options.cancel,
	};

	r->http = (struct http_client){
		.transport = r->transport,
		.cancel = r->options.cancel,
		.tries = r->options.retries,
		.backoff_ms = r->options.backoff_ms,
		.message = r->options.events.message,
		.ctx = r->options.events.ctx,
	};
	r->hosts = map_new(free_host);
	r->warnings = map_new(NULL);
	r->present = map_new(NULL);
	r->broken = map_new(NULL);
	if (!r->broken || !r->hosts || !r->warnings || !r->present)
		return error_nomem(err, "preparing the registry client");
	return credentials_new(&credentials, &r->credentials, err);
}

int client_new(const struct registry_options *options,
	       struct http_transport *transport, struct registry **ret,
	       struct error *err)
{
	AUTO(registry_free) struct registry *r = calloc(1, sizeof(*r));

	if (!r) {
		transport->free(transport);
		return error_nomem(err, "preparing the registry client");
	}
	pthread_mutex_init(&r->lock, NULL);
	r->transport = transport;
	r->options = *options;
	fill_defaults(&r->options);
	if (fill(r, err) < 0)
		return -1;
	*ret = steal_pointer(&r);
	return 0;
}

int registry_new(const struct registry_options *options, struct registry **ret,
		 struct error *err)
{
	struct registry_options o = *options;
	struct curl_transport_options limits;
	struct http_transport *transport;

	fill_defaults(&o);
	limits = (struct curl_transport_options){
		.cancel = o.cancel,
		.connect_ms = o.stall_ms < CONNECT_MS ? o.stall_ms : CONNECT_MS,
		.stall_ms = o.stall_ms,
		.reply_ms = o.stall_ms * REPLY_FACTOR,
	};
	if (curl_transport_new(&limits, &transport, err) < 0)
		return -1;
	return client_new(&o, transport, ret, err);
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	map_free(r->hosts);
	map_free(r->warnings);
	map_free(r->present);
	map_free(r->broken);
	mirrors_free(r->mirrors);
	credentials_free(r->credentials);
	r->transport->free(r->transport);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* `mirror`: what is said of it where it mirrors another, or NULL. */
static int make_host(struct registry *r, const char *domain,
		     const struct host_settings *mirror, struct host **ret,
		     struct error *err)
{
	AUTO(host_settings_release) struct host_settings own = { 0 };
	const struct strv *insecure = r->options.insecure_hosts;
	struct host_options options = {
		.insecure = r->options.insecure ||
			    mirrors_insecure(r->mirrors, domain) ||
			    (insecure && strv_find(insecure, domain) >= 0),
		.mirror = mirror,
		.ca_file = r->options.ca_file,
		.settings = mirror ? mirror : &own,
	};

	if (!mirror && hosts_toml_settings(domain, &own, err) < 0)
		return -1;
	return host_new(domain, &options, ret, err);
}

static int host_locked(struct registry *r, const char *key, const char *domain,
		       const struct host_settings *mirror, struct host **ret,
		       struct error *err)
{
	struct host *h = map_get(r->hosts, key, strlen(key));

	if (!r->mirrors && mirrors_load(&r->mirrors, err) < 0)
		return -1;
	if (!h) {
		if (make_host(r, domain, mirror, &h, err) < 0)
			return -1;
		if (map_put(r->hosts, key, strlen(key), h) < 0) {
			host_free(h);
			return error_nomem(err, "preparing a registry host");
		}
	}
	*ret = h;
	return 0;
}

static int find_host(struct registry *r, const char *key, const char *domain,
		     const struct host_settings *mirror, struct host **ret,
		     struct error *err)
{
	int failed;

	pthread_mutex_lock(&r->lock);
	failed = host_locked(r, key, domain, mirror, ret, err);
	pthread_mutex_unlock(&r->lock);
	return failed;
}

int client_host(struct registry *r, const char *domain, struct host **ret,
		struct error *err)
{
	return find_host(r, domain, domain, NULL, ret, err);
}

/*
 * A host as a mirror of `registry`: what is known of it there, and what it is
 * shown, is its own.
 */
static int mirror_host(struct registry *r, const struct place *p,
		       const char *registry, struct host **ret,
		       struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;

	buf_printf(&key, "%s for %s", p->domain, registry);
	return buf_check(&key, "preparing a mirror", err) < 0
		       ? -1
		       : find_host(r, key.data, p->domain, &p->settings, ret,
				   err);
}

/* Sets of strings: what is put under a key only has to be there. */
static bool is_in(struct registry *r, const struct map *set, const char *key)
{
	bool found;

	pthread_mutex_lock(&r->lock);
	found = map_get(set, key, strlen(key));
	pthread_mutex_unlock(&r->lock);
	return found;
}

/* Out of memory only means to forget it. */
static void add(struct registry *r, struct map *set, const char *key)
{
	pthread_mutex_lock(&r->lock);
	map_put(set, key, strlen(key), r);
	pthread_mutex_unlock(&r->lock);
}

bool client_knows(struct registry *r, const char *key)
{
	return is_in(r, r->present, key);
}

void client_learn(struct registry *r, const char *key)
{
	add(r, r->present, key);
}

static int find_places(struct registry *r, const char *domain, const char *path,
		       bool by_digest, struct places *places, struct error *err)
{
	int failed = 0;

	pthread_mutex_lock(&r->lock);
	if (!r->mirrors)
		failed = mirrors_load(&r->mirrors, err);
	pthread_mutex_unlock(&r->lock);
	/* Never changed once it is there. */
	return failed ? -1
		      : mirrors_find(r->mirrors, domain, path, by_digest,
				     places, err);
}

/* Why one place failed, and what of it: only the last one's failure counts. */
static bool may_go_on(struct registry *r, const char *domain, bool broken,
		      const struct error *err)
{
	char why[512];

	if (err->kind == ERROR_CANCELED || err->kind == ERROR_NOMEM)
		return false;
	if (broken || err->kind == ERROR_NETWORK)
		add(r, r->broken, domain);
	error_message(err, why, sizeof(why));
	http_tell(&r->http, "mirror %s: %s; asking the next", domain, why);
	return true;
}

int client_pull(struct registry *r, const char *domain, const char *path,
		bool by_digest,
		int (*get)(void *ctx, struct host *h, const char *path,
			   struct error *err),
		void *ctx, struct error *err)
{
	AUTO(places_release) struct places places = { 0 };

	if (find_places(r, domain, path, by_digest, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.len; i++) {
		const struct place *p = &places.items[i];
		bool last = i + 1 == places.len;
		struct host *h = NULL;

		if (!p->path || (!last && is_in(r, r->broken, p->domain)))
			continue;
		if ((last ? client_host(r, p->domain, &h, err)
			  : mirror_host(r, p, domain, &h, err)) == 0 &&
		    get(ctx, h, p->path, err) == 0)
			return 0;
		if (last || !may_go_on(r, p->domain, !h, err))
			return -1;
	}
	return error_set(err, ERROR_USAGE,
			 "the places configured for %s/%s are no repositories",
			 domain, path);
}

void client_warn(struct registry *r, const struct host *h,
		 const struct strv *headers)
{
	const char *warning = http_header(headers, "Warning");
	const char *start = warning ? strchr(warning, '"') : NULL;
	const char *end = start ? strrchr(start + 1, '"') : NULL;
	char text[400];

	if (!end || strncmp(warning, "299 ", 4) != 0)
		return;
	printable(text, sizeof(text), start + 1, (size_t)(end - start - 1));
	if (is_in(r, r->warnings, text))
		return;
	add(r, r->warnings, text);
	http_tell(&r->http, "warning from %s: %s", h->domain, text);
}

void client_transfer(const struct registry *r, const char *what,
		     int64_t current, int64_t total, const char *note)
{
	const struct registry_events *e = &r->options.events;

	if (e->transfer)
		e->transfer(e->ctx, what, current, total, note);
}
