/*
 * What Dockerfile instructions do to an image config (a JSON document, see
 * store/image_config.h). Pure; arguments come expanded.
 */
#ifndef BUILDER_CONFIG_H
#define BUILDER_CONFIG_H

#include <jansson.h>

#include "parser/healthcheck.h"
#include "store/base/error.h"
#include "store/base/strv.h"
#include "store/platform.h"

/* PATH of an image that sets none. */
#define CONFIG_DEFAULT_PATH                                                    \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/*
 * A config to start a stage with: of the empty image, or a copy of `base`
 * without rootfs and ONBUILD triggers. PATH is set in both, and WorkingDir
 * is absolute where there is one. NULL with `err` set on failure.
 */
json_t *config_scratch(const struct platform *platform, struct error *err);
json_t *config_from_base(const json_t *base, struct error *err);

/* The same of a base that nobody else needs: it is taken, in any case. */
json_t *config_take_base(json_t *base, struct error *err);

/*
 * Members of "config". Strings are borrowed; a list is appended to `ret`.
 * Absent members give NULL or nothing.
 */
const char *config_get(const json_t *config, const char *member);
int config_get_list(const json_t *config, const char *member, struct strv *ret,
		    struct error *err);

int config_set(json_t *config, const char *member, const char *value,
	       struct error *err);
int config_set_list(json_t *config, const char *member,
		    const struct strv *values, struct error *err);

/* Append to a list, and add `name` to an object such as ExposedPorts. */
int config_append(json_t *config, const char *member, const char *value,
		  struct error *err);
int config_add_name(json_t *config, const char *member, const char *name,
		    struct error *err);

void config_remove(json_t *config, const char *member);

int config_set_label(json_t *config, const char *name, const char *value,
		     struct error *err);

/* CMD, ENTRYPOINT ("Cmd", "Entrypoint"). */
int config_set_command(json_t *config, const char *member,
		       const struct strv *argv, struct error *err);

/* HEALTHCHECK; `test` is "NONE", or "CMD" or "CMD-SHELL" and the command. */
int config_set_healthcheck(json_t *config, const struct strv *test,
			   const struct healthcheck *h, struct error *err);

/* MAINTAINER. */
int config_set_author(json_t *config, const char *author, struct error *err);

/* Say in the document that the image is for `platform`. */
int config_set_platform(json_t *config, const struct platform *platform,
			struct error *err);

#endif
