/*
 * What one COPY or ADD reads: its source words resolved to files and
 * directories (Dockerfile reference, "COPY"), with everything below them
 * that is neither ignored nor excluded.
 */
#ifndef BUILDER_COPY_SOURCE_H
#define BUILDER_COPY_SOURCE_H

#include "builder/file_root.h"
#include "builder/plan.h"

/* A directory that --parents makes on the way to a source. */
struct copy_parent {
	char *path; /* below the destination */
	struct file_node *node;
};

/* One file, or the contents of one directory. */
struct copy_source {
	char *name;  /* as written: of a link, not of what it leads to */
	char *below; /* --parents: path below the destination, else "" */
	struct file_node *top;	    /* all links followed; NULL for a heredoc */
	struct file_nodes contents; /* of a directory, canonical order */
	struct copy_parent *parents;
	size_t n_parents;
	const struct inline_file *heredoc; /* borrowed; contents in memory */
	struct file_root
		*root; /* where `top` is; borrowed, NULL for a heredoc */
	size_t word;   /* that it came from; heredocs after all words */
	bool fetched;  /* from elsewhere, by ADD */
};

struct copy_sources {
	struct file_root *root; /* borrowed; NULL: heredocs only */
	struct copy_source *items;
	size_t len;
	size_t capacity;
};

/*
 * Resolve the local sources of `args` in `root` (borrowed, may be NULL when
 * there are none). Digests are not known yet. A plain name that is missing is
 * ERROR_NOT_FOUND; a pattern may match nothing.
 */
int copy_sources_find(struct copy_sources *ret, struct file_root *root,
		      const struct copy_args *args, struct error *err);
void copy_sources_release(struct copy_sources *s);
DEFINE_RELEASE(struct copy_sources, copy_sources_release);

/*
 * Everything at and below `path` of `root` as one source, as a bind mount
 * sees it.
 */
int copy_sources_whole(struct copy_sources *ret, struct file_root *root,
		       const char *path, struct error *err);

/*
 * Put what was fetched for a word of `args` in its place among the sources:
 * `path` of `root` (borrowed), a file under the name `name`, or a directory.
 */
int copy_sources_add(struct copy_sources *s, size_t word,
		     struct file_root *root, const char *path, const char *name,
		     const struct copy_args *args, struct error *err);

/* Read what is needed to know the digests of all files. */
int copy_sources_digest(struct copy_sources *s, struct error *err);

/*
 * Digest over names, types, modes, links, attributes and contents; owners
 * only where a copy keeps them; never times or inodes. The files' digests
 * must be known.
 */
int copy_sources_content(const struct copy_sources *s, struct digest *ret,
			 struct error *err);

#endif
