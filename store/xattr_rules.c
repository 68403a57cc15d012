#include "store/xattr_rules.h"

#include <endian.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>

#include "store/base/cleanup.h"

static const struct rule {
	const char *prefix;
	bool kept;
} rules[] = {
	/* The first that matches counts. */
	{ "user.overlay.", false },
	{ XATTR_NOTE_PREFIX, false },
	{ "user.", true },
	{ XATTR_CAPABILITY, true },
	{ "system.posix_acl_", true },
};

bool xattr_is_kept(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rules); i++)
		if (!strncmp(name, rules[i].prefix, strlen(rules[i].prefix)))
			return rules[i].kept;
	return false;
}

size_t xattr_capability_portable(void *value, size_t size)
{
	uint32_t word;

	if (size != XATTR_CAPS_SZ_3)
		return size;
	memcpy(&word, value, sizeof(word));
	word = le32toh(word);
	if ((word & VFS_CAP_REVISION_MASK) != VFS_CAP_REVISION_3)
		return size;
	word = htole32((word & ~VFS_CAP_REVISION_MASK) | VFS_CAP_REVISION_2);
	memcpy(value, &word, sizeof(word));
	return XATTR_CAPS_SZ_2;
}
