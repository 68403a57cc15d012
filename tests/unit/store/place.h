/* A store of its own for a test, with a batch. */
#ifndef TESTS_UNIT_STORE_PLACE_H
#define TESTS_UNIT_STORE_PLACE_H

#include "store/batch.h"
#include "tests/unit/base/scratch.h"

struct place {
	struct scratch *scratch; /* the store is the directory itself */
	struct store *store;
	struct batch *batch;
};

/* For cmocka: setup and teardown with a struct place as the state. */
int place_setup(void **state);
int place_teardown(void **state);

/* These fail the test when they cannot do their work. */
void place_publish(struct place *p);

/* Publish, drop the batch, open the store again with a new one. */
void place_restart(struct place *p);

/* Fail the test with `err` unless `status` is 0. */
void expect_ok(int status, const struct error *err);

#endif
