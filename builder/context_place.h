/*
 * Where a context's files are. Whatever PATH or --build-context names
 * (directory, archive, standard input, URL, repository) becomes a directory:
 * the user's own, or one in the batch's folder that goes with it.
 */
#ifndef BUILDER_CONTEXT_PLACE_H
#define BUILDER_CONTEXT_PLACE_H

#include "builder/fetch.h"
#include "store/base/buf.h"
#include "store/stream.h"

/* A Dockerfile is read whole; more bytes are refused. */
#define DOCKERFILE_MAX ((size_t)128 << 20)

/* What a name of a context is, by its text alone. */
enum context_form {
	CONTEXT_LOCAL, /* a directory or a file that is an archive */
	CONTEXT_STDIN, /* "-" */
	CONTEXT_HTTP,
	CONTEXT_GIT,
	CONTEXT_IMAGE, /* docker-image://, oci-layout:// */
	CONTEXT_UNKNOWN,
};

enum context_form context_form(const char *text);

struct context_place {
	int fd;	    /* -1: there are no files */
	char *path; /* absolute, links resolved; NULL with it */
	bool local; /* the user's own directory: its ignore file counts */

	/* There are no files but a Dockerfile, which came in their place. */
	bool is_dockerfile;
	struct buf dockerfile;
};

#define CONTEXT_PLACE_INIT                                                     \
	{                                                                      \
		.fd = -1                                                       \
	}

void context_place_release(struct context_place *place);
DEFINE_RELEASE(struct context_place, context_place_release);

/*
 * Open the main context `text`. What comes from standard input or HTTP and is
 * no archive is a Dockerfile. ".git" of a repository is kept when asked for.
 */
int context_place_open(const struct fetch_env *env, const char *text,
		       bool keep_git_dir, struct context_place *ret,
		       struct error *err);

/*
 * Open the context `text` of the name `name`. A file from HTTP that is no
 * archive is a directory with that file. Not for CONTEXT_IMAGE.
 */
int context_place_open_named(const struct fetch_env *env, const char *name,
			     const char *text, bool keep_git_dir,
			     struct context_place *ret, struct error *err);

/*
 * Unpack an archive's tar into a new directory of the batch. Takes `tar`. As
 * owners in a context mean nothing, all files become ours. Archives that write
 * outside, also through links, are ERROR_REFUSED.
 */
int context_unpack(struct batch *b, struct stream *tar,
		   struct context_place *ret, struct error *err);

#endif
