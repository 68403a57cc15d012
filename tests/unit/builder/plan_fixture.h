/* A Dockerfile and a pretended registry in, a plan out. */
#ifndef TESTS_UNIT_BUILDER_PLAN_FIXTURE_H
#define TESTS_UNIT_BUILDER_PLAN_FIXTURE_H

#include <pthread.h>

#include "builder/plan.h"

/* An image that the resolver knows; `config` is JSON with ' for ". */
struct known_image {
	const char *name;
	const char *config;
};

struct fixture {
	struct plan_options options;
	struct known_image images[8]; /* on top of the usual ones */
	struct layer *layer;	      /* the one layer of images; or NULL */
	struct dockerfile *df;
	struct plan *plan;
	struct error err;
	char message[2048];
	pthread_mutex_t lock;
	struct strv asked; /* "NAME PLATFORM" of every call of the resolver */
};

void fixture_init(struct fixture *f);
void fixture_release(struct fixture *f);

/* Parse and plan `text`; 0, or -1 with f->message and f->err set. */
int fixture_plan(struct fixture *f, const char *text);

/* The same, and a test failure when there is no plan. */
struct plan *fixture_must_plan(struct fixture *f, const char *text);

/*
 * The config's "config" member, or the whole config without it, as compact
 * JSON with sorted keys and ' for ". The caller frees.
 */
char *fixture_run_config(const struct stage *stage);
char *fixture_document(const struct stage *stage);

/* All created_by lines of the stage; "+" before those that make a layer. */
char *fixture_history(const struct stage *stage);

/* The items with '|' between them. */
char *fixture_join(const struct strv *v);

/* The step with this number in the plan; fails the test when there is none. */
const struct step *fixture_step(const struct fixture *f, size_t id);

#endif
