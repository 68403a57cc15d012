#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/blob.h"
#include "store/image_find.h"
#include "store/names.h"
#include "store/step_cache.h"
#include "tests/unit/store/layers.h"
#include "tests/unit/store/sample.h"

static void a_saved_image_is_opened_by_its_id(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	AUTO(image_free) struct image *back = NULL;
	struct error err = ERROR_INIT;
	struct digest id = img->id, diff_id, expected;

	expect_ok(layer_diff_id(img->layers[1], &expected, &err), &err);
	image_free(img);
	img = NULL;
	place_restart(p);
	expect_ok(image_open(p->batch, &id, &back, &err), &err);
	assert_int_equal(back->n_layers, 2);
	expect_ok(layer_diff_id(back->layers[1], &diff_id, &err), &err);
	assert_true(digest_equal(&diff_id, &expected));
	assert_true(digest_equal(&back->id, &id));
	image_free(back);
	back = NULL;
}

static void a_missing_image_is_not_found(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	struct image *img = NULL;
	struct digest id;

	digest_bytes("x", 1, &id);
	assert_int_equal(image_open(p->batch, &id, &img, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

/* A text and its digest whose first digits are those of an earlier one. */
struct pair {
	char text[2][64];
	struct digest digest[2];
};

static void make_pair(const char *format, size_t digits, struct pair *ret)
{
	static struct digest all[2000];

	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		snprintf(ret->text[1], sizeof(ret->text[1]), format, i);
		digest_bytes(ret->text[1], strlen(ret->text[1]), &all[i]);
		for (unsigned j = 0; j < i; j++) {
			if (strncmp(digest_hex(&all[i]), digest_hex(&all[j]),
				    digits))
				continue;
			snprintf(ret->text[0], sizeof(ret->text[0]), format, j);
			ret->digest[0] = all[j];
			ret->digest[1] = all[i];
			return;
		}
	}
	fail_msg("no two digests begin alike");
}

static void put_text(struct place *p, const char *text)
{
	struct error err = ERROR_INIT;

	expect_ok(blob_put(p->batch, text, strlen(text), NULL, &err), &err);
}

#define CONFIG_FORMAT "{\"n\":%u,\"rootfs\":{\"type\":\"layers\"}}"

static void expect_found(struct place *p, const char *digits,
			 const struct digest *wanted)
{
	struct error err = ERROR_INIT;
	struct digest found;

	expect_ok(image_find(p->store, digits, &found, &err), &err);
	assert_string_equal(found.text, wanted->text);
}

static void expect_none(struct place *p, const char *digits,
			enum error_kind kind, const char *says)
{
	struct error err = ERROR_INIT;
	struct digest found;
	char text[sizeof(err.text)];

	assert_int_equal(image_find(p->store, digits, &found, &err), -1);
	assert_int_equal(err.kind, kind);
	assert_non_null(strstr(error_message(&err, text, sizeof(text)), says));
}

static void images_are_found_by_the_beginning_of_their_id(void **state)
{
	struct place *p = *state;
	struct pair configs, others;
	char digits[5];

	make_pair(CONFIG_FORMAT, 4, &configs);
	snprintf(digits, sizeof(digits), "%s", digest_hex(&configs.digest[0]));
	expect_none(p, digits, ERROR_NOT_FOUND, digits);
	put_text(p, configs.text[0]);
	place_restart(p);
	expect_found(p, digits, &configs.digest[0]);
	put_text(p, configs.text[1]);
	place_restart(p);
	expect_none(p, digits, ERROR_USAGE, digest_hex(&configs.digest[0]));
	expect_none(p, digits, ERROR_USAGE, digest_hex(&configs.digest[1]));
	expect_found(p, digest_hex(&configs.digest[1]), &configs.digest[1]);
	expect_none(p, "abc", ERROR_NOT_FOUND, "abc");
	expect_none(p, "ABCD", ERROR_NOT_FOUND, "ABCD");
	/* What is no config is no image. */
	make_pair("%u", 4, &others);
	put_text(p, others.text[0]);
	place_restart(p);
	expect_none(p, digest_hex(&others.digest[0]), ERROR_NOT_FOUND, "");
}

static void a_damaged_image_is_found_by_its_name(void **state)
{
	struct place *p = *state;
	struct error err = ERROR_INIT;
	struct digest gone;

	digest_bytes("gone", 4, &gone);
	expect_ok(name_set(p->batch, "a", &gone, NULL, &err), &err);
	expect_ok(name_set(p->batch, "b", &gone, NULL, &err), &err);
	place_publish(p);
	expect_found(p, digest_hex(&gone), &gone);
}

static void an_image_without_its_layers_is_damaged(void **state)
{
	struct place *p = *state;
	static const char config[] =
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aa"
		"\"]}}";
	struct error err = ERROR_INIT;
	struct image *img = NULL;
	struct digest id;

	expect_ok(blob_put(p->batch, config, strlen(config), &id, &err), &err);
	assert_int_equal(image_open(p->batch, &id, &img, &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

static void make_manifest(struct place *p, struct image *img,
			  const struct layer_format *format,
			  struct descriptor *ret, struct manifest **doc)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	expect_ok(image_manifest(p->batch, img, format, true, NULL, ret, &err),
		  &err);
	expect_ok(blob_read(p->store, p->batch, &ret->digest, MANIFEST_MAX,
			    &text, &err),
		  &err);
	assert_int_equal(text.len, ret->size);
	expect_ok(
		manifest_parse(text.data, text.len, ret->media_type, doc, &err),
		&err);
}

static void a_manifest_describes_blobs_that_exist(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	AUTO(descriptor_release) struct descriptor d = { 0 };
	AUTO(manifest_free) struct manifest *m = NULL;
	struct layer_format format = {
		.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT },
	};
	size_t i;

	make_manifest(p, img, &format, &d, &m);
	assert_string_equal(d.media_type, MEDIA_OCI_MANIFEST);
	assert_true(d.has_platform);
	assert_string_equal(d.platform.os, "linux");
	assert_string_equal(m->config.media_type, MEDIA_OCI_CONFIG);
	assert_true(digest_equal(&m->config.digest, &img->id));
	assert_int_equal(m->n_items, 2);
	for (i = 0; i < 2; i++) {
		assert_string_equal(m->items[i].media_type,
				    MEDIA_OCI_LAYER "+gzip");
		assert_true(
			blob_exists(p->store, p->batch, &m->items[i].digest));
	}
}

static struct layer *layer_of_tree(struct place *p)
{
	AUTO(tree_free) struct tree *upper = upper_in_batch(p, "upper");
	AUTO(view_free) struct view *nothing = NULL;
	struct error err = ERROR_INIT;
	struct layer *l;
	bool empty;

	put_entry(upper, ENTRY_FILE, "a", "x");
	expect_ok(view_new(NULL, 0, &nothing, &err), &err);
	expect_ok(
		layer_from_upper(p->batch, "upper", nothing, &l, &empty, &err),
		&err);
	return l;
}

static void saving_for_an_output_makes_its_blobs_in_one_reading(void **state)
{
	struct place *p = *state;
	static const struct layer_format format = {
		.compression = { COMPRESSION_ZSTD, COMPRESSION_LEVEL_DEFAULT },
	};
	AUTO(layer_unref) struct layer *l = layer_of_tree(p);
	AUTO(image_free) struct image *img = NULL;
	AUTO(descriptor_release) struct descriptor d = { 0 };
	AUTO(manifest_free) struct manifest *m = NULL;
	struct error err = ERROR_INIT;
	const char *path;

	assert_false(layer_has_diff_id(l));
	expect_ok(image_new(json_pack("{s:s, s:s}", "os", "linux",
				      "architecture", "amd64"),
			    &img, &err),
		  &err);
	expect_ok(image_add_layer(img, l, &err), &err);
	expect_ok(image_save(p->batch, img, &format, &err), &err);
	assert_true(layer_has_diff_id(l));

	/* Without its tree no blob could be made of it any more. */
	place_publish(p);
	expect_ok(layer_tree(l, &path, &err), &err);
	expect_ok(io_remove_tree(AT_FDCWD, path, &err), &err);
	make_manifest(p, img, &format, &d, &m);
	assert_string_equal(m->items[0].media_type, MEDIA_OCI_LAYER "+zstd");
}

static void docker_manifests_speak_dockers_terms(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	AUTO(descriptor_release) struct descriptor d = { 0 };
	AUTO(manifest_free) struct manifest *m = NULL;
	struct layer_format format = {
		.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT },
		.docker = true,
	};

	make_manifest(p, img, &format, &d, &m);
	assert_string_equal(d.media_type, MEDIA_DOCKER_MANIFEST);
	assert_string_equal(m->config.media_type, MEDIA_DOCKER_CONFIG);
	assert_string_equal(m->items[0].media_type, MEDIA_DOCKER_LAYER ".gzip");
}

static void clamping_changes_layers_and_config_but_not_the_base(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	AUTO(descriptor_release) struct descriptor plain = { 0 }, d = { 0 };
	AUTO(manifest_free) struct manifest *before = NULL, *m = NULL;
	int64_t clamp = 1600000000;
	struct layer_format format = {
		.compression = { COMPRESSION_NONE, COMPRESSION_LEVEL_DEFAULT },
	};

	make_manifest(p, img, &format, &plain, &before);
	img->n_base_layers = 1;
	format.clamp = &clamp;
	make_manifest(p, img, &format, &d, &m);
	assert_true(
		digest_equal(&m->items[0].digest, &before->items[0].digest));
	assert_false(
		digest_equal(&m->items[1].digest, &before->items[1].digest));
	assert_false(digest_equal(&m->config.digest, &img->id));
}

static void an_image_passed_on_unchanged_keeps_its_manifest(void **state)
{
	/* Written by another tool: same contents, other spaces. */
	static const char text[] =
		"{ \"schemaVersion\": 2, \"mediaType\": \"%s\", \"config\": "
		"{\"mediaType\": \"%s\", \"digest\": \"%s\", \"size\": %lld}, "
		"\"layers\": [{\"mediaType\": \"%s\", \"digest\": \"%s\", "
		"\"size\": %lld}, {\"mediaType\": \"%s\", \"digest\": \"%s\", "
		"\"size\": %lld}] }";
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	AUTO(descriptor_release) struct descriptor d = { 0 }, again = { 0 };
	AUTO(manifest_free) struct manifest *m = NULL, *other = NULL;
	AUTO(buf_release) struct buf foreign = BUF_INIT;
	struct error err = ERROR_INIT;
	struct layer_format format = {
		.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT },
	};

	make_manifest(p, img, &format, &d, &m);
	buf_printf(&foreign, text, m->media_type, m->config.media_type,
		   m->config.digest.text, (long long)m->config.size,
		   m->items[0].media_type, m->items[0].digest.text,
		   (long long)m->items[0].size, m->items[1].media_type,
		   m->items[1].digest.text, (long long)m->items[1].size);
	expect_ok(blob_put(p->batch, foreign.data, foreign.len, &img->manifest,
			   &err),
		  &err);
	make_manifest(p, img, &format, &again, &other);
	assert_true(digest_equal(&again.digest, &img->manifest));
}

static void steps_are_remembered_with_their_layer(void **state)
{
	struct place *p = *state;
	AUTO(image_free) struct image *img = sample_image(p);
	AUTO(step_record_release) struct step_record found = { 0 };
	struct step_record record = { .layer = img->layers[0],
				      .created = { 1700000000, 0 } };
	struct error err = ERROR_INIT;
	struct digest key, diff_id, expected;

	digest_bytes("key", 3, &key);
	digest_bytes("content", 7, &record.content);
	record.parts = json_pack("{s:s}", "command", "make");
	assert_int_equal(step_cache_get(p->batch, &key, &found, &err), 0);
	expect_ok(step_cache_put(p->batch, &key, &record, &err), &err);
	json_decref(record.parts);
	assert_int_equal(step_cache_get(p->batch, &key, &found, &err), 1);
	expect_ok(layer_diff_id(img->layers[0], &expected, &err), &err);
	image_free(img);
	img = NULL;
	step_record_release(&found);
	place_restart(p);
	assert_int_equal(step_cache_get(p->batch, &key, &found, &err), 1);
	expect_ok(layer_diff_id(found.layer, &diff_id, &err), &err);
	assert_true(digest_equal(&diff_id, &expected));
	assert_int_equal(found.created.tv_sec, 1700000000);
	assert_true(digest_equal(&found.content, &record.content));
	assert_string_equal(
		json_string_value(json_object_get(found.parts, "command")),
		"make");
	step_record_release(&found);
}

static void a_damaged_or_dangling_step_is_a_miss(void **state)
{
	struct place *p = *state;
	struct step_record found = { 0 };
	struct error err = ERROR_INIT;
	autofree char *path = NULL;
	struct digest key;

	digest_bytes("key", 3, &key);
	assert_true(asprintf(&path, "cache/%s", digest_hex(&key)) > 0);
	make_file(p->scratch->fd, path, "{\"layer\":");
	assert_int_equal(step_cache_get(p->batch, &key, &found, &err), 0);
	make_file(p->scratch->fd, path,
		  "{\"layer\":\"snapshot:gone\",\"created\":"
		  "\"2024-01-01T00:00:00Z\"}");
	assert_int_equal(step_cache_get(p->batch, &key, &found, &err), 0);
	make_file(p->scratch->fd, path,
		  "{\"layer\":\"snapshot:../../..\",\"created\":"
		  "\"2024-01-01T00:00:00Z\"}");
	assert_int_equal(step_cache_get(p->batch, &key, &found, &err), 0);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_saved_image_is_opened_by_its_id),
		TEST(a_missing_image_is_not_found),
		TEST(images_are_found_by_the_beginning_of_their_id),
		TEST(a_damaged_image_is_found_by_its_name),
		TEST(an_image_without_its_layers_is_damaged),
		TEST(a_manifest_describes_blobs_that_exist),
		TEST(saving_for_an_output_makes_its_blobs_in_one_reading),
		TEST(docker_manifests_speak_dockers_terms),
		TEST(clamping_changes_layers_and_config_but_not_the_base),
		TEST(an_image_passed_on_unchanged_keeps_its_manifest),
		TEST(steps_are_remembered_with_their_layer),
		TEST(a_damaged_or_dangling_step_is_a_miss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
