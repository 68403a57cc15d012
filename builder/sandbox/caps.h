/* Capability sets as masks: bit n is capability n of <linux/capability.h>. */
#ifndef BUILDER_SANDBOX_CAPS_H
#define BUILDER_SANDBOX_CAPS_H

#include <linux/capability.h>
#include <stdint.h>

#include "store/base/error.h"

#define CAPS_BIT(cap) (UINT64_C(1) << (cap))

/* What docker, containerd and BuildKit give a container. */
#define CAPS_DEFAULT                                                           \
	(CAPS_BIT(CAP_CHOWN) | CAPS_BIT(CAP_DAC_OVERRIDE) |                    \
	 CAPS_BIT(CAP_FSETID) | CAPS_BIT(CAP_FOWNER) | CAPS_BIT(CAP_MKNOD) |   \
	 CAPS_BIT(CAP_NET_RAW) | CAPS_BIT(CAP_SETGID) | CAPS_BIT(CAP_SETUID) | \
	 CAPS_BIT(CAP_SETFCAP) | CAPS_BIT(CAP_SETPCAP) |                       \
	 CAPS_BIT(CAP_NET_BIND_SERVICE) | CAPS_BIT(CAP_SYS_CHROOT) |           \
	 CAPS_BIT(CAP_KILL) | CAPS_BIT(CAP_AUDIT_WRITE))

/* Everything; what the kernel or the builder lacks is left out on use. */
#define CAPS_ALL (~UINT64_C(0))

/* The permitted set of this process; 0 when it cannot be read. */
uint64_t caps_permitted(void);

/* The effective set of this process; 0 when it cannot be read. */
uint64_t caps_effective(void);

/* Set permitted, effective and inheritable of this thread. */
int caps_set(uint64_t permitted, uint64_t inheritable, struct error *err);

/* Take all but `keep` out of the bounding set and clear the ambient one. */
int caps_limit_bounding(uint64_t keep, struct error *err);

#endif
