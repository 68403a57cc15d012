#include "builder/sandbox/find_program.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/cleanup.h"

#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

int find_program(const char *name, char **ret, struct error *err)
{
	const char *path = getenv("PATH");

	for (path = path ? path : DEFAULT_PATH; path;) {
		const char *end = strchrnul(path, ':');
		AUTO(buf_release) struct buf file = BUF_INIT;

		buf_printf(&file, "%.*s/%s", (int)(end - path), path, name);
		if (buf_check(&file, "a path", err) < 0)
			return -1;
		if (*path == '/' && is_program(file.data)) {
			*ret = buf_steal(&file);
			return 1;
		}
		path = *end ? end + 1 : NULL;
	}
	return 0;
}
