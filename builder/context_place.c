#include "builder/context_place.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "builder/archive.h"
#include "builder/plan.h"
#include "registry/url.h"

#define WHAT "opening the build context"

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncasecmp(text, prefix, strlen(prefix));
}

enum context_form context_form(const char *text)
{
	if (!strcmp(text, "-"))
		return CONTEXT_STDIN;
	if (has_prefix(text, "docker-image://") ||
	    has_prefix(text, "oci-layout://"))
		return CONTEXT_IMAGE;
	switch (source_form(text)) {
	case SOURCE_FORM_HTTP:
		return CONTEXT_HTTP;
	case SOURCE_FORM_GIT:
		return CONTEXT_GIT;
	case SOURCE_FORM_LOCAL:
		break;
	}
	/* As users write it, unless there is a folder of that name. */
	if (has_prefix(text, "github.com/") && access(text, F_OK) < 0)
		return CONTEXT_GIT;
	/* Forms of bake's, which builds several targets at once. */
	if ((has_prefix(text, "target:") || has_prefix(text, "input:")) &&
	    access(text, F_OK) < 0)
		return CONTEXT_UNKNOWN;
	return strstr(text, "://") ? CONTEXT_UNKNOWN : CONTEXT_LOCAL;
}

void context_place_release(struct context_place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	free(place->path);
	buf_release(&place->dockerfile);
	*place = (struct context_place)CONTEXT_PLACE_INIT;
}

/* What is no archive, whole. */
static int take_dockerfile(struct stream *from, struct context_place *ret,
			   struct error *err)
{
	const size_t step = (size_t)64 << 10;
	ssize_t n;

	do {
		char *room = buf_reserve(&ret->dockerfile, step);

		if (!room)
			return error_nomem(err, "reading the Dockerfile");
		n = stream_read(from, room, step, err);
		if (n < 0)
			return -1;
		buf_commit(&ret->dockerfile, (size_t)n);
		if (ret->dockerfile.len > DOCKERFILE_MAX)
			return error_set(err, ERROR_REFUSED,
					 "the Dockerfile is larger than %zu "
					 "bytes",
					 DOCKERFILE_MAX);
	} while (n > 0);
	ret->is_dockerfile = true;
	return 0;
}

static int open_stdin(const struct fetch_env *env, struct context_place *ret,
		      struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	struct stream *tar;
	int is_archive;

	if (stream_from_pipe(STDIN_FILENO, false, &from, err) < 0)
		return -1;
	is_archive = archive_from_stream(&from, &tar, err);
	if (is_archive < 0)
		return error_wrap(err, "standard input");
	if (is_archive)
		return context_unpack(env->batch, tar, ret, err);
	return take_dockerfile(from, ret, err);
}

static int open_directory(const char *path, int fd, struct context_place *ret,
			  struct error *err)
{
	ret->path = realpath(path, NULL);
	if (!ret->path) {
		close(fd);
		return error_sys(err, errno,
				 "cannot open the build context \"%s\"", path);
	}
	ret->fd = fd;
	ret->local = true;
	return 0;
}

/* Takes `fd`. */
static int open_archive(const struct fetch_env *env, const char *path, int fd,
			struct context_place *ret, struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	struct stream *tar;
	int is_archive;

	if (stream_from_fd(fd, true, 0, UINT64_MAX, &from, err) < 0)
		return -1;
	is_archive = archive_from_stream(&from, &tar, err);
	if (is_archive > 0)
		return context_unpack(env->batch, tar, ret, err);
	if (is_archive == 0)
		error_set(err, ERROR_REFUSED,
			  "it is a file and no archive; name a directory, "
			  "and the Dockerfile with -f");
	return error_wrap(err, "the build context \"%s\"", path);
}

static int open_local(const struct fetch_env *env, const char *path,
		      struct context_place *ret, struct error *err)
{
	/* A FIFO or device must not stall us. */
	autoclose int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno,
				 "cannot open the build context \"%s\"", path);
	if (S_ISDIR(st.st_mode))
		return open_directory(path, steal_fd(&fd), ret, err);
	if (S_ISREG(st.st_mode))
		return open_archive(env, path, steal_fd(&fd), ret, err);
	return error_set(err, ERROR_REFUSED,
			 "the build context \"%s\" is neither a directory nor "
			 "a file",
			 path);
}

static int open_git(const struct fetch_env *env, const char *label,
		    const char *text, bool keep_git_dir,
		    struct context_place *ret, struct error *err)
{
	AUTO(git_url_release) struct git_url url = { 0 };

	if (git_url_parse(text, &url, err) < 0)
		return -1;
	return fetch_repository(env, label, &url, NULL,
				url.keep_git_dir ? url.keep_git_dir == GIT_ON
						 : keep_git_dir,
				&ret->path, &ret->fd, err);
}

/* An archive's tar in `*tar`: 1; 0 and the plain bytes in `*from`; -1. */
static int open_download(const struct fetch_env *env, const char *label,
			 const char *url, struct stream **from,
			 struct stream **tar, struct error *err)
{
	const struct download_request rq = {
		.url = url,
		.max_bytes = FETCH_MAX,
	};
	AUTO(downloaded_release) struct downloaded info = { 0 };
	autoclose int fd = batch_fresh_file(env->batch, "fetch", NULL, err);
	int is_archive;

	if (fd < 0 || fetch_file(env, label, &rq, fd, &info, err) < 0 ||
	    stream_from_fd(steal_fd(&fd), true, 0, info.size_bytes, from, err) <
		    0)
		return -1;
	is_archive = archive_from_stream(from, tar, err);
	if (is_archive < 0) {
		autofree char *plain = url_for_message(url);

		return error_wrap(err, "%s", plain ? plain : "");
	}
	return is_archive;
}

static int open_http(const struct fetch_env *env, const char *url,
		     struct context_place *ret, struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	struct stream *tar;
	int is_archive =
		open_download(env, "[internal] load remote build context", url,
			      &from, &tar, err);

	if (is_archive < 0)
		return -1;
	if (is_archive)
		return context_unpack(env->batch, tar, ret, err);
	return take_dockerfile(from, ret, err);
}

/* A folder with one file in it. */
static int keep_file(const struct fetch_env *env, const char *url,
		     struct stream *from, struct context_place *ret,
		     struct error *err)
{
	autofree char *name = fetch_file_name(url, err);
	AUTO(sink_free) struct sink *to = NULL;
	autoclose int fd = -1;

	if (!name || fetch_make_dir(env->batch, "context", &ret->path, &ret->fd,
				    err) < 0)
		return -1;
	fd = openat(ret->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot make '%s'", name);
	if (sink_to_fd(fd, name, &to, err) < 0)
		return -1;
	return stream_copy(from, to, err);
}

static int open_named_http(const struct fetch_env *env, const char *label,
			   const char *url, struct context_place *ret,
			   struct error *err)
{
	AUTO(stream_free) struct stream *from = NULL;
	struct stream *tar;
	int is_archive = open_download(env, label, url, &from, &tar, err);

	if (is_archive < 0)
		return -1;
	if (is_archive)
		return context_unpack(env->batch, tar, ret, err);
	return keep_file(env, url, from, ret, err);
}

static int refuse(const char *text, struct error *err)
{
	autofree char *plain = url_for_message(text);

	return error_set(err, ERROR_USAGE,
			 "\"%s\" is no build context; name a directory, an "
			 "archive, or an http, https, git or ssh URL",
			 plain ? plain : "");
}

int context_place_open(const struct fetch_env *env, const char *text,
		       bool keep_git_dir, struct context_place *ret,
		       struct error *err)
{
	switch (context_form(text)) {
	case CONTEXT_LOCAL:
		return open_local(env, text, ret, err);
	case CONTEXT_STDIN:
		return open_stdin(env, ret, err);
	case CONTEXT_HTTP:
		return open_http(env, text, ret, err);
	case CONTEXT_GIT:
		return open_git(env, "[internal] load git source", text,
				keep_git_dir, ret, err);
	default:
		return refuse(text, err);
	}
}

static int open_named(const struct fetch_env *env, const char *label,
		      const char *text, bool keep_git_dir,
		      struct context_place *ret, struct error *err)
{
	switch (context_form(text)) {
	case CONTEXT_LOCAL:
		return open_local(env, text, ret, err);
	case CONTEXT_HTTP:
		return open_named_http(env, label, text, ret, err);
	case CONTEXT_GIT:
		return open_git(env, label, text, keep_git_dir, ret, err);
	default:
		return refuse(text, err);
	}
}

int context_place_open_named(const struct fetch_env *env, const char *name,
			     const char *text, bool keep_git_dir,
			     struct context_place *ret, struct error *err)
{
	AUTO(buf_release) struct buf label = BUF_INIT;

	buf_printf(&label, "[context %s] load %s", name, text);
	if (buf_check(&label, WHAT, err) < 0)
		return -1;
	if (open_named(env, label.data, text, keep_git_dir, ret, err) < 0)
		return error_wrap(err, "--build-context %s", name);
	return 0;
}
