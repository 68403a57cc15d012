/* Platforms: what is accepted reads the same after being written. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/base/cleanup.h"
#include "store/platform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = strndup((const char *)data, size);
	struct error err = ERROR_INIT;
	struct platform p, back;
	char once[PLATFORM_TEXT_SIZE], twice[PLATFORM_TEXT_SIZE];

	if (!text || platform_parse(text, &p, &err) < 0)
		return 0;
	platform_format(&p, once);
	assert(platform_parse(once, &back, &err) == 0);
	platform_format(&back, twice);
	assert(!strcmp(once, twice));
	assert(platform_match(&p, &p) > 0);
	return 0;
}
