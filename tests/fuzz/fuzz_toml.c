/* Whatever is read as TOML can be written as JSON. */
#include <assert.h>
#include <stdint.h>

#include "store/base/toml.h"
#include "store/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO(json_decref)
	json_t *doc = toml_parse((const char *)data, size, "input", &err);

	if (doc) {
		autofree char *text = json_serialize(doc, NULL, &err);

		assert(text);
	} else {
		assert(err.kind != ERROR_NONE);
	}
	return 0;
}
