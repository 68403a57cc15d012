/* Which extended attributes belong to an image, and in which form. */
#ifndef STORE_XATTR_RULES_H
#define STORE_XATTR_RULES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Does `name` belong in a layer? user.*, file capabilities and ACLs do.
 * Whatever describes one machine does not: overlayfs's own marks, security
 * labels, and our notes beside the tree (XATTR_NOTE_PREFIX).
 */
bool xattr_is_kept(const char *name);

#define XATTR_NOTE_PREFIX "user.shale."

#define XATTR_CAPABILITY "security.capability"

/*
 * Capabilities set inside a user namespace carry the id of its root on this
 * machine (revision 3); in a layer they are revision 2. Changes `value` in
 * place and returns its new size; other values stay.
 */
size_t xattr_capability_portable(void *value, size_t size);

#endif
