#include "builder/dockerfile_source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "registry/url.h"
#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/base/path.h"

#define IGNOREFILE_MAX ((size_t)16 << 20)

/* A regular file inside a context; a missing one is ERROR_NOT_FOUND. */
static int read_inside(int root, const char *path, size_t max, struct buf *ret,
		       struct error *err)
{
	autoclose int fd =
		confined_open(root, path, O_RDONLY | O_NONBLOCK, 0, err);
	struct stat st;

	if (fd < 0 && (err->sys == ENOENT || err->sys == ENOTDIR))
		return error_set(err, ERROR_NOT_FOUND, "\"%s\" does not exist",
				 path);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot read \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_REFUSED, "it is %s",
				 S_ISDIR(st.st_mode) ? "a directory"
						     : "no regular file");
	return io_read_all(fd, max, path, ret, err);
}

/*
 * The part of `file` below the directory `place`, or NULL. Untrusted
 * checkouts may hold links, so that a Dockerfile in the context is looked up
 * inside it. Of a context that was fetched, every file is inside.
 */
static char *below_place(const struct context_place *place, const char *file)
{
	autofree char *dir = NULL, *parent = NULL, *inside = NULL;
	size_t len;

	if (!place->path)
		return NULL;
	if (!place->local)
		return path_clean_rooted(file);
	parent = strndup(file, (size_t)(path_base(file) - file));
	dir = parent ? realpath(*parent ? parent : ".", NULL) : NULL;
	if (!dir)
		return NULL;
	len = strlen(place->path);
	if (strncmp(dir, place->path, len) ||
	    (dir[len] && dir[len] != '/' && len > 1))
		return NULL;
	if (asprintf(&inside, "%s/%s", dir + len, path_base(file)) < 0)
		return NULL;
	return path_clean_rooted(inside);
}

/* Dockerfile, else dockerfile, of the context's root. */
static int read_default(const struct context_place *place, char **name,
			struct buf *text, struct error *err)
{
	static const char *const names[] = { "Dockerfile", "dockerfile" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		free(*name);
		*name = strdup(names[i]);
		if (!*name)
			return error_nomem(err, "reading the Dockerfile");
		if (read_inside(place->fd, names[i], DOCKERFILE_MAX, text,
				err) == 0)
			return 0;
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
	}
	if (place->local)
		return error_set(err, ERROR_NOT_FOUND,
				 "no Dockerfile in \"%s\"; name one with -f",
				 place->path);
	return error_set(err, ERROR_NOT_FOUND,
			 "no Dockerfile in the root of the build context; "
			 "name one with -f");
}

/* The user's own file, or a pipe, which is what a shell makes of <(..). */
static int read_own(const char *file, struct buf *text, struct error *err)
{
	autoclose int fd = -1;
	struct stat st;

	if (stat(file, &st) < 0 || !S_ISFIFO(st.st_mode))
		return io_read_file(AT_FDCWD, file, DOCKERFILE_MAX, text, err);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", file);
	return io_read_all(fd, DOCKERFILE_MAX, file, text, err);
}

static int read_named(const struct context_place *place, const char *file,
		      struct buf *text, struct error *err)
{
	autofree char *inside = below_place(place, file);
	int rc;

	if (inside)
		rc = read_inside(place->fd, inside, DOCKERFILE_MAX, text, err);
	else
		rc = read_own(file, text, err);
	if (rc < 0)
		return error_wrap(err, "cannot read the Dockerfile \"%s\"",
				  file);
	return 0;
}

static int read_url(const struct fetch_env *env, const char *url,
		    struct buf *text, struct error *err)
{
	const struct download_request rq = {
		.url = url,
		.max_bytes = DOCKERFILE_MAX,
	};
	AUTO(downloaded_release) struct downloaded info = { 0 };
	autoclose int fd = batch_fresh_file(env->batch, "fetch", NULL, err);

	if (fd < 0 || fetch_file(env, "[internal] load remote build definition",
				 &rq, fd, &info, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot read the Dockerfile");
	return io_read_all(fd, DOCKERFILE_MAX, "the Dockerfile", text, err);
}

static bool is_url(const char *file)
{
	return !strncmp(file, "http://", 7) || !strncmp(file, "https://", 8);
}

int dockerfile_read(const struct fetch_env *env,
		    const struct context_place *place, const char *file,
		    char **name, struct buf *text, struct error *err)
{
	*name = !file || !strcmp(file, "-") ? strdup("Dockerfile")
		: is_url(file)		    ? url_for_message(file)
					    : strdup(file);
	if (!*name)
		return error_nomem(err, "reading the Dockerfile");
	if (file && place->is_dockerfile)
		return error_set(err, ERROR_USAGE,
				 "there are two Dockerfiles: one in the build "
				 "context's place, and -f %s",
				 *name);
	if (file && !strcmp(file, "-"))
		return io_read_all(STDIN_FILENO, DOCKERFILE_MAX,
				   "standard input", text, err);
	if (file && is_url(file))
		return read_url(env, file, text, err);
	if (file)
		return read_named(place, file, text, err);
	if (!place->is_dockerfile)
		return read_default(place, name, text, err);
	buf_append(text, place->dockerfile.data, place->dockerfile.len);
	return buf_check(text, "reading the Dockerfile", err);
}

/* Append the ignore file `path`; 1 when there is one, 0 when not. */
static int read_ignore(const struct context_place *place, const char *path,
		       struct buf *ret, struct error *err)
{
	if (read_inside(place->fd, path, IGNOREFILE_MAX, ret, err) == 0)
		return 1;
	if (err->kind != ERROR_NOT_FOUND)
		return error_wrap(err, "cannot read the ignore file");
	error_clear(err);
	return 0;
}

/* Beside a Dockerfile that lies outside of the context: the user's own. */
static int read_outside(const char *path, struct buf *ret, struct error *err)
{
	if (io_read_file(AT_FDCWD, path, IGNOREFILE_MAX, ret, err) == 0)
		return 1;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	return 0;
}

static int read_beside(const struct context_place *place, const char *file,
		       const char *beside, struct buf *text, struct error *err)
{
	autofree char *inside = NULL;

	if (!file)
		return read_ignore(place, beside, text, err);
	inside = below_place(place, beside);
	if (inside)
		return read_ignore(place, inside, text, err);
	return read_outside(beside, text, err);
}

int ignorefile_find(const struct context_place *place, const char *file,
		    const char *dockerfile, char **name, struct buf *text,
		    struct error *err)
{
	bool is_file = !file || (strcmp(file, "-") != 0 && !is_url(file));
	autofree char *beside = NULL;
	int found = 0;

	if (!place->local)
		return 0;
	if (dockerfile && is_file) {
		if (asprintf(&beside, "%s.dockerignore", dockerfile) < 0) {
			beside = NULL;
			return error_nomem(err, "looking for an ignore file");
		}
		found = read_beside(place, file, beside, text, err);
	}
	if (found < 0)
		return -1;
	if (found) {
		*name = steal_pointer(&beside);
		return 1;
	}
	found = read_ignore(place, ".dockerignore", text, err);
	if (found <= 0)
		return found;
	*name = strdup(".dockerignore");
	return *name ? 1 : error_nomem(err, "reading the ignore file");
}
