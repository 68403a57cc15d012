/*
 * Lexical work on '/'-separated paths; nothing here looks at a file system.
 * For paths inside images and contexts see confined.h.
 */
#ifndef STORE_BASE_PATH_H
#define STORE_BASE_PATH_H

#include <stdbool.h>

#include "store/base/error.h"

/*
 * Go's path.Clean: no "//", "." or inner "..", no trailing slash; an empty
 * path becomes ".". The caller frees; NULL: no memory.
 */
char *path_clean(const char *path);

/*
 * The same as if `path` were rooted: "a/../../b" and "/b" both give "b", the
 * root gives "". Never starts with '/', never holds "..".
 */
char *path_clean_rooted(const char *path);

/* `base` "/" `path` when `path` is relative, then path_clean(). */
char *path_join(const char *base, const char *path);

/*
 * "$XDG_CONFIG_HOME/`rest`", else "~/.config/`rest`". The caller frees; NULL:
 * no memory.
 */
char *path_user_config(const char *rest);

/* Last component (inside `path`); "" for "" or "/". */
const char *path_base(const char *path);

/* Does `path` equal `dir` or lie below it? Both cleaned, both relative. */
bool path_is_below(const char *path, const char *dir);

#endif
