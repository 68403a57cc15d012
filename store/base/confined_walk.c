/*
 * The walk holds one directory and the names that led there from the root;
 * none of these names is a link. A component is opened with O_NOFOLLOW, so
 * whatever others rename meanwhile, the step leads into the directory held or
 * fails. ".." never asks the kernel for a parent, which a rename may have
 * moved out of the root: it walks again from the root, one name less.
 */
#include "store/base/confined_walk.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/buf.h"
#include "store/base/cleanup.h"

#define LINKS_MAX 40 /* as the kernel's */
#define RACES_MAX 64

/* How directories that are missing are made; NULL: they are not. */
struct make {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct walk {
	int root;	     /* borrowed */
	int dir;	     /* where we are; -1: in the root itself */
	struct buf resolved; /* names from the root to `dir`, "a/b" */
	char *rest;	     /* what is still to be looked up; owned */
	const char *next;    /* inside `rest` */
	const struct make *make;
	int links;
	int races;
};

static void walk_release(struct walk *w)
{
	if (w->dir >= 0)
		close(w->dir);
	buf_release(&w->resolved);
	free(w->rest);
}
DEFINE_RELEASE(struct walk, walk_release);

static int fail(int sys)
{
	errno = sys;
	return -1;
}

static int here(const struct walk *w)
{
	return w->dir >= 0 ? w->dir : w->root;
}

static void move_to(struct walk *w, int dir)
{
	if (w->dir >= 0)
		close(w->dir);
	w->dir = dir;
}

static int open_step(int dir, const char *name)
{
	return openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Read the link `name`; NULL with errno EINVAL when it is none. */
static char *read_link(int dir, const char *name)
{
	autofree char *target = malloc(PATH_MAX);
	ssize_t len;

	if (!target) {
		errno = ENOMEM;
		return NULL;
	}
	len = readlinkat(dir, name, target, PATH_MAX);
	if (len < 0)
		return NULL;
	if (len == 0 || len == PATH_MAX) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return NULL;
	}
	target[len] = '\0';
	return steal_pointer(&target);
}

/* Go on with the text of a link, then with what followed the link. */
static int enter_link(struct walk *w, const char *target)
{
	AUTO(buf_release) struct buf rest = BUF_INIT;

	if (++w->links > LINKS_MAX)
		return fail(ELOOP);
	buf_append_str(&rest, target);
	buf_append_str(&rest, w->next);
	if (rest.failed)
		return fail(ENOMEM);
	if (target[0] == '/') {
		move_to(w, -1);
		buf_clear(&w->resolved);
	}
	free(w->rest);
	w->rest = buf_steal(&rest);
	w->next = w->rest;
	return 0;
}

/* Walk the names of `resolved` again from the root. */
static int reopen_resolved(struct walk *w)
{
	autofree char *names = NULL;
	char *name, *end;

	move_to(w, -1);
	if (!w->resolved.len)
		return 0;
	names = strdup(w->resolved.data);
	if (!names)
		return fail(ENOMEM);
	for (name = names; name; name = end) {
		int fd;

		end = strchr(name, '/');
		if (end)
			*end++ = '\0';
		fd = open_step(here(w), name);
		if (fd < 0)
			return -1;
		move_to(w, fd);
	}
	return 0;
}

static int enter_parent(struct walk *w)
{
	const char *slash;

	if (!w->resolved.len)
		return 0; /* the root is its own parent */
	slash = strrchr(w->resolved.data, '/');
	buf_truncate(&w->resolved,
		     slash ? (size_t)(slash - w->resolved.data) : 0);
	return reopen_resolved(w);
}

/* Owner before mode: chown takes set-id bits away. */
static int set_attributes(int fd, const struct make *make)
{
	bool owner = make->uid != (uid_t)-1 || make->gid != (gid_t)-1;

	if (owner && fchown(fd, make->uid, make->gid) < 0)
		return -1;
	return fchmod(fd, make->mode);
}

/* Make `name` and open it, or open what another one made just now. */
static int make_step(struct walk *w, const char *name)
{
	autoclose int fd = -1;

	if (mkdirat(here(w), name, 0700) < 0)
		return errno == EEXIST ? open_step(here(w), name) : -1;
	fd = openat(here(w), name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || set_attributes(fd, w->make) < 0)
		return -1;
	return openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Step into the directory `name`, or into the link of that name. */
static int enter_child(struct walk *w, const char *name)
{
	autofree char *target = NULL;
	int fd = open_step(here(w), name), sys;

	if (fd < 0 && errno == ENOENT && w->make)
		fd = make_step(w, name);
	if (fd >= 0) {
		move_to(w, fd);
		if (w->resolved.len)
			buf_append_char(&w->resolved, '/');
		buf_append_str(&w->resolved, name);
		return w->resolved.failed ? fail(ENOMEM) : 0;
	}
	if (errno != ENOTDIR && errno != ELOOP)
		return -1;
	sys = errno;
	target = read_link(here(w), name);
	if (!target)
		return fail(errno == EINVAL ? sys : errno);
	return enter_link(w, target);
}

static int enter(struct walk *w, const char *name)
{
	if (!strcmp(name, "."))
		return 0;
	return strcmp(name, "..") ? enter_child(w, name) : enter_parent(w);
}

/*
 * The next component into `name`: 1, or 0 at the end. `*last` says whether it
 * names the file itself: no component and no slash follows.
 */
static int next_component(struct walk *w, char name[static NAME_MAX + 1],
			  bool *last)
{
	size_t len;

	w->next += strspn(w->next, "/");
	len = strcspn(w->next, "/");
	if (!len)
		return 0;
	if (len > NAME_MAX)
		return fail(ENAMETOOLONG);
	memcpy(name, w->next, len);
	name[len] = '\0';
	w->next += len;
	*last = !*w->next;
	return 1;
}

static bool wants_follow(int flags)
{
	return !(flags & O_NOFOLLOW) &&
	       (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
}

static bool is_link(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/*
 * Open the last component `name`: a descriptor, or -1. When it is a link to
 * be followed, -1 with errno ERESTART, and the walk goes on with its text.
 */
static int open_last(struct walk *w, const char *name, int flags, mode_t mode)
{
	autofree char *target = NULL;
	int fd;

	if (!wants_follow(flags))
		return openat(here(w), name, flags | O_NOFOLLOW | O_CLOEXEC,
			      mode);
	target = read_link(here(w), name);
	if (target)
		return enter_link(w, target) < 0 ? -1 : fail(ERESTART);
	if (errno != EINVAL && errno != ENOENT)
		return -1;
	fd = openat(here(w), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	/* A link may have come into being between the two calls. */
	if ((fd < 0 && errno == ELOOP) ||
	    (fd >= 0 && flags & O_PATH && is_link(fd))) {
		if (fd >= 0)
			close(fd);
		if (++w->races > RACES_MAX)
			return fail(ELOOP);
		w->next -= strlen(name);
		return fail(ERESTART);
	}
	return fd;
}

/* The path ends in a directory we are in: "", "/", "a/", "a/.." */
static int open_here(struct walk *w, int flags, mode_t mode)
{
	bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;

	if (flags & O_CREAT && !unnamed)
		return fail(EISDIR);
	return openat(here(w), ".", flags | O_CLOEXEC, mode);
}

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static int walk_open(struct walk *w, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	bool last = false;
	int more;

	while ((more = next_component(w, name, &last)) > 0) {
		int fd;

		if (!last || is_dots(name)) {
			if (enter(w, name) < 0)
				return -1;
			continue;
		}
		fd = open_last(w, name, flags, mode);
		if (fd >= 0 || errno != ERESTART)
			return fd;
	}
	return more < 0 ? -1 : open_here(w, flags, mode);
}

static int walk_init(struct walk *w, int root, const char *path,
		     const struct make *make)
{
	*w = (struct walk){ .root = root, .dir = -1, .make = make };
	w->rest = strdup(path);
	w->next = w->rest;
	return w->rest ? 0 : fail(ENOMEM);
}

int confined_walk_open(int root, const char *path, int flags, mode_t mode)
{
	AUTO(walk_release) struct walk w;

	if (walk_init(&w, root, path, NULL) < 0)
		return -1;
	return walk_open(&w, flags, mode);
}

int confined_walk_make_dirs(int root, const char *path, mode_t mode, uid_t uid,
			    gid_t gid)
{
	struct make make = { .mode = mode, .uid = uid, .gid = gid };
	AUTO(walk_release) struct walk w;
	char name[NAME_MAX + 1];
	bool last;
	int more;

	if (walk_init(&w, root, path, &make) < 0)
		return -1;
	while ((more = next_component(&w, name, &last)) > 0)
		if (enter(&w, name) < 0)
			return -1;
	return more < 0 ? -1
			: openat(here(&w), ".",
				 O_PATH | O_DIRECTORY | O_CLOEXEC);
}
