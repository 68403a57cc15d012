/* Archives by other tools, old ones and hostile ones among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "store/base/io.h"
#include "store/import.h"
#include "store/tar_header.h"
#include "tests/unit/store/place.h"

/* An archive made by hand: nothing checks what goes in. */
struct archive {
	struct buf bytes;
};

static void add(struct archive *a, char type, const char *name,
		const char *link, const void *data, size_t len)
{
	const struct buf none = BUF_INIT;
	const struct tar_header h = {
		.type = type,
		.name = name,
		.link = link,
		.mode = 0644,
		.size = len,
	};
	static const char zeros[TAR_BLOCK];
	struct error err = ERROR_INIT;

	expect_ok(tar_header_append(&a->bytes, &h, &none, false, &err), &err);
	buf_append(&a->bytes, data, len);
	buf_append(&a->bytes, zeros, tar_padding(len));
}

static void add_text(struct archive *a, const char *name, const char *text)
{
	add(a, '0', name, "", text, strlen(text));
}

static int import(struct place *p, struct archive *a, struct strv *names,
		  struct error *err)
{
	static const char zeros[2 * TAR_BLOCK];
	autoclose int fd = openat(p->scratch->fd, "tmp/archive",
				  O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int ret;

	buf_append(&a->bytes, zeros, sizeof(zeros));
	expect_ok(io_write(fd, a->bytes.data, a->bytes.len, "archive", err),
		  err);
	buf_release(&a->bytes);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	ret = import_archive(p->batch, fd, NULL, names, err);
	unlinkat(p->scratch->fd, "tmp/archive", 0);
	return ret;
}

/* A layer of one empty folder, as a plain tar. */
static void make_layer(struct buf *layer, struct digest *diff_id)
{
	struct archive a = { 0 };
	static const char zeros[2 * TAR_BLOCK];

	add(&a, '5', "folder/", "", "", 0);
	buf_append(&a.bytes, zeros, sizeof(zeros));
	digest_bytes(a.bytes.data, a.bytes.len, diff_id);
	*layer = a.bytes;
}

static char *make_config(const struct digest *diff_id)
{
	char *text;

	assert_true(asprintf(&text,
			     "{\"architecture\":\"amd64\",\"os\":\"linux\","
			     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
			     "\"%s\",\"%s\"]}}",
			     diff_id->text, diff_id->text) > 0);
	return text;
}

#define LIST(config, first, second)                                            \
	"[{\"Config\":\"" config                                               \
	"\",\"RepoTags\":[\"app:1\"],\"Layers\":[\"" first "\",\"" second      \
	"\"]}]"

/* Docker's old form, in which the second layer is a link to the first. */
static void docker_archive(struct archive *a, const char *link,
			   const char *list)
{
	AUTO(buf_release) struct buf layer = BUF_INIT;
	autofree char *config = NULL;
	struct digest diff_id;

	make_layer(&layer, &diff_id);
	config = make_config(&diff_id);
	add_text(a, "manifest.json", list);
	add(a, '2', "bbb/layer.tar", link, "", 0);
	add_text(a, "bbb/VERSION", "1.0");
	add(a, '0', "aaa/layer.tar", "", layer.data, layer.len);
	add_text(a, "config.json", config);
}

static void assert_accepted(struct place *p, struct archive *a)
{
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct error err = ERROR_INIT;

	expect_ok(import(p, a, &names, &err), &err);
	assert_int_equal(names.len, 1);
	assert_int_equal(strncmp(names.items[0], "app:1=sha256:", 13), 0);
}

static void assert_refused(struct place *p, struct archive *a)
{
	AUTO(strv_release) struct strv names = STRV_INIT;
	struct error err = ERROR_INIT;

	if (import(p, a, &names, &err) == 0)
		fail_msg("the archive was accepted");
	assert_true(err.kind == ERROR_INTEGRITY || err.kind == ERROR_REFUSED ||
		    err.kind == ERROR_NOT_FOUND);
	assert_int_equal(names.len, 0);
}

static void layers_that_are_links_are_found(void **state)
{
	static const char *const links[] = { "../aaa/layer.tar",
					     "/aaa/layer.tar",
					     "../../../aaa/layer.tar" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(links); i++) {
		struct archive a = { 0 };

		docker_archive(
			&a, links[i],
			LIST("config.json", "aaa/layer.tar", "bbb/layer.tar"));
		assert_accepted(*state, &a);
	}
}

static void parts_that_are_no_blobs_are_not_kept(void **state)
{
	struct place *p = *state;
	struct archive a = { 0 };

	docker_archive(&a, "../aaa/layer.tar",
		       LIST("config.json", "aaa/layer.tar", "bbb/layer.tar"));
	assert_accepted(p, &a);
	place_restart(p);
	/* The config and the one layer. */
	assert_int_equal(count_entries(p->scratch->fd, "blobs/sha256"), 2);
}

static void links_that_lead_nowhere_are_refused(void **state)
{
	static const char *const links[] = { "../ccc/layer.tar", "layer.tar",
					     "../../../../etc/passwd", ".." };
	size_t i;

	for (i = 0; i < ARRAY_LEN(links); i++) {
		struct archive a = { 0 };

		docker_archive(
			&a, links[i],
			LIST("config.json", "aaa/layer.tar", "bbb/layer.tar"));
		assert_refused(*state, &a);
	}
}

static void lists_that_do_not_fit_the_archive_are_refused(void **state)
{
	static const char *const lists[] = {
		"",
		"{}",
		"[]",
		"[1]",
		"[{}]",
		LIST("missing.json", "aaa/layer.tar", "bbb/layer.tar"),
		LIST("config.json", "missing", "bbb/layer.tar"),
		LIST("config.json", "/etc/passwd", "../../etc/passwd"),
		LIST("aaa/layer.tar", "aaa/layer.tar", "bbb/layer.tar"),
		LIST("config.json", "config.json", "bbb/layer.tar"),
		/* One layer fewer than the config names. */
		"[{\"Config\":\"config.json\",\"Layers\":[\"aaa/layer.tar\"]}]",
		"[{\"Config\":\"config.json\",\"RepoTags\":1,\"Layers\":[]}]",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(lists); i++) {
		struct archive a = { 0 };

		docker_archive(&a, "../aaa/layer.tar", lists[i]);
		assert_refused(*state, &a);
	}
}

static void names_that_lead_out_are_refused(void **state)
{
	struct place *p = *state;
	struct archive a = { 0 };

	add_text(&a, "../../../evil", "evil");
	docker_archive(&a, "../aaa/layer.tar",
		       LIST("config.json", "aaa/layer.tar", "bbb/layer.tar"));
	assert_refused(p, &a);
	assert_int_equal(faccessat(p->scratch->fd, "../evil", F_OK, 0), -1);
}

static void a_member_given_twice_is_refused(void **state)
{
	struct archive a = { 0 };

	docker_archive(&a, "../aaa/layer.tar",
		       LIST("config.json", "aaa/layer.tar", "bbb/layer.tar"));
	add_text(&a, "config.json", "{}");
	assert_refused(*state, &a);
}

static void archives_of_something_else_are_refused(void **state)
{
	struct archive a = { 0 }, old = { 0 };

	add_text(&a, "README", "hello");
	assert_refused(*state, &a);
	add_text(&old, "repositories", "{}");
	assert_refused(*state, &old);
}

/* An index whose manifest's file holds other bytes than its name promises. */
static void blobs_count_by_their_bytes_and_not_by_their_names(void **state)
{
	static const char manifest[] = "{\"schemaVersion\":2}";
	struct archive a = { 0 };
	autofree char *index = NULL, *name = NULL;
	struct digest wanted;

	digest_bytes("something else", 14, &wanted);
	assert_true(
		asprintf(&index,
			 "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":"
			 "\"" MEDIA_OCI_MANIFEST
			 "\",\"digest\":\"%s\",\"size\":%zu}]}",
			 wanted.text, strlen(manifest)) > 0);
	assert_true(asprintf(&name, "blobs/sha256/%s", digest_hex(&wanted)) >
		    0);
	add_text(&a, "index.json", index);
	add_text(&a, name, manifest);
	assert_refused(*state, &a);
}

/* An index that leads back to itself cannot exist, but a long chain can. */
static void indexes_nested_too_deep_are_refused(void **state)
{
	struct archive a = { 0 };
	autofree char *doc = strdup("{\"schemaVersion\":2,\"manifests\":[]}");
	int i;

	for (i = 0; i < 8; i++) {
		struct digest d;
		char name[100];
		char *outer;

		digest_bytes(doc, strlen(doc), &d);
		snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(&d));
		add_text(&a, name, doc);
		assert_true(asprintf(&outer,
				     "{\"schemaVersion\":2,\"manifests\":[{"
				     "\"mediaType\":\"" MEDIA_OCI_INDEX
				     "\",\"digest\":\"%s\",\"size\":%zu}]}",
				     d.text, strlen(doc)) > 0);
		free(doc);
		doc = outer;
	}
	add_text(&a, "index.json", doc);
	assert_refused(*state, &a);
}

static void layers_that_are_not_what_the_config_says_are_refused(void **state)
{
	struct archive a = { 0 };
	AUTO(buf_release) struct buf layer = BUF_INIT;
	autofree char *config = NULL;
	struct digest diff_id, other;

	make_layer(&layer, &diff_id);
	digest_bytes("other", 5, &other);
	config = make_config(&other);
	add_text(&a, "manifest.json",
		 LIST("config.json", "aaa/layer.tar", "aaa/layer.tar"));
	add(&a, '0', "aaa/layer.tar", "", layer.data, layer.len);
	add_text(&a, "config.json", config);
	assert_refused(*state, &a);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layers_that_are_links_are_found),
		TEST(parts_that_are_no_blobs_are_not_kept),
		TEST(links_that_lead_nowhere_are_refused),
		TEST(lists_that_do_not_fit_the_archive_are_refused),
		TEST(names_that_lead_out_are_refused),
		TEST(a_member_given_twice_is_refused),
		TEST(archives_of_something_else_are_refused),
		TEST(blobs_count_by_their_bytes_and_not_by_their_names),
		TEST(indexes_nested_too_deep_are_refused),
		TEST(layers_that_are_not_what_the_config_says_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
