#include "builder/sandbox/caps.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The system calls themselves instead of libcap: this runs between fork and
 * exec, and a mask is all there is to it.
 */
static int get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	return (int)syscall(SYS_capget, &header, data);
}

uint64_t caps_permitted(void)
{
	struct __user_cap_data_struct data[2];

	if (get(data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

uint64_t caps_effective(void)
{
	struct __user_cap_data_struct data[2];

	if (get(data) < 0)
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

int caps_set(uint64_t permitted, uint64_t inheritable, struct error *err)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].permitted = (uint32_t)(permitted >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return error_sys(err, errno, "cannot set capabilities");
	return 0;
}

int caps_limit_bounding(uint64_t keep, struct error *err)
{
	for (int cap = 0; cap < 64; cap++) {
		if (keep & CAPS_BIT(cap) ||
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		/* The kernel knows no capability of that number or above. */
		if (errno == EINVAL)
			break;
		return error_sys(err, errno,
				 "cannot drop capability %d from the "
				 "bounding set",
				 cap);
	}
	/* Kernels before 4.3 have no ambient set to clear. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 &&
	    errno != EINVAL)
		return error_sys(err, errno,
				 "cannot clear ambient capabilities");
	return 0;
}
