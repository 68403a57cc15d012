/* The mounts of our namespace, as /proc/self/mountinfo has them. */
#ifndef BUILDER_SANDBOX_MOUNT_TABLE_H
#define BUILDER_SANDBOX_MOUNT_TABLE_H

#include "store/base/error.h"
#include "store/base/strv.h"

/* Append where each mount below the one `fd` lies on is mounted. */
int mount_table_below(int fd, struct strv *ret, struct error *err);

/*
 * The same from the text of a table: what lies on mount `id`, and on what does.
 * Lines that cannot be read are skipped.
 */
void mount_table_parse(const char *text, int id, struct strv *ret);

#endif
