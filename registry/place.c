#include "registry/place.h"

#include <stdlib.h>
#include <string.h>

static void place_release(struct place *p)
{
	free(p->domain);
	free(p->path);
	host_settings_release(&p->settings);
}

void places_release(struct places *p)
{
	for (size_t i = 0; i < p->len; i++)
		place_release(&p->items[i]);
	free(p->items);
	*p = (struct places){ 0 };
}

int places_add(struct places *p, const char *name,
	       struct host_settings *settings, struct error *err)
{
	size_t len = strcspn(name, "/");
	struct place *longer, *place;

	longer = reallocarray(p->items, p->len + 1, sizeof(*longer));
	if (!longer)
		return error_nomem(err, "looking for mirrors");
	p->items = longer;
	place = &longer[p->len++];
	*place = (struct place){
		.domain = strndup(name, len),
		.path = name[len] ? strdup(name + len + 1) : NULL,
	};
	if (settings) {
		place->settings = *settings;
		*settings = (struct host_settings){ 0 };
	}
	return place->domain && (place->path || !name[len])
		       ? 0
		       : error_nomem(err, "looking for mirrors");
}
