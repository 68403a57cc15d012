#include "builder/cli/place.h"

#include <string.h>

static const struct {
	const char *prefix;
	enum place_kind kind;
} kinds[] = {
	{ "docker://", PLACE_REGISTRY },
	{ "store:", PLACE_STORE },
	{ "oci:", PLACE_LAYOUT },
	{ "oci-archive:", PLACE_OCI_ARCHIVE },
	{ "docker-archive:", PLACE_DOCKER_ARCHIVE },
};

void place_release(struct place *p)
{
	free(p->path);
}

/* The first colon ends the path: names have some of their own. */
static int split_path(const char *rest, struct place *p, struct error *err)
{
	size_t len = strcspn(rest, ":");

	p->path = strndup(rest, len);
	p->name = rest[len] && rest[len + 1] ? rest + len + 1 : NULL;
	return p->path ? 0 : error_nomem(err, "reading the command line");
}

int place_parse(const char *text, struct place *ret, struct error *err)
{
	struct place p = { .kind = PLACE_REGISTRY };
	const char *rest = text;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(text, kinds[i].prefix, len) != 0)
			continue;
		p.kind = kinds[i].kind;
		rest = text + len;
		break;
	}
	if (!*rest)
		return error_set(err, ERROR_USAGE, "\"%s\" names no place",
				 text);
	if (p.kind == PLACE_REGISTRY || p.kind == PLACE_STORE)
		p.name = rest;
	else if (split_path(rest, &p, err) < 0)
		return -1;
	*ret = p;
	return 0;
}
