#include "store/tree_ahead.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/xattr.h>

#include "store/base/parallel.h"

/* Names that may lie ready at a time, about: some 200 bytes each. */
#define NAMES_MAX ((size_t)16 << 10)

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
	size_t n_names;	     /* that lie ready */
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

/* What `d` holds that the walk will go into, as a list of its own. */
static struct dir *find_dirs(const struct tree *t, const struct dir *d)
{
	struct dir *first = NULL, **end = &first;

	for (size_t i = 0; i < d->listing.names.n; i++) {
		struct dir *below;

		if (!is_dir(&d->listing, i))
			continue;
		below = dir_new(d->path, d->listing.names.items[i].name);
		if (!below)
			break;
		if (!t->enters(t->enters_ctx, below->path)) {
			dir_free(below);
			continue;
		}
		*end = below;
		end = &below->next;
	}
	return first;
}

/* Leaves the listing empty on failure. */
static void read_dir(struct dir_stack *dirs, struct dir *d)
{
	struct error err = ERROR_INIT;
	int fd = tree_list_in(dirs, d->path, &d->listing.names, &err);

	if (fd < 0 || d->listing.names.n > NAMES_MAX ||
	    read_stats(fd, &d->listing) < 0)
		tree_listing_release(&d->listing);
	d->plain = fd >= 0 && flistxattr(fd, NULL, 0) == 0;
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

/* Those found below `d` come right after it. */
static void insert(struct tree_ahead *a, struct dir *d, struct dir *below)
{
	struct dir **end = &below;

	if (!below)
		return;
	while (*end)
		end = &(*end)->next;
	*end = d->next;
	d->next = below;
	if (!a->waiting ||
	    entry_path_compare(below->path, a->waiting->path) < 0)
		a->waiting = below;
}

static void forget_first(struct tree_ahead *a)
{
	struct dir *d = a->first;

	a->first = d->next;
	if (a->waiting == d)
		set_waiting(a, d->next);
	if (d->state == DIR_IN_WORK) {
		d->state = DIR_LEFT_OUT;
		return;
	}
	a->n_names -= d->listing.names.n;
	dir_free(d);
}

/* Read the first that waits; the lock is let go meanwhile. */
static void read_waiting(struct tree_ahead *a, struct dir_stack *dirs)
{
	struct dir *d = a->waiting, *below;

	d->state = DIR_IN_WORK;
	set_waiting(a, d->next);
	pthread_mutex_unlock(&a->lock);
	read_dir(dirs, d);
	below = find_dirs(a->tree, d);
	pthread_mutex_lock(&a->lock);
	if (d->state == DIR_LEFT_OUT) {
		dir_free(d);
		free_all(below);
		return;
	}
	d->state = DIR_READY;
	a->n_names += d->listing.names.n;
	insert(a, d, below);
	pthread_cond_broadcast(&a->changed);
}

static bool has_work(const struct tree_ahead *a)
{
	return a->waiting && a->n_names < NAMES_MAX;
}

static void *read_beside(void *arg)
{
	struct tree_ahead *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->ends) {
		if (has_work(a))
			read_waiting(a, &a->beside);
		else
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
	dir_stack_init(&a->beside, t->root, true);
	dir_stack_init(&a->own, t->root, true);
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
	struct dir *d = a->first, *below;
	int fd;

	pthread_mutex_unlock(&a->lock);
	fd = tree_list_in(dirs, d->path, &d->listing.names, err);
	below = fd < 0 ? NULL : find_dirs(a->tree, d);
	pthread_mutex_lock(&a->lock);
	a->n_names += d->listing.names.n;
	insert(a, d, below);
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
	a->n_names -= d->listing.names.n;
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
	if (status <= 0)
		return status;
	/* Not known before as a directory. */
	return tree_list_in(dirs, path, &ret->names, err) < 0 ? -1 : 0;
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
