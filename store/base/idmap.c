#include "store/base/idmap.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/base/cleanup.h"

bool idmap_has_uid(unsigned uid)
{
	autofile FILE *f = fopen("/proc/self/uid_map", "re");
	uint64_t inside, outside, count;

	while (f && fscanf(f, "%" SCNu64 "%" SCNu64 "%" SCNu64, &inside,
			   &outside, &count) == 3)
		if (uid >= inside && uid - inside < count)
			return true;
	return false;
}

bool idmap_is_single(void)
{
	return !idmap_has_uid(1);
}
