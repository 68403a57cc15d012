/*
 * Image configs: what is accepted is written in a form that is accepted, has
 * the same layers and is written the same way again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "store/image_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written_form(json_t *config)
{
	AUTO(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;
	AUTO(json_decref) json_t *back = NULL;
	struct error err = ERROR_INIT;

	if (image_config_serialize(config, &once, &err) < 0 ||
	    once.len > CONFIG_MAX)
		return;
	assert(image_config_parse(once.data, once.len, &back, &err) == 0);
	assert(image_config_n_layers(back) == image_config_n_layers(config));
	assert(image_config_serialize(back, &twice, &err) == 0);
	assert(once.len == twice.len &&
	       !memcmp(once.data, twice.data, once.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(json_decref) json_t *config = NULL;
	struct error err = ERROR_INIT;
	struct platform platform;

	if (image_config_parse((const char *)data, size, &config, &err) < 0) {
		assert(err.kind != ERROR_NONE && !config);
		return 0;
	}
	assert(image_config_run(config));
	image_config_platform(config, &platform, &err);
	check_written_form(config);
	return 0;
}
