/* What steps gave, put together: layers, history, times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/layer.h"
#include "tests/unit/builder/plan_fixture.h"
#include "tests/unit/store/place.h"

struct assembly {
	struct fixture f;
	struct batch *batch;
	struct layer *layer;
	struct step_result results[16];
	struct image *image;
};

static void setup(struct assembly *a, struct place *place)
{
	struct error err = ERROR_INIT;
	size_t i;

	memset(a, 0, sizeof(*a));
	fixture_init(&a->f);
	a->batch = place->batch;
	expect_ok(layer_empty(a->batch, &a->layer, &err), &err);
	a->f.layer = a->layer;
	/* Steps ran in the seconds 1000, 1001, ... */
	for (i = 0; i < ARRAY_LEN(a->results); i++) {
		a->results[i].layer = a->layer;
		a->results[i].created.tv_sec = 1000 + (time_t)i;
	}
}

static void teardown(struct assembly *a)
{
	image_free(a->image);
	fixture_release(&a->f);
	layer_unref(a->layer);
}

static void assemble(struct assembly *a, const char *text)
{
	struct plan *p = fixture_must_plan(&a->f, text);
	struct error err = ERROR_INIT;

	image_free(a->image);
	a->image = NULL;
	expect_ok(plan_image(p, p->target, a->results, &a->image, &err), &err);
}

/* "TIME CREATED_BY COMMENT" lines, "+" in front of those with a layer. */
static char *history_text(const struct image *img)
{
	const json_t *history = json_object_get(img->config, "history");
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < json_array_size(history); i++) {
		static const char *const keys[] = { "created", "created_by",
						    "comment" };
		const json_t *entry = json_array_get(history, i);
		size_t k;

		buf_append_str(&out, i ? "\n" : "");
		if (!json_is_true(json_object_get(entry, "empty_layer")))
			buf_append_char(&out, '+');
		for (k = 0; k < ARRAY_LEN(keys); k++) {
			const char *text = json_get_string(entry, keys[k]);

			buf_printf(&out, "%s%s", k ? " " : "",
				   text ? text : "-");
		}
	}
	return buf_steal(&out);
}

static size_t count_layers(const struct image *img)
{
	const json_t *history = json_object_get(img->config, "history");
	size_t n = 0, i;

	for (i = 0; i < json_array_size(history); i++)
		n += !json_is_true(json_object_get(json_array_get(history, i),
						   "empty_layer"));
	return n;
}

struct image_case {
	const char *dockerfile;
	const char *epoch; /* build arg, or NULL */
	const char *history;
	const char *created; /* NULL: none */
	size_t n_layers;
};

#define BASE "+2020-01-01T00:00:00Z ADD rootfs -"
#define T(s) "1970-01-01T00:16:" s "Z "
#define D    " buildkit.dockerfile.v0"

static void check(struct place *place, const struct image_case *c)
{
	struct assembly a;
	const char *created;
	char *history;

	setup(&a, place);
	if (c->epoch)
		strv_append(&a.f.options.build_args, c->epoch);
	a.f.images[0] = (struct known_image){
		"nohistory", "{'created':'2020-02-02T00:00:00Z','config':{}}"
	};
	a.f.images[1] = (struct known_image){
		"toomuch", "{'config':{},'history':[{'created_by':'a'},"
			   "{'created_by':'b','empty_layer':true},"
			   "{'created_by':'c'}]}"
	};
	assemble(&a, c->dockerfile);
	history = history_text(a.image);
	created = json_get_string(a.image->config, "created");
	assert_string_equal(history, c->history);
	assert_string_equal(created ? created : "-",
			    c->created ? c->created : "-");
	assert_int_equal(a.image->n_layers, c->n_layers);
	assert_int_equal(count_layers(a.image), c->n_layers);
	free(history);
	teardown(&a);
}

static void history_tells_every_instruction_and_its_time(void **state)
{
	static const struct image_case cases[] = {
		{ "FROM base\nENV a=1\nRUN x\nENV b=2\nCOPY y /\nUSER z\n",
		  NULL,
		  BASE "\n" T("40") "ENV a=1" D "\n+" T(
			  "40") "RUN /bin/sh -c x # buildkit" D
				"\n" T("40") "ENV b=2" D "\n+" T(
					"41") "COPY y / # buildkit" D
					      "\n" T("41") "USER z" D,
		  "1970-01-01T00:16:41Z", 3 },
		{ "FROM base\nENV a=1\n", NULL,
		  BASE "\n2020-01-01T00:00:00Z ENV a=1" D,
		  "2020-01-01T00:00:00Z", 1 },
		{ "FROM base\n", NULL, BASE, "2020-01-01T00:00:00Z", 1 },
		{ "FROM scratch\nENV a=1\n", NULL, "- ENV a=1" D, NULL, 0 },
		{ "FROM scratch\n", NULL, "", NULL, 0 },
		{ "FROM base AS a\nRUN x\nFROM a\nRUN y\n", NULL,
		  BASE "\n+" T("40") "RUN /bin/sh -c x # buildkit" D "\n+" T(
			  "41") "RUN /bin/sh -c y # buildkit" D,
		  "1970-01-01T00:16:41Z", 3 },
		{ "FROM base\nWORKDIR /\nWORKDIR /x\n", NULL,
		  BASE "\n" T("40") "WORKDIR /" D "\n+" T("40") "WORKDIR /x" D,
		  "1970-01-01T00:16:40Z", 2 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		check(*state, &cases[i]);
}

static void the_epoch_is_the_time_of_all_that_is_new(void **state)
{
	static const struct image_case cases[] = {
		{ "FROM base\nENV a=1\nRUN x\n", "SOURCE_DATE_EPOCH=7",
		  BASE "\n1970-01-01T00:00:07Z ENV a=1" D
		       "\n+1970-01-01T00:00:07Z RUN /bin/sh -c x # buildkit" D,
		  "1970-01-01T00:00:07Z", 2 },
		{ "FROM base\n", "SOURCE_DATE_EPOCH=7", BASE,
		  "1970-01-01T00:00:07Z", 1 },
		{ "FROM base\n", "SOURCE_DATE_EPOCH=1900000000", BASE,
		  "2020-01-01T00:00:00Z", 1 },
		{ "FROM scratch\nENV a=1\n", "SOURCE_DATE_EPOCH=0",
		  "1970-01-01T00:00:00Z ENV a=1" D, "1970-01-01T00:00:00Z", 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		check(*state, &cases[i]);
}

static void layers_and_history_of_a_base_are_brought_together(void **state)
{
	static const struct image_case cases[] = {
		{ "FROM nohistory\nENV a=1\n", NULL,
		  "+2020-02-02T00:00:00Z - buildkit.exporter.image.v0\n"
		  "2020-02-02T00:00:00Z ENV a=1" D,
		  "2020-02-02T00:00:00Z", 1 },
		{ "FROM toomuch\nRUN x\n", NULL,
		  "- a -\n- b -\n+- c -\n+" T("40") "RUN /bin/sh -c x # "
						    "buildkit" D,
		  "1970-01-01T00:16:40Z", 2 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		check(*state, &cases[i]);
}

static void the_same_results_give_the_same_image(void **state)
{
	static const char text[] = "FROM base\nENV a=1\nRUN x\nEXPOSE 2 1\n";
	struct assembly a;
	struct digest first;
	struct error err = ERROR_INIT;

	setup(&a, *state);
	assemble(&a, text);
	expect_ok(image_save(a.batch, a.image, NULL, &err), &err);
	first = a.image->id;
	assemble(&a, text);
	expect_ok(image_save(a.batch, a.image, NULL, &err), &err);
	assert_string_equal(a.image->id.text, first.text);
	assert_int_equal(a.image->n_base_layers, 1);

	a.results[0].created.tv_nsec = 500;
	assemble(&a, text);
	expect_ok(image_save(a.batch, a.image, NULL, &err), &err);
	assert_string_not_equal(a.image->id.text, first.text);
	teardown(&a);
}

static void a_folder_as_base_gives_a_layer_without_an_instruction(void **state)
{
	static const struct named_context context = { .name = "rootfs" };
	struct assembly a;
	char *history;

	setup(&a, *state);
	a.f.options.contexts = &context;
	a.f.options.n_contexts = 1;
	assemble(&a, "FROM rootfs\nENV a=1\n");
	history = history_text(a.image);
	assert_string_equal(history, "+" T("40") "- buildkit.exporter.image.v0"
						 "\n" T("40") "ENV a=1" D);
	assert_int_equal(a.image->n_layers, 1);
	free(history);
	teardown(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			history_tells_every_instruction_and_its_time,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_epoch_is_the_time_of_all_that_is_new, place_setup,
			place_teardown),
		cmocka_unit_test_setup_teardown(
			layers_and_history_of_a_base_are_brought_together,
			place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
			the_same_results_give_the_same_image, place_setup,
			place_teardown),
		cmocka_unit_test_setup_teardown(
			a_folder_as_base_gives_a_layer_without_an_instruction,
			place_setup, place_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
