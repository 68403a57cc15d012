/* What is accepted comes back the same from its own full and short names. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct reference *r, char *name)
{
	AUTO(reference_release) struct reference again = { 0 };
	struct error err = ERROR_INIT;
	int parsed;

	assert(name);
	parsed = reference_parse(name, &again, &err);
	assert(parsed == 0);
	assert(!strcmp(r->domain, again.domain));
	assert(!strcmp(r->path, again.path));
	assert(digest_equal(&r->digest, &again.digest));
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(reference_release) struct reference r = { 0 };
	autofree char *text = strndup((const char *)data, size);
	struct error err = ERROR_INIT;

	if (!text || reference_parse(text, &r, &err) < 0)
		return 0;
	assert(!strstr(r.path, "..") && r.path[0] != '/');
	check_round_trip(&r, reference_format(&r, &err));
	check_round_trip(&r, reference_familiar(&r, &err));
	return 0;
}
