/* Slash-separated paths as text. */
#ifndef PARSER_PATH_CLEAN_H
#define PARSER_PATH_CLEAN_H

/*
 * The shortest path of the same meaning: no doubled slashes, no "." parts,
 * ".." resolved where a name precedes it (and dropped at the root), no slash
 * at the end. "" becomes ".". NULL when out of memory; the caller frees.
 */
char *path_clean(const char *path);

/*
 * `path` seen from `base`: cleaned, and joined to `base` unless it is
 * absolute. NULL when out of memory; the caller frees.
 */
char *path_clean_join(const char *base, const char *path);

#endif
