#include "tests/unit/store/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void expect_ok(int status, const struct error *err)
{
	char text[1024];

	if (status < 0)
		fail_msg("%s", error_message(err, text, sizeof(text)));
}

static void open_place(struct place *p)
{
	struct error err = ERROR_INIT;

	expect_ok(store_open(p->scratch->path, &p->store, &err), &err);
	expect_ok(batch_new(p->store, &p->batch, &err), &err);
}

static void close_place(struct place *p)
{
	batch_free(p->batch);
	store_close(p->store);
	p->batch = NULL;
	p->store = NULL;
}

int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p || scratch_setup((void **)&p->scratch) < 0)
		return -1;
	open_place(p);
	*state = p;
	return 0;
}

int place_teardown(void **state)
{
	struct place *p = *state;
	int ret;

	close_place(p);
	ret = scratch_teardown((void **)&p->scratch);
	free(p);
	return ret;
}

void place_publish(struct place *p)
{
	struct error err = ERROR_INIT;

	expect_ok(batch_publish(p->batch, &err), &err);
}

void place_restart(struct place *p)
{
	place_publish(p);
	close_place(p);
	open_place(p);
}
