/*
 * The user's configuration: $XDG_CONFIG_HOME/shale/config.toml, else
 * ~/.config/shale/config.toml, else /etc/shale/config.toml. The first that
 * exists is the one.
 *
 *   [store]
 *   max-used-space = "20g"   # freed after builds, as `prune` does it
 *   check-interval = "10m"   # not more often than that; this is the default
 */
#ifndef BUILDER_CLI_CONFIG_FILE_H
#define BUILDER_CLI_CONFIG_FILE_H

#include <stdint.h>

#include "store/base/error.h"

struct config {
	uint64_t max_used_bytes;  /* 0: no limit */
	int64_t check_interval_s; /* between measurements of the store */
};

/* Defaults where there is no file. ERROR_USAGE names file and key. */
int config_load(struct config *ret, struct error *err);

#endif
