#include "store/base/library.h"

#include <dlfcn.h>

int library_load(const char *file, const char *const *names, size_t n,
		 void **functions, struct error *err)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return error_set(err, ERROR_SYSTEM, "cannot load a library: %s",
				 dlerror());
	for (size_t i = 0; i < n; i++) {
		functions[i] = dlsym(library, names[i]);
		if (!functions[i])
			return error_set(err, ERROR_SYSTEM,
					 "the library '%s' is too old: %s",
					 file, dlerror());
	}
	return 0;
}
