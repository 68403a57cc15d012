/* From a reference to an image in a store, over a scripted registry. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registry.h"
#include "store/base/io.h"
#include "store/image.h"
#include "tests/unit/registry/script.h"

#define DIFF_ID                                                                \
	"sha256:"                                                              \
	"1111111111111111111111111111111111111111111111111111111111111111"
#define LAYER                                                                  \
	"sha256:"                                                              \
	"2222222222222222222222222222222222222222222222222222222222222222"

static char dir[] = "/tmp/shale-pull-XXXXXX";

/* A document and what describes it. */
struct document {
	const char *type;
	char text[1024];
	struct digest digest;
};

__attribute__((format(printf, 3, 4))) static void
write_document(struct document *d, const char *type, const char *fmt, ...)
{
	va_list ap;

	d->type = type;
	va_start(ap, fmt);
	vsnprintf(d->text, sizeof(d->text), fmt, ap);
	va_end(ap);
	digest_bytes(d->text, strlen(d->text), &d->digest);
}

/* A config with one layer, a manifest and an index around it. */
struct sample {
	struct document config, manifest, index;
};

static void make_sample(struct sample *s, const char *config_type,
			const char *diff_ids)
{
	write_document(&s->config, config_type,
		       "{\"architecture\":\"amd64\",\"os\":\"linux\","
		       "\"config\":{},\"rootfs\":{\"type\":\"layers\","
		       "\"diff_ids\":[%s]}}",
		       diff_ids);
	write_document(
		&s->manifest, MEDIA_OCI_MANIFEST,
		"{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":{"
		"\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
		"\"layers\":[{\"mediaType\":\"%s+gzip\",\"digest\":\"%s\""
		",\"size\":10}]}",
		MEDIA_OCI_MANIFEST, s->config.type, s->config.digest.text,
		strlen(s->config.text), MEDIA_OCI_LAYER, LAYER);
}

static void make_index(struct document *index, const struct document *child)
{
	write_document(index, MEDIA_OCI_INDEX,
		       "{\"schemaVersion\":2,\"mediaType\":\"%s\","
		       "\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\","
		       "\"size\":%zu,\"platform\":{\"os\":\"linux\","
		       "\"architecture\":\"amd64\"}}]}",
		       MEDIA_OCI_INDEX, child->type, child->digest.text,
		       strlen(child->text));
}

static struct act answer(const struct document *d)
{
	return (struct act){ .body = d->text };
}

/* Pull r.x/a:t for `platform_text` through the acts. */
static int pull(struct script *s, const char *platform_text,
		struct digest *manifest, struct error *err)
{
	AUTO(registry_free) struct registry *r = script_client(s, NULL);
	AUTO(store_close) struct store *store = NULL;
	AUTO(batch_free) struct batch *b = NULL;
	AUTO(image_free) struct image *img = NULL;
	AUTO(reference_release) struct reference ref = { 0 };
	struct platform platform;

	assert_int_equal(platform_parse(platform_text, &platform, err), 0);
	assert_int_equal(reference_parse("r.x/a:t", &ref, err), 0);
	if (store_open(dir, &store, err) < 0 || batch_new(store, &b, err) < 0)
		fail_msg("%s", err->text);
	if (registry_pull(r, b, &ref, &platform, &img, err) < 0)
		return -1;
	*manifest = img->manifest;
	assert_int_equal(img->n_layers, 1);
	return 0;
}

static void an_index_yields_the_platforms_image(void **state)
{
	AUTO(script_release) struct script s = { 0 };
	struct error err = ERROR_INIT;
	struct digest manifest;
	struct sample d;
	struct act acts[4];
	char message[512];

	(void)state;
	make_sample(&d, MEDIA_OCI_CONFIG, "\"" DIFF_ID "\"");
	make_index(&d.index, &d.manifest);
	acts[0] = (struct act){ 0 };
	acts[1] = answer(&d.index);
	acts[2] = answer(&d.manifest);
	acts[3] = answer(&d.config);
	s.acts = acts;
	s.n = 4;
	if (pull(&s, "linux/amd64", &manifest, &err) < 0)
		fail_msg("%s", error_message(&err, message, sizeof(message)));
	assert_string_equal(manifest.text, d.manifest.digest.text);
	/* No layer was asked for. */
	assert_int_equal(s.next, 4);
}

/* What the registry has under the tag is refused for this reason. */
static void assert_refused(const struct act *acts, size_t n,
			   const char *platform, enum error_kind kind,
			   const char *reason)
{
	AUTO(script_release) struct script s = { .acts = acts, .n = n };
	struct error err = ERROR_INIT;
	struct digest manifest;
	char message[2048];

	assert_int_equal(pull(&s, platform, &manifest, &err), -1);
	error_message(&err, message, sizeof(message));
	if (!strstr(message, reason))
		fail_msg("\"%s\" lacks \"%s\"", message, reason);
	assert_int_equal(err.kind, kind);
}

static void a_missing_platform_lists_those_there_are(void **state)
{
	struct sample d;

	(void)state;
	make_sample(&d, MEDIA_OCI_CONFIG, "\"" DIFF_ID "\"");
	make_index(&d.index, &d.manifest);
	assert_refused((struct act[]){ { 0 }, answer(&d.index) }, 2,
		       "linux/s390x", ERROR_NOT_FOUND,
		       "no image for platform linux/s390x, only for: "
		       "linux/amd64");
}

static void an_index_called_a_manifest_is_refused(void **state)
{
	struct document outer;
	struct sample d;

	(void)state;
	make_sample(&d, MEDIA_OCI_CONFIG, "\"" DIFF_ID "\"");
	make_index(&d.index, &d.manifest);
	d.index.type = MEDIA_OCI_MANIFEST;
	make_index(&outer, &d.index);
	assert_refused(
		(struct act[]){ { 0 }, answer(&outer), answer(&d.index) }, 3,
		"linux/amd64", ERROR_INTEGRITY, "index");
}

static void what_is_no_image_is_refused(void **state)
{
	struct sample d;

	(void)state;
	make_sample(&d, "application/vnd.example.chart.v1+json",
		    "\"" DIFF_ID "\"");
	assert_refused((struct act[]){ { 0 }, answer(&d.manifest) }, 2,
		       "linux/amd64", ERROR_REFUSED, "it is no image");
}

static void layers_must_be_as_many_as_the_config_knows(void **state)
{
	struct sample d;

	(void)state;
	make_sample(&d, MEDIA_OCI_CONFIG, "\"" DIFF_ID "\",\"" DIFF_ID "\"");
	assert_refused(
		(struct act[]){ { 0 }, answer(&d.manifest), answer(&d.config) },
		3, "linux/amd64", ERROR_INTEGRITY,
		"knows 2 layers, its manifest 1");
}

static void a_manifest_of_another_type_than_announced_is_refused(void **state)
{
	struct sample d;
	struct act lie;

	(void)state;
	make_sample(&d, MEDIA_OCI_CONFIG, "\"" DIFF_ID "\"");
	lie = answer(&d.manifest);
	lie.headers = "Content-Type: " MEDIA_OCI_INDEX;
	{
		const struct act acts[] = { { 0 }, lie };
		AUTO(script_release)
		struct script s = { .acts = acts, .n = 2 };
		struct error err = ERROR_INIT;
		struct digest manifest;

		assert_int_equal(pull(&s, "linux/amd64", &manifest, &err), -1);
	}
}

static int set_up(void **state)
{
	(void)state;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_index_yields_the_platforms_image),
		TEST(a_missing_platform_lists_those_there_are),
		TEST(an_index_called_a_manifest_is_refused),
		TEST(what_is_no_image_is_refused),
		TEST(layers_must_be_as_many_as_the_config_knows),
		TEST(a_manifest_of_another_type_than_announced_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
