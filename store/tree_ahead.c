#include "store/tree_ahead.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/xattr.h>

#include "store/base/parallel.h"

/* What may lie ready at a time, about. */
#define BYTES_MAX ((size_t)4 << 20)

/* Of a directory with more names these alone are read ahead. */
#define STATS_MAX ((size_t)16 << 10)

/* A name takes so many, about. */
#define NAME_BYTES ((size_t)32)

/* Descriptors are the walk's before all. */
#define N_OPEN 4

/* A tree with fewer directories is walked before a thread is of use. */
#define DIRS_MIN 32

/* A directory that the walk will come to. */
struct dir {
	struct dir *next; /* in the order of the walk */
	enum {
		DIR_WAITS,
		DIR_IN_WORK,
		DIR_READY,
		DIR_LEFT_OUT, /* while in work: to be freed then */
	} state;
	struct tree_listing listing; /* empty if it could not be read */
	size_t n_bytes;		     /* that it takes by now */
	bool plain;		     /* has no extended attributes */
	char path[];
};

struct tree_ahead {
	const struct tree *tree;
	size_t n_taken;
	bool runs; /* the thread */
	pthread_t thread;
	struct dir_stack beside; /* the thread's */
	struct dir_stack own;	 /* the walk's, for what it reads meanwhile */
	pthread_mutex_t lock;	 /* guards what follows */
	pthread_cond_t changed;
	struct dir *first;   /* all that are known and still to come */
	struct dir *waiting; /* the first of them that waits */
	size_t n_bytes;	     /* that they take */
	bool ends;
};

void tree_listing_release(struct tree_listing *l)
{
	tree_names_release(&l->names);
	free(l->stats);
	*l = (struct tree_listing){ 0 };
}

const struct stat *tree_listing_stat(const struct tree_listing *l, size_t i)
{
	/* No file has a mode of 0: its type is never 0. */
	return l->stats && l->stats[i].st_mode ? &l->stats[i] : NULL;
}

static struct dir *dir_new(const char *parent, const char *name)
{
	size_t parent_len = strlen(parent), name_len = strlen(name);
	struct dir *d = calloc(1, sizeof(*d) + parent_len + name_len + 2);

	if (!d)
		return NULL;
	memcpy(d->path, parent, parent_len);
	if (parent_len > 0)
		d->path[parent_len++] = '/';
	memcpy(d->path + parent_len, name, name_len + 1);
	d->n_bytes = sizeof(*d) + parent_len + name_len + 1;
	return d;
}

static void dir_free(struct dir *d)
{
	tree_listing_release(&d->listing);
	free(d);
}

static void free_all(struct dir *d)
{
	while (d) {
		struct dir *next = d->next;

		dir_free(d);
		d = next;
	}
}

/* ---- reading ---- */

/* A name that has gone, or cannot be asked about, is left to the walk. */
static int read_stats(int dirfd, struct tree_listing *l)
{
	l->stats = calloc(l->names.n ? l->names.n : 1, sizeof(*l->stats));
	if (!l->stats)
		return -1;
	for (size_t i = 0; i < l->names.n; i++)
		if (fstatat(dirfd, l->names.items[i].name, &l->stats[i],
			    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
			l->stats[i].st_mode = 0;
	return 0;
}

static bool is_dir(const struct tree_listing *l, size_t i)
{
	const struct stat *st = tree_listing_stat(l, i);

	return st ? S_ISDIR(st->st_mode) : l->names.items[i].type == DT_DIR;
}

/* A list of directories that is being made. */
struct found {
	struct dir *first;
	struct dir **end; /* behind the last, if there is one */
	size_t n_bytes;
};

/*
 * What `d` holds that the walk will go into. It reads itself what is left out:
 * what would be too much, and paths that are too long for it.
 */
static struct found find_dirs(const struct tree *t, const struct dir *d)
{
	struct found ret = { 0 };
	size_t path_len = strlen(d->path);

	ret.end = &ret.first;
	for (size_t i = 0;
	     i < d->listing.names.n && ret.n_bytes < BYTES_MAX / 2; i++) {
		const char *name = d->listing.names.items[i].name;
		struct dir *below;

		if (!is_dir(&d->listing, i) ||
		    path_len + 1 + strlen(name) >= PATH_MAX)
			continue;
		below = dir_new(d->path, name);
		if (!below)
			break;
		if (!t->enters(t->enters_ctx, below->path)) {
			dir_free(below);
			continue;
		}
		*ret.end = below;
		ret.end = &below->next;
		ret.n_bytes += below->n_bytes;
	}
	return ret;
}

static size_t listing_bytes(const struct tree_listing *l)
{
	return l->names.n * (sizeof(struct tree_name) + NAME_BYTES +
			     (l->stats ? sizeof(struct stat) : 0));
}

/* Leaves the listing empty on failure; descriptors may be what is missing. */
static void read_dir(struct dir_stack *dirs, struct dir *d)
{
	struct error err = ERROR_INIT;
	int fd = tree_list_in(dirs, d->path, &d->listing.names, &err);

	if (fd < 0 || (d->listing.names.n <= STATS_MAX &&
		       read_stats(fd, &d->listing) < 0))
		tree_listing_release(&d->listing);
	d->plain = fd >= 0 && flistxattr(fd, NULL, 0) == 0;
	if (fd < 0)
		dir_stack_forget(dirs);
	error_clear(&err);
}

/* ---- with the lock held ---- */

/* The first that waits is `d`, or comes after it. */
static void set_waiting(struct tree_ahead *a, struct dir *d)
{
	while (d && d->state != DIR_WAITS)
		d = d->next;
	a->waiting = d;
}

/* `d` was read: those found below it come right after it. */
static void add_read(struct tree_ahead *a, struct dir *d, struct found below)
{
	size_t n = listing_bytes(&d->listing);

	d->n_bytes += n;
	a->n_bytes += n + below.n_bytes;
	if (!below.first)
		return;
	*below.end = d->next;
	d->next = below.first;
	if (!a->waiting ||
	    entry_path_compare(below.first->path, a->waiting->path) < 0)
		a->waiting = below.first;
}

static void forget_first(struct tree_ahead *a)
{
	struct dir *d = a->first;

	a->first = d->next;
	if (a->waiting == d)
		set_waiting(a, d->next);
	a->n_bytes -= d->n_bytes;
	if (d->state == DIR_IN_WORK)
		d->state = DIR_LEFT_OUT;
	else
		dir_free(d);
}

/* Read the first that waits; the lock is let go meanwhile. */
static void read_waiting(struct tree_ahead *a, struct dir_stack *dirs)
{
	struct dir *d = a->waiting;
	struct found below;

	d->state = DIR_IN_WORK;
	set_waiting(a, d->next);
	pthread_mutex_unlock(&a->lock);
	read_dir(dirs, d);
	below = find_dirs(a->tree, d);
	pthread_mutex_lock(&a->lock);
	if (d->state == DIR_LEFT_OUT) {
		dir_free(d);
		free_all(below.first);
		return;
	}
	d->state = DIR_READY;
	add_read(a, d, below);
	pthread_cond_broadcast(&a->changed);
}

static bool has_work(const struct tree_ahead *a)
{
	return a->waiting && a->n_bytes < BYTES_MAX;
}

static void *read_beside(void *arg)
{
	struct tree_ahead *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->ends) {
		if (has_work(a)) {
			read_waiting(a, &a->beside);
			continue;
		}
		dir_stack_forget(&a->beside);
		pthread_cond_wait(&a->changed, &a->lock);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/*
 * The walk has come to the first directory: while the thread is at work on it,
 * the walk reads others.
 */
static void wait_for_first(struct tree_ahead *a, struct dir_stack *dirs)
{
	while (a->first->state != DIR_READY) {
		if (a->first->state == DIR_WAITS)
			read_waiting(a, dirs);
		else if (has_work(a))
			read_waiting(a, &a->own);
		else
			pthread_cond_wait(&a->changed, &a->lock);
	}
	dir_stack_forget(&a->own);
}

/* ---- for the walk ---- */

struct tree_ahead *tree_ahead_new(const struct tree *t)
{
	struct tree_ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->tree = t;
	a->first = a->waiting = dir_new("", "");
	if (!a->first) {
		free(a);
		return NULL;
	}
	a->n_bytes = a->first->n_bytes;
	dir_stack_init(&a->beside, t->root, true, N_OPEN);
	dir_stack_init(&a->own, t->root, true, N_OPEN);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	return a;
}

static void start_thread(struct tree_ahead *a)
{
	if (++a->n_taken != DIRS_MIN || parallel_cpus() == 1)
		return;
	a->runs = pthread_create(&a->thread, NULL, read_beside, a) == 0;
}

/* Now, and by the walk, since it could not be read ahead. */
static int read_first(struct tree_ahead *a, struct dir_stack *dirs,
		      struct error *err)
{
	struct dir *d = a->first;
	struct found below = { 0 };
	int fd;

	pthread_mutex_unlock(&a->lock);
	fd = tree_list_in(dirs, d->path, &d->listing.names, err);
	if (fd >= 0)
		below = find_dirs(a->tree, d);
	pthread_mutex_lock(&a->lock);
	add_read(a, d, below);
	return fd < 0 ? -1 : 0;
}

/* With the lock held; true if `path` is the first. */
static bool skip_to(struct tree_ahead *a, const char *path)
{
	int order = -1;

	while (a->first &&
	       (order = entry_path_compare(a->first->path, path)) < 0)
		forget_first(a);
	return a->first && order == 0;
}

bool tree_ahead_plain(struct tree_ahead *a, const char *path)
{
	bool plain;

	pthread_mutex_lock(&a->lock);
	plain = skip_to(a, path) && a->first->state == DIR_READY &&
		a->first->plain;
	pthread_mutex_unlock(&a->lock);
	return plain;
}

static int take_first(struct tree_ahead *a, struct dir_stack *dirs,
		      struct tree_listing *ret, struct error *err)
{
	struct dir *d = a->first;

	wait_for_first(a, dirs);
	if (!d->listing.names.items && read_first(a, dirs, err) < 0)
		return -1;
	*ret = d->listing;
	d->listing = (struct tree_listing){ 0 };
	forget_first(a);
	pthread_cond_broadcast(&a->changed);
	return 0;
}

int tree_ahead_take(struct tree_ahead *a, struct dir_stack *dirs,
		    const char *path, struct tree_listing *ret,
		    struct error *err)
{
	int status = 1;

	start_thread(a);
	pthread_mutex_lock(&a->lock);
	if (skip_to(a, path))
		status = take_first(a, dirs, ret, err);
	pthread_mutex_unlock(&a->lock);
	/* It may not have been known before as a directory. */
	if (status > 0)
		status = tree_list_in(dirs, path, &ret->names, err);
	if (status >= 0)
		return 0;
	/* It was there when it was asked about, and may have gone since. */
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	return 0;
}

void tree_ahead_free(struct tree_ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->ends = true;
	pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
	if (a->runs)
		pthread_join(a->thread, NULL);
	free_all(a->first);
	dir_stack_release(&a->beside);
	dir_stack_release(&a->own);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
