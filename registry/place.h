/* Where something may be pulled from. */
#ifndef REGISTRY_PLACE_H
#define REGISTRY_PLACE_H

#include "registry/host_settings.h"

struct place {
	char *domain;
	char *path; /* NULL: there is none, so it is no repository */
	struct host_settings settings;
};

struct places {
	struct place *items;
	size_t len;
};

void places_release(struct places *p);
DEFINE_RELEASE(struct places, places_release);

/* Append "domain/path". Takes what `settings` (or NULL) holds. */
int places_add(struct places *p, const char *name,
	       struct host_settings *settings, struct error *err);

#endif
