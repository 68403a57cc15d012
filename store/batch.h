/*
 * The unit of publication. Objects are written to the batch's own folder in
 * tmp/ and used from there; batch_publish() flushes everything once, renames
 * the objects into place, then the records that point to them (cache entries,
 * names). A crash at any point leaves the old state or the new one, plus a
 * folder in tmp/ that the next store_open() sweeps.
 *
 * A batch may be used from many threads and published several times.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <pthread.h>
#include <stddef.h>

#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/error.h"
#include "store/base/map.h"
#include "store/store.h"

struct batch;

/* `store` is borrowed and must outlive the batch. */
int batch_new(struct store *store, struct batch **ret, struct error *err);

/* Drops and removes what was not published. Accepts NULL. */
void batch_free(struct batch *b);
DEFINE_CLEANUP(struct batch *, batch_free);

struct store *batch_store(const struct batch *b);

/* The batch's folder; absolute path and descriptor, borrowed. */
const char *batch_path(const struct batch *b);
int batch_fd(const struct batch *b);

/*
 * A fresh name "<prefix>-<n>" inside the folder for the caller to create a
 * file or directory under. The caller frees it.
 */
char *batch_fresh_name(struct batch *b, const char *prefix, struct error *err);

/*
 * A new file under such a name, to read and to write; the caller closes it.
 * The name goes to `*name` and is freed by the caller, who has it added or
 * removes the file; with NULL the file has no name and goes when it is closed.
 */
int batch_fresh_file(struct batch *b, const char *prefix, char **name,
		     struct error *err);

/*
 * Have `name` (a file or directory in the folder) renamed to `dest` (relative
 * to the store's root) at publication. An object that already exists there
 * wins and ours is dropped: equal names mean equal contents.
 */
int batch_add_object(struct batch *b, const char *name, const char *dest,
		     struct error *err);

/*
 * Have a small file written to `dest` at publication, after all objects. It
 * replaces what is there, unless that is the same.
 */
int batch_add_record(struct batch *b, const char *dest, const void *data,
		     size_t len, struct error *err);

/* The same with the bytes of `record`, which is empty afterwards, always. */
int batch_take_record(struct batch *b, const char *dest, struct buf *record,
		      struct error *err);

/* Lists what a batch uses, in its folder: one object a line. */
#define BATCH_PINS "pins"

/*
 * Keep the collector (gc.h) from the object that `dest` is or lies in, as long
 * as the batch lives: a layer's folder, a snapshot, a blob. Pin first, then
 * look whether it is there. What is added to a batch, and what layer and blob
 * handles stand for, is pinned already.
 */
int batch_pin(struct batch *b, const char *dest, struct error *err);

/*
 * Where the object that will be `dest` is now: its path relative to the
 * store's root, inside tmp/ before publication. The caller frees; NULL
 * without an error when the batch has no such object pending. Who finds nothing
 * there any more finds it at `dest`: it has been published meanwhile.
 */
char *batch_object_path(struct batch *b, const char *dest);

/*
 * Open the object or file `dest` (relative to the store's root) with open(2)
 * `flags`, wherever it is: published, or pending in `b` (may be NULL). There
 * is no moment of publication at which this finds neither. ERROR_NOT_FOUND
 * when there is none.
 */
int batch_open_object(struct store *s, struct batch *b, const char *dest,
		      int flags, struct error *err);

/*
 * Append the record `dest` of at most `max` bytes to `ret`: the one pending
 * in `b` (may be NULL), else the published one. ERROR_NOT_FOUND.
 */
int batch_read_record(struct store *s, struct batch *b, const char *dest,
		      size_t max, struct buf *ret, struct error *err);

/*
 * Handles of the layers in use with this batch, by diffID, so that one layer
 * is one handle. layer.c's; borrowed.
 */
struct batch_layers {
	pthread_mutex_t lock;
	struct map *by_diff_id;
	size_t pass_memory; /* of layers being compressed */
	pthread_cond_t pass_ended;
};

struct batch_layers *batch_layers(struct batch *b);

/*
 * Make everything added so far durable and visible; with nothing new this
 * neither writes nor flushes. After a failure what was
 * not published yet is still pending, and usable as before.
 */
int batch_publish(struct batch *b, struct error *err);

#endif
