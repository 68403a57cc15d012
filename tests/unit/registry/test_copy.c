/* What a copy passes on, over a source and a target in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/copy.h"
#include "store/manifest.h"

#define MAX_DOCS 16

struct memory_source {
	struct copy_source base;
	char *docs[MAX_DOCS]; /* manifests */
	size_t n;
};

struct memory_target {
	struct copy_target base;
	struct buf log; /* "b" or "m" and the number in the digest's text */
};

static void nothing(struct copy_source *s)
{
	(void)s;
}

static int give_manifest(struct copy_source *base, const struct descriptor *d,
			 struct buf *ret, struct error *err)
{
	struct memory_source *s = (struct memory_source *)base;

	for (size_t i = 0; i < s->n; i++) {
		struct digest digest;

		digest_bytes(s->docs[i], strlen(s->docs[i]), &digest);
		if (digest_equal(&digest, &d->digest)) {
			buf_append_str(ret, s->docs[i]);
			return 0;
		}
	}
	return error_set(err, ERROR_NOT_FOUND, "no manifest");
}

/* The name of a blob: the first digit of its digest. */
static int take_blob(struct copy_target *base, struct copy_source *from,
		     const struct descriptor *d, struct error *err)
{
	struct memory_target *to = (struct memory_target *)base;

	(void)from;
	(void)err;
	buf_printf(&to->log, "b%c ", digest_hex(&d->digest)[0]);
	return 0;
}

static int take_manifest(struct copy_target *base, const struct descriptor *d,
			 const struct buf *text, bool is_root,
			 struct error *err)
{
	struct memory_target *to = (struct memory_target *)base;

	(void)d;
	(void)err;
	buf_printf(&to->log, "%s%zu ", is_root ? "root" : "m", text->len);
	return 0;
}

/* Add a document and describe it. */
static void add(struct memory_source *s, char *text, const char *type,
		struct descriptor *d)
{
	assert_non_null(text);
	assert_true(s->n < MAX_DOCS);
	s->docs[s->n++] = text;
	*d = (struct descriptor){ .media_type = (char *)type,
				  .size = (int64_t)strlen(text) };
	digest_bytes(text, strlen(text), &d->digest);
}

static char *blob(char digit, const char *type)
{
	struct buf out = BUF_INIT;

	buf_printf(
		&out,
		"{\"mediaType\":\"%s\",\"size\":1,\"digest\":\"sha256:", type);
	for (int i = 0; i < DIGEST_HEX_LEN; i++)
		buf_append_char(&out, digit);
	buf_append_str(&out, "\"}");
	return buf_steal(&out);
}

/* A manifest with the config `config` and a layer of `type`. */
static void add_image(struct memory_source *s, char config, const char *type,
		      struct descriptor *d)
{
	autofree char *c = blob(config, MEDIA_OCI_CONFIG);
	autofree char *l = blob('f', type);
	struct buf text = BUF_INIT;

	buf_printf(&text,
		   "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,"
		   "\"layers\":[%s]}",
		   MEDIA_OCI_MANIFEST, c, l);
	add(s, buf_steal(&text), MEDIA_OCI_MANIFEST, d);
}

static void add_index(struct memory_source *s, const struct descriptor *items,
		      size_t n, struct descriptor *d)
{
	struct buf text = BUF_INIT;

	buf_printf(&text,
		   "{\"schemaVersion\":2,\"mediaType\":\"%s\","
		   "\"manifests\":[",
		   MEDIA_OCI_INDEX);
	for (size_t i = 0; i < n; i++)
		buf_printf(&text,
			   "%s{\"mediaType\":\"%s\",\"digest\":\"%s\","
			   "\"size\":%d,\"platform\":{\"os\":\"linux\","
			   "\"architecture\":\"%s\"}}",
			   i ? "," : "", items[i].media_type,
			   items[i].digest.text, (int)items[i].size,
			   i ? "arm64" : "amd64");
	buf_append_str(&text, "]}");
	add(s, buf_steal(&text), MEDIA_OCI_INDEX, d);
}

/* Copy and compare what the target got. */
static int copy(struct memory_source *s, const struct descriptor *root,
		const char *platform, const char *log, struct error *err)
{
	struct memory_target to = { .base = { .blob = take_blob,
					      .manifest = take_manifest } };
	AUTO(descriptor_release) struct descriptor copied = { 0 };
	struct copy_options options = { .parallel = 1 };
	struct platform want;
	int rc;

	s->base.manifest = give_manifest;
	s->base.free = nothing;
	s->base.root = *root;
	if (platform) {
		assert_int_equal(platform_parse(platform, &want, err), 0);
		options.platform = &want;
	}
	rc = copy_image(&s->base, &to.base, &options, &copied, err);
	if (log)
		assert_string_equal(to.log.data ? to.log.data : "", log);
	buf_release(&to.log);
	for (size_t i = 0; i < s->n; i++)
		free(s->docs[i]);
	return rc;
}

static void what_is_referred_to_comes_before_what_refers(void **state)
{
	struct memory_source s = { 0 };
	struct descriptor items[2], root;
	struct error err = ERROR_INIT;
	char log[64];

	(void)state;
	add_image(&s, '1', MEDIA_OCI_LAYER, &items[0]);
	add_image(&s, '2', MEDIA_OCI_LAYER, &items[1]);
	add_index(&s, items, 2, &root);
	/* Both have one layer: it is copied once. */
	snprintf(log, sizeof(log), "bf b1 b2 m%d m%d root%d ",
		 (int)items[0].size, (int)items[1].size, (int)root.size);
	assert_int_equal(copy(&s, &root, NULL, log, &err), 0);
}

static void a_platform_is_copied_as_if_it_were_alone(void **state)
{
	struct memory_source s = { 0 };
	struct descriptor items[2], root;
	struct error err = ERROR_INIT;
	char log[64];

	(void)state;
	add_image(&s, '1', MEDIA_OCI_LAYER, &items[0]);
	add_image(&s, '2', MEDIA_OCI_LAYER, &items[1]);
	add_index(&s, items, 2, &root);
	snprintf(log, sizeof(log), "bf b2 root%d ", (int)items[1].size);
	assert_int_equal(copy(&s, &root, "linux/arm64", log, &err), 0);
}

static void foreign_layers_are_not_copied(void **state)
{
	struct memory_source s = { 0 };
	struct error err = ERROR_INIT;
	struct descriptor root;
	char log[64];

	(void)state;
	add_image(&s, '1',
		  "application/vnd.oci.image.layer.nondistributable.v1.tar",
		  &root);
	snprintf(log, sizeof(log), "b1 root%d ", (int)root.size);
	assert_int_equal(copy(&s, &root, NULL, log, &err), 0);
}

static void indexes_in_indexes_end_somewhere(void **state)
{
	struct memory_source s = { 0 };
	struct descriptor d[8];
	struct error err = ERROR_INIT;

	(void)state;
	add_image(&s, '1', MEDIA_OCI_LAYER, &d[0]);
	for (size_t i = 1; i < ARRAY_LEN(d); i++)
		add_index(&s, &d[i - 1], 1, &d[i]);
	assert_int_equal(copy(&s, &d[7], NULL, "", &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void
nothing_is_put_when_a_manifest_is_not_what_was_announced(void **state)
{
	struct memory_source s = { 0 };
	struct descriptor item, root;
	struct error err = ERROR_INIT;

	(void)state;
	add_image(&s, '1', MEDIA_OCI_LAYER, &item);
	item.size++;
	add_index(&s, &item, 1, &root);
	assert_int_equal(copy(&s, &root, NULL, "", &err), -1);
	assert_int_equal(err.kind, ERROR_INTEGRITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_referred_to_comes_before_what_refers),
		cmocka_unit_test(a_platform_is_copied_as_if_it_were_alone),
		cmocka_unit_test(foreign_layers_are_not_copied),
		cmocka_unit_test(indexes_in_indexes_end_somewhere),
		cmocka_unit_test(
			nothing_is_put_when_a_manifest_is_not_what_was_announced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
