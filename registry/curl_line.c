#include "registry/curl_line.h"

#include <stdbool.h>
#include <string.h>

#include "store/base/cleanup.h"

#define IDLE_MAX 16

static void line_free(struct line *l)
{
	if (!l)
		return;
	if (l->easy)
		curl_easy_cleanup(l->easy);
	if (l->multi)
		curl_multi_cleanup(l->multi);
	free(l->origin);
	free(l);
}
DEFINE_CLEANUP(struct line *, line_free);

static struct line *line_new(void)
{
	AUTO(line_free) struct line *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->easy = curl_easy_init();
	l->multi = curl_multi_init();
	return l->easy && l->multi ? steal_pointer(&l) : NULL;
}

void line_pool_init(struct line_pool *p)
{
	*p = (struct line_pool){ 0 };
	pthread_mutex_init(&p->lock, NULL);
}

void line_pool_release(struct line_pool *p)
{
	while (p->idle) {
		struct line *l = p->idle;

		p->idle = l->next;
		line_free(l);
	}
	pthread_mutex_destroy(&p->lock);
}

static size_t origin_len(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

/* An idle line to the same place, else any idle one, else NULL. */
static struct line *take_idle(struct line_pool *p, const char *url, size_t len)
{
	struct line **at, *found;

	pthread_mutex_lock(&p->lock);
	for (at = &p->idle; *at; at = &(*at)->next)
		if (strlen((*at)->origin) == len &&
		    !strncmp((*at)->origin, url, len))
			break;
	if (!*at)
		at = &p->idle;
	found = *at;
	if (found) {
		*at = found->next;
		p->n_idle--;
	}
	pthread_mutex_unlock(&p->lock);
	return found;
}

struct line *line_get(struct line_pool *p, const char *url)
{
	size_t len = origin_len(url);
	struct line *l = take_idle(p, url, len);

	if (!l)
		l = line_new();
	if (!l)
		return NULL;
	free(l->origin);
	l->origin = strndup(url, len);
	if (l->origin)
		return l;
	line_free(l);
	return NULL;
}

void line_put(struct line_pool *p, struct line *l)
{
	bool kept;

	curl_easy_reset(l->easy);
	pthread_mutex_lock(&p->lock);
	kept = p->n_idle < IDLE_MAX;
	if (kept) {
		l->next = p->idle;
		p->idle = l;
		p->n_idle++;
	}
	pthread_mutex_unlock(&p->lock);
	if (!kept)
		line_free(l);
}
