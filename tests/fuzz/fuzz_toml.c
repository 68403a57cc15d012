/*
 * Whatever is read as TOML can be written as JSON; as a hosts.toml it sends no
 * header field that is two.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/host_settings.h"
#include "store/base/json.h"
#include "store/base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_settings(const json_t *doc)
{
	AUTO(host_settings_release) struct host_settings s = { 0 };
	struct error err = ERROR_INIT;

	if (host_settings_read(doc, "/folder", "host", &s, &err) < 0) {
		assert(err.kind == ERROR_USAGE || err.kind == ERROR_NOMEM);
		return;
	}
	for (size_t i = 0; i < s.headers.len; i++)
		assert(strchr(s.headers.items[i], ':') &&
		       !strpbrk(s.headers.items[i], "\r\n"));
	for (size_t i = 0; i < s.ca.len; i++)
		assert(s.ca.items[i][0] == '/');
	assert(!s.client_cert == !s.client_key);
	assert(s.connect_ms >= 0 && s.connect_ms <= 3600000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO(json_decref)
	json_t *doc = toml_parse((const char *)data, size, "input", &err);

	if (doc) {
		autofree char *text = json_serialize(doc, NULL, &err);

		assert(text);
		check_settings(doc);
	} else {
		assert(err.kind != ERROR_NONE);
	}
	return 0;
}
