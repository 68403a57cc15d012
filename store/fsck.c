/*
 * Objects are checked before the records that speak of them, so that one run
 * that repairs leaves nothing for a second.
 */
#include "store/fsck.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/parallel.h"
#include "store/base/strv.h"
#include "store/fsck_object.h"

struct fsck {
	struct batch *b;
	const struct fsck_options *options;
	const struct cancel *cancel;
	pthread_mutex_t lock; /* guards the report and `found` */
	struct fsck_report report;
};

/* The entries of one folder, checked on several threads. */
struct folder {
	struct fsck *f;
	const char *path;
	fsck_check *check;
	struct strv names;
};

static void folder_release(struct folder *d)
{
	strv_release(&d->names);
}
DEFINE_RELEASE(struct folder, folder_release);

/* Out of the way first: removing a tree takes its time. */
static int drop(struct fsck *f, const char *path, struct error *err)
{
	autofree char *aside = batch_fresh_name(f->b, "damaged", err);

	if (!aside)
		return -1;
	if (renameat(store_fd(batch_store(f->b)), path, batch_fd(f->b), aside) <
		    0 &&
	    errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", path);
	return 0;
}

static void tell(struct fsck *f, const char *path, const char *why)
{
	autofree char *line = NULL;

	if (asprintf(&line, "%s: %s%s", path, why,
		     f->options->repair ? "; dropped" : "") < 0)
		line = NULL;
	pthread_mutex_lock(&f->lock);
	f->report.n_faults++;
	if (f->options->found)
		f->options->found(f->options->ctx, line ? line : path);
	pthread_mutex_unlock(&f->lock);
}

/* Faults are what a check blames on the object; the rest ends the run. */
static bool is_fault(const struct error *err)
{
	return err->kind == ERROR_INTEGRITY || err->kind == ERROR_NOT_FOUND ||
	       err->kind == ERROR_REFUSED || err->sys == EIO;
}

static int check_one(void *ctx, size_t i, struct error *err)
{
	struct folder *d = ctx;
	struct fsck *f = d->f;
	struct error problem = ERROR_INIT;
	autofree char *path = NULL;
	char text[sizeof(problem.text)];

	if (cancel_check(f->cancel, err) < 0)
		return -1;
	if (asprintf(&path, "%s/%s", d->path, d->names.items[i]) < 0) {
		path = NULL;
		return error_nomem(err, "checking the store");
	}
	pthread_mutex_lock(&f->lock);
	f->report.n_checked++;
	pthread_mutex_unlock(&f->lock);
	if (d->check(f->b, path, &problem) == 0)
		return 0;
	if (!is_fault(&problem)) {
		*err = problem;
		return -1;
	}
	tell(f, path, error_message(&problem, text, sizeof(text)));
	return f->options->repair ? drop(f, path, err) : 0;
}

static int list_folder(struct folder *d, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(batch_store(d->f->b)), d->path);
	const char *name;
	int rc;

	if (!dir)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : error_sys(err, errno, "cannot list '%s'",
					   d->path);
	while ((rc = io_next_entry(dir, d->path, &name, err)) > 0)
		strv_append(&d->names, name);
	if (rc < 0)
		return -1;
	strv_sort(&d->names);
	return strv_check(&d->names, "checking the store", err);
}

static int check_folder(struct fsck *f, const char *path, fsck_check *check,
			struct error *err)
{
	AUTO(folder_release)
	struct folder d = { .f = f, .path = path, .check = check };

	if (list_folder(&d, err) < 0)
		return -1;
	return parallel_for(d.names.len, parallel_cpus(), check_one, &d, err);
}

/* The forms of each layer: `check` sees one kind and lets the rest pass. */
static int check_layers(struct fsck *f, fsck_check *check, struct error *err)
{
	AUTO(folder_release)
	struct folder all = { .f = f, .path = "layers/sha256" };

	if (list_folder(&all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.names.len; i++) {
		autofree char *path = NULL;

		if (asprintf(&path, "layers/sha256/%s", all.names.items[i]) <
		    0) {
			path = NULL;
			return error_nomem(err, "checking the store");
		}
		if (check_folder(f, path, check, err) < 0)
			return -1;
	}
	return 0;
}

static int check_all(struct fsck *f, struct error *err)
{
	if (check_folder(f, "blobs/sha256", fsck_blob, err) < 0 ||
	    check_folder(f, "snapshots", fsck_snapshot, err) < 0 ||
	    check_layers(f, fsck_form, err) < 0 ||
	    check_folder(f, "cache", fsck_step, err) < 0 ||
	    check_folder(f, "files", fsck_file_digests, err) < 0)
		return -1;
	if (check_folder(f, "lists", fsck_list, err) < 0)
		return -1;
	return check_folder(f, "names", fsck_name, err);
}

int fsck_run(struct batch *b, const struct fsck_options *options,
	     const struct cancel *cancel, struct fsck_report *ret,
	     struct error *err)
{
	struct fsck f = {
		.b = b,
		.options = options,
		.cancel = cancel,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	/* Objects that vanish while they are checked would be faults. */
	autoclose int held = store_lock(batch_store(b), false, cancel, err);
	int done = held < 0 ? -1 : check_all(&f, err);

	pthread_mutex_destroy(&f.lock);
	if (ret)
		*ret = f.report;
	return done < 0 ? error_wrap(err, "checking the store") : 0;
}
