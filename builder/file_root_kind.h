/* What the kinds of file roots implement; see file_root.h. */
#ifndef BUILDER_FILE_ROOT_KIND_H
#define BUILDER_FILE_ROOT_KIND_H

#include "builder/file_root.h"

struct file_root_kind {
	bool keeps_owners;
	int (*lookup)(struct file_root *r, const char *path,
		      struct file_node **ret, struct error *err);
	/* Why `path` does not exist, as a text to free; NULL: it is unknown. */
	char *(*reason)(struct file_root *r, const char *path);
	int (*list)(struct file_root *r, const char *path, struct strv *ret,
		    struct error *err);
	int (*walk)(struct file_root *r, const char *path,
		    int (*visit)(void *ctx, struct file_node *n,
				 struct error *err),
		    void *ctx, struct error *err);
	int (*open)(struct file_root *r, const struct file_node *n,
		    off_t *offset, struct error *err);
	/* A remembered digest; NULL: none are remembered. */
	bool (*recall)(struct file_root *r, struct file_node *n);
	int (*remember)(struct file_root *r, const struct file_node *n,
			struct error *err);
	void (*free)(struct file_root *r);
};

/* The head of every kind. */
struct file_root {
	const struct file_root_kind *kind;
	struct context *context; /* NULL when it is none; borrowed */
	char *name;
};

#endif
