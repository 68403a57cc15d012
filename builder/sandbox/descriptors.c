#include "builder/sandbox/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/base/cleanup.h"

int descriptors_close(unsigned first, unsigned last, struct error *err)
{
	autodir DIR *dir = NULL;
	struct dirent *d;

	if (first > last || close_range(first, last, 0) == 0)
		return 0;
	dir = opendir("/proc/self/fd");
	if (!dir)
		return error_sys(err, errno,
				 "cannot close descriptors (close_range is "
				 "missing, and no /proc lists them)");
	while ((d = readdir(dir))) {
		char *end;
		unsigned long fd = strtoul(d->d_name, &end, 10);

		if (end != d->d_name && !*end && fd >= first && fd <= last &&
		    fd != (unsigned long)dirfd(dir))
			close((int)fd);
	}
	return 0;
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int descriptors_close_others(int *keep, size_t n, struct error *err)
{
	unsigned next = 3;

	qsort(keep, n, sizeof(*keep), compare_ints);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned)keep[i] > next &&
		    descriptors_close(next, (unsigned)keep[i] - 1, err) < 0)
			return -1;
		next = (unsigned)keep[i] + 1;
	}
	return descriptors_close(next, ~0U, err);
}
