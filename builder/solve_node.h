/*
 * The scheduler's state; private to solve*.c.
 *
 * Every step is a node that goes through two phases. KEY finds out what the
 * step would be called and whether a result of that name is known; it needs
 * no layers, except that a step which reads other stages and whose definition
 * is unknown needs what it reads. RESULT gives the layer, from the cache or by
 * running; it happens only for nodes that are wanted: those of the target, and
 * what running them reads. A step that nobody wants is never run.
 *
 * A record is only as good as the result it was made on: it names the
 * identity of its parent's result and of the results it read. When one of
 * them was made anew with another outcome, the record does not count.
 */
#ifndef BUILDER_SOLVE_NODE_H
#define BUILDER_SOLVE_NODE_H

#include <pthread.h>

#include "builder/step.h"
#include "store/step_cache.h"

enum node_trust {
	TRUST_ABSENT, /* no record is known */
	TRUST_SURE,   /* a record, and everything it rests on is as it was */
	TRUST_LIKELY, /* a record on a parent that has none (yet) */
	TRUST_DOUBT,  /* will be made anew, or rests on what will be */
};

struct node {
	const struct step *step;
	struct node *parent; /* NULL: the step starts from an image */
	struct step_job job;
	bool busy; /* a worker is at it */

	bool key_done;
	bool defined;	    /* `definition` is set */
	bool needs_content; /* KEY waits for the results of what is read */
	bool is_stalled;    /* so does a step below; see want_ahead() */
	struct digest definition;
	struct digest key;     /* what steps above build theirs from */
	struct digest content; /* of what was read; for cross-stage reads */
	json_t *parts;
	enum node_trust trust;
	bool has_record;
	bool found_by_content; /* the definition has no record of its own yet */
	struct step_record record;

	bool wanted;
	bool must_run; /* no record counts: RESULT waits for what is read */
	bool result_done;
	struct step_result result; /* layer: a reference */
	char *identity;		   /* of the result; once it or a record is */
	unsigned progress;	   /* 0 until announced */
	bool shown;		   /* said to be cached */
};

struct solver {
	const struct plan *plan;
	const struct solve_options *options;
	struct node *nodes;
	size_t n_nodes;
	struct node *goal; /* NULL: the target needs no step */
	struct cancel *cancel;

	pthread_mutex_t lock; /* guards everything below and node states */
	pthread_cond_t changed;
	bool failed;
	struct error error; /* the first one */
	unsigned idle;
	unsigned n_threads;
	unsigned max_threads;
	pthread_t *threads; /* all but the caller's */
	struct timespec began;
};

/* The last node that made a layer of `source`; NULL: an image or nothing. */
struct node *solve_source_node(const struct solver *s,
			       const struct source *source);

/* Key of the root that `source` gives; its node's key must be done. */
int solve_source_key(const struct solver *s, const struct source *source,
		     struct digest *ret, struct error *err);

/* Make r->root; the results of a stage must be done. */
int solve_open_read(const struct solver *s, struct step_read *r,
		    struct error *err);

/* Set the layers of the root that `n` starts from; the parent must be done. */
int solve_set_layers(const struct solver *s, struct node *n, struct error *err);

/*
 * A linked COPY or ADD makes its layer on nothing, so its result on one base
 * is its result on any. Such a result is known by this key as well, which has
 * no parent; what `n` reads must be done.
 */
bool solve_is_linked(const struct node *n);
int solve_linked_key(struct solver *s, struct node *n, struct digest *ret,
		     struct error *err);

/* The phases, each called without the lock on a busy node. */
int solve_key(struct solver *s, struct node *n, struct error *err);
int solve_result(struct solver *s, struct node *n, struct error *err);

/* Of what `n` reads from other stages, the identity; NULL: not known. */
const char *solve_known_identity(const struct node *n);

/* Announce `n`; its number in the progress. */
unsigned solve_progress(struct solver *s, struct node *n);

/* Say once that `n` comes from the cache. */
void solve_show_cached(struct solver *s, struct node *n);

/* What a record remembers besides the key's own parts. */
json_t *solve_record_parts(const struct solver *s, const struct node *n);
const char *solve_record_parent(const struct node *n);
const char *solve_record_result(const struct node *n);
bool solve_record_input(const struct node *n, size_t i, const char **ret);

#endif
