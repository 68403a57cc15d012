/* The state of a batch. Private to batch*.c. */
#ifndef STORE_BATCH_INTERNAL_H
#define STORE_BATCH_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "store/batch.h"
#include "store/flusher.h"

/* Something pending: an object (`name` in the folder) or a record. */
struct item {
	char *dest;
	char *name;	   /* record: set once written to the folder */
	struct buf record; /* its bytes; empty for an object */
	bool replaces;	   /* record: another one of this name was queued before */
	bool done;
};

struct items {
	struct item **list;
	size_t n;
	size_t capacity;
};

struct batch {
	struct store *store;
	char *path;
	const char *id; /* last component of `path` */
	int tmp;
	int fd;		/* the folder; its lock tells that we live */
	int store_lock; /* held shared for moments, see batch_pin() */
	atomic_uint names;
	pthread_mutex_t publishing;
	pthread_mutex_t lock; /* guards what follows */
	struct items objects, records;
	struct map *object_by_dest, *record_by_dest; /* newest pending */
	struct batch_layers layers;

	pthread_mutex_t pin_lock; /* guards what follows */
	struct map *pins;
	int pin_file;	 /* -1 until there is one */
	bool keeps_lock; /* pins could not be written: nothing is collected */

	struct flusher flusher;
};

void item_free(struct item *item);
DEFINE_CLEANUP(struct item *, item_free);

/* -1: no memory. */
int items_append(struct items *items, struct item *item);

/* The newest pending item of that name, or NULL; the lock is held. */
struct item *items_find(const struct map *by_dest, const char *dest);

#endif
