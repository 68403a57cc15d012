#include "builder/build_input.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/confined.h"
#include "store/base/io.h"
#include "store/base/path.h"

/* Bounds on what is read whole, in bytes. */
#define DOCKERFILE_MAX ((size_t)128 << 20)
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
		return error_set(err, ERROR_REFUSED,
				 "\"%s\" is not a regular file", path);
	return io_read_all(fd, max, path, ret, err);
}

/* An open context directory and where it is. */
struct place {
	int fd;
	char *path; /* absolute, links resolved; NULL when there is none */
};

static void place_release(struct place *place)
{
	if (place->fd >= 0)
		close(place->fd);
	free(place->path);
}
DEFINE_RELEASE(struct place, place_release);

static int open_place(const char *path, struct place *ret, struct error *err)
{
	struct stat st;

	if (!strncmp(path, "http://", 7) || !strncmp(path, "https://", 8) ||
	    !strncmp(path, "git@", 4) || !strncmp(path, "git://", 6))
		return error_set(err, ERROR_REFUSED,
				 "remote build contexts are not supported yet; "
				 "fetch \"%s\" and name the directory",
				 path);
	ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ret->fd < 0 && errno == ENOTDIR && stat(path, &st) == 0)
		return error_set(err, ERROR_REFUSED,
				 "the build context \"%s\" is a file; name a "
				 "directory",
				 path);
	if (ret->fd < 0)
		return error_sys(err, errno,
				 "cannot open the build context \"%s\"", path);
	ret->path = realpath(path, NULL);
	if (!ret->path)
		return error_sys(err, errno,
				 "cannot open the build context \"%s\"", path);
	return 0;
}

/*
 * The part of `file` below the directory `place`, or NULL. Untrusted
 * checkouts may hold links, so that a Dockerfile in the context is looked up
 * inside it.
 */
static char *below_place(const struct place *place, const char *file)
{
	autofree char *dir = NULL, *parent = NULL, *inside = NULL;
	size_t len;

	if (!place->path)
		return NULL;
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

static int read_stdin_dockerfile(struct build_input *in, struct error *err)
{
	static const unsigned char magics[][3] = { { 0x1f, 0x8b },
						   { 'B', 'Z', 'h' },
						   { 0xfd, '7', 'z' } };
	size_t i;

	in->name = strdup("Dockerfile");
	if (!in->name)
		return error_nomem(err, "reading the Dockerfile");
	if (io_read_all(STDIN_FILENO, DOCKERFILE_MAX, "standard input",
			&in->text, err) < 0)
		return -1;
	for (i = 0; i < ARRAY_LEN(magics); i++)
		if (in->text.len > 3 &&
		    !memcmp(in->text.data, magics[i], i ? 3 : 2))
			return error_set(err, ERROR_REFUSED,
					 "an archive on standard input is not "
					 "supported yet; extract it and name "
					 "the directory");
	return 0;
}

/* Dockerfile, else dockerfile, of the context's root. */
static int read_default(const struct place *place, struct build_input *in,
			struct error *err)
{
	static const char *const names[] = { "Dockerfile", "dockerfile" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		free(in->name);
		in->name = strdup(names[i]);
		if (!in->name)
			return error_nomem(err, "reading the Dockerfile");
		if (read_inside(place->fd, names[i], DOCKERFILE_MAX, &in->text,
				err) == 0)
			return 0;
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
	}
	return error_set(err, ERROR_NOT_FOUND,
			 "no Dockerfile in \"%s\"; name one with -f",
			 place->path);
}

static int read_named(const struct place *place, const char *file,
		      struct build_input *in, struct error *err)
{
	autofree char *inside = below_place(place, file);
	int rc;

	in->name = strdup(file);
	if (!in->name)
		return error_nomem(err, "reading the Dockerfile");
	if (inside)
		rc = read_inside(place->fd, inside, DOCKERFILE_MAX, &in->text,
				 err);
	else
		rc = io_read_file(AT_FDCWD, file, DOCKERFILE_MAX, &in->text,
				  err);
	if (rc < 0)
		return error_wrap(err, "cannot read the Dockerfile \"%s\"",
				  file);
	return 0;
}

static int read_dockerfile(const struct build_input_options *options,
			   const struct place *place, struct build_input *in,
			   struct error *err)
{
	if (options->dockerfile && !strcmp(options->dockerfile, "-"))
		return read_stdin_dockerfile(in, err);
	if (options->dockerfile)
		return read_named(place, options->dockerfile, in, err);
	if (place->fd < 0)
		return read_stdin_dockerfile(in, err);
	return read_default(place, in, err);
}

static int parse_dockerfile(struct build_input *in, struct error *err)
{
	if (dockerfile_parse(in->text.data ? in->text.data : "", in->text.len,
			     &in->tree, err) < 0) {
		if (err->kind == ERROR_DOCKERFILE && err->first_line)
			error_wrap(err, "dockerfile parse error on line %d",
				   err->first_line);
		return -1;
	}
	/* The plan judges it: what no target needs may be wrong. */
	return 0;
}

/* Append the ignore file `path`; 1 when there is one, 0 when not. */
static int read_ignore(const struct place *place, const char *path,
		       struct buf *ret, struct error *err)
{
	if (read_inside(place->fd, path, IGNOREFILE_MAX, ret, err) == 0)
		return 1;
	if (err->kind != ERROR_NOT_FOUND)
		return error_wrap(err, "cannot read the ignore file");
	error_clear(err);
	return 0;
}

/*
 * "<Dockerfile>.dockerignore" beside the Dockerfile wins over .dockerignore
 * in the context's root.
 */
static int find_ignore(const struct build_input_options *options,
		       const struct place *place, const char *dockerfile,
		       char **name, struct buf *text, struct error *err)
{
	autofree char *beside = NULL, *inside = NULL;
	int rc;

	if (asprintf(&beside, "%s.dockerignore", dockerfile) < 0)
		return error_nomem(err, "looking for an ignore file");
	if (options->dockerfile)
		inside = below_place(place, beside);
	if (inside || !options->dockerfile) {
		rc = read_ignore(place, inside ? inside : beside, text, err);
	} else {
		rc = io_read_file(AT_FDCWD, beside, IGNOREFILE_MAX, text, err);
		if (rc < 0 && err->kind != ERROR_NOT_FOUND)
			return -1;
		rc = rc == 0;
	}
	if (rc < 0)
		return -1;
	if (rc) {
		*name = steal_pointer(&beside);
		return 1;
	}
	rc = read_ignore(place, ".dockerignore", text, err);
	if (rc <= 0)
		return rc;
	*name = strdup(".dockerignore");
	return *name ? 1 : error_nomem(err, "reading the ignore file");
}

static int add_context(struct batch *b, struct build_input *in,
		       const char *name, const struct place *place,
		       const char *ignore_name, const struct buf *ignore,
		       struct error *err)
{
	struct context *context = NULL;
	struct solve_context *contexts;

	contexts =
		realloc(in->contexts, (in->n_contexts + 1) * sizeof(*contexts));
	if (!contexts)
		return error_nomem(err, "opening the build context");
	in->contexts = contexts;
	if (context_open(batch_store(b), place->path, ignore_name,
			 ignore_name ? ignore : NULL, &context, err) < 0)
		return -1;
	contexts[in->n_contexts++] =
		(struct solve_context){ .name = name, .context = context };
	return 0;
}

static int open_main_context(struct batch *b,
			     const struct build_input_options *options,
			     const struct place *place, struct build_input *in,
			     struct error *err)
{
	AUTO(buf_release) struct buf ignore = BUF_INIT;
	autofree char *ignore_name = NULL;

	if (place->fd < 0)
		return 0;
	if (find_ignore(options, place, in->name, &ignore_name, &ignore, err) <
	    0)
		return -1;
	return add_context(b, in, "", place, ignore_name, &ignore, err);
}

static int add_named_context(struct batch *b, struct build_input *in,
			     const char *option, struct error *err)
{
	AUTO(place_release) struct place place = { .fd = -1 };
	AUTO(buf_release) struct buf ignore = BUF_INIT;
	const char *value = strchr(option, '=');
	struct named_context *named;
	char *name;
	int found;

	if (!value || value == option)
		return error_set(err, ERROR_USAGE,
				 "--build-context takes name=value, not \"%s\"",
				 option);
	if (strstr(value, "://"))
		return error_set(err, ERROR_REFUSED,
				 "--build-context %s: only directories are "
				 "supported yet",
				 option);
	named = realloc(in->named, (in->n_named + 1) * sizeof(*named));
	if (!named)
		return error_nomem(err, "reading --build-context");
	in->named = named;
	if (open_place(value + 1, &place, err) < 0)
		return -1;
	found = read_ignore(&place, ".dockerignore", &ignore, err);
	if (found < 0)
		return -1;
	name = strndup(option, (size_t)(value - option));
	if (!name)
		return error_nomem(err, "reading --build-context");
	named[in->n_named++] = (struct named_context){ .name = name };
	return add_context(b, in, name, &place, found ? ".dockerignore" : NULL,
			   &ignore, err);
}

int build_input_read(struct batch *b, const struct build_input_options *options,
		     struct build_input *ret, struct error *err)
{
	AUTO(place_release) struct place place = { .fd = -1 };
	size_t i;

	if (strcmp(options->context, "-") != 0 &&
	    open_place(options->context, &place, err) < 0)
		return -1;
	if (read_dockerfile(options, &place, ret, err) < 0 ||
	    parse_dockerfile(ret, err) < 0 ||
	    open_main_context(b, options, &place, ret, err) < 0)
		return -1;
	for (i = 0; i < options->build_contexts->len; i++)
		if (add_named_context(b, ret, options->build_contexts->items[i],
				      err) < 0)
			return -1;
	return 0;
}

void build_input_release(struct build_input *in)
{
	size_t i;

	for (i = 0; i < in->n_contexts; i++)
		context_free(in->contexts[i].context);
	for (i = 0; i < in->n_named; i++)
		free((char *)in->named[i].name);
	free(in->contexts);
	free(in->named);
	dockerfile_free(in->tree);
	buf_release(&in->text);
	free(in->name);
}
