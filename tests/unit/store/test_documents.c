/* Descriptors, manifests, indexes and configs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/image_config.h"
#include "store/manifest.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define DESCRIPTOR(type, hex)                                                  \
	"{\"mediaType\":\"" type "\",\"digest\":\"sha256:" hex "\",\"size\":"  \
							       "7}"
#define CONFIG DESCRIPTOR(MEDIA_OCI_CONFIG, HEX_A)
#define LAYER  DESCRIPTOR(MEDIA_OCI_LAYER "+gzip", HEX_B)
#define MANIFEST                                                               \
	"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST             \
	"\",\"config\":" CONFIG ",\"layers\":[" LAYER "]}"

static struct manifest *parse(const char *text, const char *type)
{
	struct error err = ERROR_INIT;
	struct manifest *m = NULL;

	if (manifest_parse(text, strlen(text), type, &m, &err) < 0) {
		char message[512];

		fail_msg("%s", error_message(&err, message, sizeof(message)));
	}
	return m;
}

static void assert_manifest_refused(const char *text, const char *type,
				    enum error_kind kind)
{
	struct error err = ERROR_INIT;
	struct manifest *m = NULL;

	if (manifest_parse(text, strlen(text), type, &m, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_int_equal(err.kind, kind);
	assert_null(m);
}

static void a_manifest_is_read_and_written_unchanged(void **state)
{
	AUTO(manifest_free) struct manifest *m = parse(MANIFEST, NULL);
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_false(m->is_index);
	assert_int_equal(m->n_items, 1);
	assert_int_equal(m->items[0].size, 7);
	assert_string_equal(digest_hex(&m->config.digest), HEX_A);
	assert_int_equal(manifest_serialize(m, &out, &err), 0);
	assert_string_equal(out.data, MANIFEST);
}

static void the_transport_must_not_contradict_the_document(void **state)
{
	(void)state;
	manifest_free(parse(MANIFEST, MEDIA_OCI_MANIFEST "; charset=utf-8"));
	manifest_free(parse(MANIFEST, "application/json"));
	assert_manifest_refused(MANIFEST, MEDIA_DOCKER_MANIFEST,
				ERROR_INTEGRITY);
	assert_manifest_refused(MANIFEST, MEDIA_OCI_INDEX, ERROR_INTEGRITY);
}

static void a_document_of_two_kinds_is_refused(void **state)
{
	(void)state;
	assert_manifest_refused("{\"schemaVersion\":2,\"config\":" CONFIG
				",\"layers\":[],\"manifests\":[]}",
				NULL, ERROR_INTEGRITY);
	assert_manifest_refused(
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_MANIFEST
		"\",\"manifests\":[]}",
		NULL, ERROR_INTEGRITY);
	assert_manifest_refused(
		"{\"schemaVersion\":2,\"mediaType\":\"" MEDIA_OCI_INDEX
		"\",\"config\":" CONFIG ",\"layers\":[]}",
		NULL, ERROR_INTEGRITY);
	/* The transport's word counts for a document that has none. */
	assert_manifest_refused("{\"schemaVersion\":2,\"config\":" CONFIG
				",\"layers\":[]}",
				MEDIA_DOCKER_INDEX, ERROR_INTEGRITY);
}

static void schema_one_is_refused_by_name(void **state)
{
	(void)state;
	assert_manifest_refused("{\"schemaVersion\":1,\"fsLayers\":[]}",
				"application/vnd.docker.distribution.manifest."
				"v1+prettyjws",
				ERROR_REFUSED);
}

static void bad_manifests_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"null",
		"{}",
		"{\"schemaVersion\":2}",
		"{\"schemaVersion\":2,\"config\":{},\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":{}}",
		"{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[1]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\","
		"\"digest\":\"sha256:../../etc/passwd\",\"size\":1},"
		"\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"x\","
		"\"digest\":\"sha256:" HEX_A "\",\"size\":-1},\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":" CONFIG
		",\"layers\":[],\"annotations\":{\"a\":1}}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++)
		assert_manifest_refused(bad[i], NULL, ERROR_INTEGRITY);
}

static void a_huge_manifest_is_refused(void **state)
{
	autofree char *text = calloc(1, MANIFEST_MAX + 2);

	(void)state;
	memset(text, ' ', MANIFEST_MAX + 1);
	assert_manifest_refused(text, NULL, ERROR_REFUSED);
}

#define ITEM(hex, platform)                                                    \
	"{\"mediaType\":\"" MEDIA_OCI_MANIFEST "\",\"digest\":\"sha256:" hex   \
	"\",\"size\":7" platform "}"
#define PLATFORM(os, arch, more)                                               \
	",\"platform\":{\"architecture\":\"" arch "\",\"os\":\"" os "\"" more  \
	"}"

static const struct descriptor *select_from(const struct manifest *index,
					    const char *platform)
{
	struct error err = ERROR_INIT;
	struct platform want;

	assert_int_equal(platform_parse(platform, &want, &err), 0);
	return manifest_select(index, &want);
}

static void an_index_serves_the_best_platform(void **state)
{
	AUTO(manifest_free)
	struct manifest *m =
		parse("{\"schemaVersion\":2,\"manifests\":[" ITEM(HEX_A, PLATFORM("linux", "arm", ",\"variant\":\"v5\"")) "," ITEM(
			      HEX_B,
			      PLATFORM(
				      "linux", "arm",
				      ",\"variant\":\"v7\"")) "," ITEM(HEX_A,
								       PLATFORM(
									       "linux",
									       "amd64",
									       "")) "," ITEM(HEX_B,
											     PLATFORM(
												     "unknown",
												     "unknown",
												     "")) "]}",
		      NULL);

	(void)state;
	assert_true(m->is_index);
	assert_ptr_equal(select_from(m, "linux/arm/v7"), &m->items[1]);
	assert_ptr_equal(select_from(m, "linux/arm/v6"), &m->items[0]);
	assert_ptr_equal(select_from(m, "linux/amd64"), &m->items[2]);
	assert_null(select_from(m, "linux/s390x"));
}

static void attestations_are_never_chosen(void **state)
{
	AUTO(manifest_free)
	struct manifest *m = parse(
		"{\"schemaVersion\":2,\"manifests\":[" ITEM(
			HEX_A,
			PLATFORM(
				"linux", "amd64",
				"") ",\"annotations\":{\"vnd.docker.reference."
				    "type\":"
				    "\"attestation-manifest\"}") "," ITEM(HEX_B,
									  "") "]}",
		NULL);

	(void)state;
	assert_ptr_equal(select_from(m, "linux/amd64"), &m->items[1]);
}

static json_t *parse_config(const char *text)
{
	struct error err = ERROR_INIT;
	json_t *config = NULL;

	if (image_config_parse(text, strlen(text), &config, &err) < 0) {
		char message[512];

		fail_msg("%s", error_message(&err, message, sizeof(message)));
	}
	return config;
}

static void assert_config_becomes(const char *text, const char *expected)
{
	AUTO(json_decref) json_t *config = parse_config(text);
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(image_config_serialize(config, &out, &err), 0);
	assert_string_equal(out.data, expected);
}

static void configs_have_one_written_form(void **state)
{
	(void)state;
	assert_config_becomes(
		"{\"x\":{\"b\":1,\"a\":[]},\"history\":[{\"empty_layer\":true,"
		"\"created_by\":\"c\",\"z\":1,\"created\":\"t\"},"
		"{\"empty_layer\":false}],"
		"\"rootfs\":{\"diff_ids\":[\"sha256:" HEX_A
		"\"],\"type\":\"layers\"},"
		"\"config\":{\"Labels\":{\"b\":\"\",\"a\":\"1\"},\"Hostname\":"
		"\"h\",\"Cmd\":null,\"Env\":[\"B=1\",\"A=1\"],\"User\":\"\","
		"\"ExposedPorts\":{\"81/tcp\":{},\"80/tcp\":{}},"
		"\"Entrypoint\":[]},"
		"\"os\":\"linux\",\"architecture\":\"amd64\",\"author\":\"\","
		"\"created\":\"t\"}",
		"{\"created\":\"t\",\"architecture\":\"amd64\",\"os\":"
		"\"linux\","
		"\"config\":{\"ExposedPorts\":{\"80/tcp\":{},\"81/tcp\":{}},"
		"\"Env\":[\"B=1\",\"A=1\"],\"Labels\":{\"a\":\"1\",\"b\":\"\"},"
		"\"Hostname\":\"h\"},"
		"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX_A
		"\"]},"
		"\"history\":[{\"created\":\"t\",\"created_by\":\"c\","
		"\"empty_layer\":true,\"z\":1},{}],"
		"\"x\":{\"a\":[],\"b\":1}}");
	assert_config_becomes(
		"{\"architecture\":\"\",\"os\":\"linux\",\"config\":null,"
		"\"rootfs\":{\"type\":\"layers\"},\"history\":null}",
		"{\"architecture\":\"\",\"os\":\"linux\",\"config\":{},"
		"\"rootfs\":{\"type\":\"layers\"}}");
}

static void a_new_config_is_complete(void **state)
{
	struct platform platform = { .os = "linux",
				     .arch = "arm",
				     .variant = "v7" };
	AUTO(json_decref) json_t *config = image_config_new(&platform);
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct error err = ERROR_INIT;
	struct platform back;
	struct digest id;

	(void)state;
	assert_int_equal(digest_parse("sha256:" HEX_A, &id, &err), 0);
	assert_int_equal(image_config_set_diff_ids(config, &id, 1, &err), 0);
	assert_int_equal(image_config_n_layers(config), 1);
	assert_int_equal(image_config_platform(config, &back, &err), 0);
	assert_string_equal(back.variant, "v7");
	assert_int_equal(image_config_serialize(config, &out, &err), 0);
	assert_string_equal(
		out.data,
		"{\"architecture\":\"arm\",\"os\":\"linux\",\"variant\":\"v7\","
		"\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
		"\"sha256:" HEX_A "\"]}}");
}

static void bad_configs_are_refused(void **state)
{
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}"
	static const char *const bad[] = {
		"",
		"[]",
		"1",
		"{}",
		"{\"rootfs\":{}}",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:x\"]}"
		"}",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}",
		"{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":{}}}",
		"{" ROOTFS ",\"config\":[]}",
		"{" ROOTFS ",\"config\":{\"Env\":\"A=1\"}}",
		"{" ROOTFS ",\"config\":{\"Env\":[1]}}",
		"{" ROOTFS ",\"config\":{\"Labels\":{\"a\":1}}}",
		"{" ROOTFS ",\"config\":{\"Labels\":[]}}",
		"{" ROOTFS ",\"config\":{\"User\":0}}",
		"{" ROOTFS ",\"config\":{\"Healthcheck\":{\"Test\":1}}}",
		"{" ROOTFS ",\"history\":{}}",
		"{" ROOTFS ",\"history\":[1]}",
		"{" ROOTFS ",\"history\":[{\"created\":1}]}",
		"{" ROOTFS ",\"os\":1}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = ERROR_INIT;
		json_t *config = NULL;

		if (image_config_parse(bad[i], strlen(bad[i]), &config, &err) ==
		    0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
	}
}

static void media_types_are_told_apart(void **state)
{
	(void)state;
	assert_true(media_type_is_layer(MEDIA_OCI_LAYER "+zstd"));
	assert_true(media_type_is_layer(MEDIA_DOCKER_LAYER ".gzip"));
	assert_true(media_type_is_layer("application/vnd.oci.image.layer."
					"nondistributable.v1.tar+gzip"));
	assert_false(media_type_is_layer("application/vnd.in-toto+json"));
	assert_true(media_type_is_index(MEDIA_DOCKER_INDEX));
	assert_true(media_type_is_manifest(MEDIA_DOCKER_MANIFEST));
	assert_string_equal(media_type_for_layer(COMPRESSION_GZIP, true),
			    MEDIA_DOCKER_LAYER ".gzip");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_manifest_is_read_and_written_unchanged),
		cmocka_unit_test(
			the_transport_must_not_contradict_the_document),
		cmocka_unit_test(a_document_of_two_kinds_is_refused),
		cmocka_unit_test(schema_one_is_refused_by_name),
		cmocka_unit_test(bad_manifests_are_refused),
		cmocka_unit_test(a_huge_manifest_is_refused),
		cmocka_unit_test(an_index_serves_the_best_platform),
		cmocka_unit_test(attestations_are_never_chosen),
		cmocka_unit_test(configs_have_one_written_form),
		cmocka_unit_test(a_new_config_is_complete),
		cmocka_unit_test(bad_configs_are_refused),
		cmocka_unit_test(media_types_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
