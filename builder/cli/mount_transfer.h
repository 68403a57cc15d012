/*
 * `--cache-mount-from` and `--cache-mount-to`: contents of cache mounts coming
 * from and going to registries and directories.
 */
#ifndef BUILDER_CLI_MOUNT_TRANSFER_H
#define BUILDER_CLI_MOUNT_TRANSFER_H

#include <pthread.h>

#include "builder/cli/cache_option.h"
#include "store/cache_mount.h"

/* Where new cache mounts get their contents. Outlives the build. */
struct mount_import {
	struct session *session;
	const struct cache_options *options;
	pthread_mutex_t lock;
	bool opened;
	struct mount_import_source *sources; /* those that could be had */
	size_t n;
};

#define MOUNT_IMPORT_INIT(s, o)                                                \
	{                                                                      \
		.session = (s), .options = (o),                                \
		.lock = PTHREAD_MUTEX_INITIALIZER                              \
	}

void mount_import_release(struct mount_import *m);
DEFINE_RELEASE(struct mount_import, mount_import_release);

/*
 * A mount_seeder: the first source that knows `id` fills the mount. Sources are
 * asked when the first mount needs them. What cannot be had is told and done
 * without.
 */
int mount_import_seed(void *ctx, const char *id, struct cache_mount *mount,
		      struct error *err);

/*
 * Save the mounts `ids`, those of them that this store has, beside what else is
 * there. A failure is one unless errors are to be ignored.
 */
int mount_export(struct session *s, const struct cache_options *o,
		 const struct strv *ids, struct error *err);

#endif
