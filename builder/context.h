/*
 * A build context: a directory the build may read, seen through its ignore
 * patterns. Never modified. Paths are resolved inside it; what is ignored
 * does not exist.
 */
#ifndef BUILDER_CONTEXT_H
#define BUILDER_CONTEXT_H

#include "parser/ignore.h"
#include "store/base/buf.h"
#include "store/batch.h"
#include "store/file_digests.h"

struct context;

/*
 * Open the directory `path`. `ignore_file` is the text of the ignore file in
 * force and `ignore_name` its name for messages, or NULL for none.
 */
int context_open(struct store *store, const char *path, const char *ignore_name,
		 const struct buf *ignore_file, struct context **ret,
		 struct error *err);
void context_free(struct context *c);
DEFINE_CLEANUP(struct context *, context_free);

/* The directory; borrowed. */
int context_fd(const struct context *c);

/*
 * Is `path` (cleaned, relative) hidden by the ignore patterns? `*line` is the
 * line of the ignore file that says so; `*name` that file's name, borrowed.
 */
bool context_ignores(const struct context *c, const char *path, int *line,
		     const char **name);

/*
 * May something below the hidden directory `path` be visible all the same,
 * through a '!' pattern?
 */
bool context_may_hold(const struct context *c, const char *path);

/* Are there patterns at all? */
bool context_filters(const struct context *c);

/* The patterns in force, cleaned; empty when there are none. Borrowed. */
const struct strv *context_patterns(const struct context *c);

/* Remembered file digests of this context. */
struct file_digests *context_digests(struct context *c);

#endif
