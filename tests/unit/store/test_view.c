#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store/base/io.h"
#include "tests/unit/store/layers.h"

#define LAYERS_MAX 4

struct stack {
	struct layer *layers[LAYERS_MAX];
	size_t n;
	struct view *view;
};

/* A view of layers given as text, bottom first; NULL ends them. */
static void begin(struct stack *s, struct place *p, bool as_trees,
		  const char *const *texts)
{
	struct error err = ERROR_INIT;

	for (s->n = 0; texts[s->n]; s->n++) {
		s->layers[s->n] = layer_of_text(p, texts[s->n], 7);
		if (as_trees)
			free(describe_layer(p, s->layers[s->n]));
	}
	expect_ok(view_new(s->layers, s->n, &s->view, &err), &err);
}

static void end(struct stack *s)
{
	view_free(s->view);
	while (s->n > 0)
		layer_unref(s->layers[--s->n]);
}

/* Looks the same whether the layers are tars or extracted. */
static void assert_merged(struct place *p, const char *const *texts,
			  const char *expected)
{
	int as_trees;

	for (as_trees = 0; as_trees < 2; as_trees++) {
		autofree char *found = NULL;
		struct stack s;

		begin(&s, p, as_trees, texts);
		found = describe_view(s.view);
		assert_string_equal(found, expected);
		end(&s);
	}
}

static void upper_layers_win_and_directories_merge(void **state)
{
	static const char *const texts[] = {
		"d d\nf d/a 1\nf d/b 1\nf x 1\n",
		"d d\nf d/b 2\nf d/c 2\n",
		"d d\nf d/c 3\n",
		NULL,
	};

	assert_merged(*state, texts,
		      "d d\nf d/a = 1\nf d/b = 2\nf d/c = 3\nf x = 1\n");
}

static void whiteouts_hide_what_lies_below_and_not_above(void **state)
{
	static const char *const texts[] = {
		"d d\nf d/a 1\nd d/s\nf d/s/t 1\nf x 1\n",
		"d d\nw d/a\nw d/s\nw x\n",
		"d d\nd d/s\nf d/s/new 3\nf x 3\n",
		NULL,
	};

	assert_merged(*state, texts, "d d\nd d/s\nf d/s/new = 3\nf x = 3\n");
}

static void files_and_directories_replace_each_other(void **state)
{
	static const char *const texts[] = {
		"d d\nf d/a 1\nf f 1\nd l\nf l/x 1\n",
		"f d flat\nd f\nf f/in 2\nl l f\n",
		"d d\nf d/new 3\n",
		NULL,
	};

	assert_merged(*state, texts,
		      "d d\nf d/new = 3\nd f\nf f/in = 2\nl l -> f\n");
}

static void no_layers_are_an_empty_root(void **state)
{
	static const char *const texts[] = { NULL };

	assert_merged(*state, texts, "");
}

static const char *const linked[] = {
	"d etc\nf etc/passwd root\nl lib usr/lib\nd usr\nd usr/lib\n"
	"f usr/lib/so elf\n",
	"l abs /etc\nl excess ../../../../etc/passwd\nl loop loop\n"
	"l nowhere missing/x\nl up usr/../etc\n",
	NULL,
};

/* What a path leads to, or "absent" or "error", with where that is. */
static void assert_leads(struct view *v, const char *path, bool follow,
			 const char *expected)
{
	AUTO(view_node_release) struct view_node node = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	autofree char *resolved = NULL;
	struct error err = ERROR_INIT;
	int found = view_lookup(v, path, follow, &node, &resolved, &err);

	if (found < 0)
		buf_append_str(&text, "error");
	else
		buf_printf(&text, "%s %s", found ? "found" : "absent",
			   resolved);
	assert_string_equal(text.data, expected);
	if (found > 0)
		assert_string_equal(node.meta.entry.path, resolved);
}

static void links_are_followed_inside_the_root(void **state)
{
	int as_trees;

	for (as_trees = 0; as_trees < 2; as_trees++) {
		struct stack s;

		begin(&s, *state, as_trees, linked);
		assert_leads(s.view, "lib/so", true, "found usr/lib/so");
		assert_leads(s.view, "/lib", false, "found lib");
		assert_leads(s.view, "/lib", true, "found usr/lib");
		assert_leads(s.view, "abs/passwd", true, "found etc/passwd");
		assert_leads(s.view, "excess", true, "found etc/passwd");
		assert_leads(s.view, "up/passwd", true, "found etc/passwd");
		assert_leads(s.view, "../../etc", true, "found etc");
		assert_leads(s.view, "lib/../..", true, "found ");
		assert_leads(s.view, "", true, "found ");
		assert_leads(s.view, "nowhere", true, "absent missing/x");
		assert_leads(s.view, "lib/new/../x/y", true,
			     "absent usr/lib/x/y");
		assert_leads(s.view, "loop", true, "error");
		assert_leads(s.view, "loop", false, "found loop");
		assert_leads(s.view, "etc/passwd/x", true, "error");
		end(&s);
	}
}

static void small_files_are_read_and_others_refused(void **state)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;
	struct stack s;

	begin(&s, *state, false, linked);
	expect_ok(view_read_file(s.view, "excess", 100, &text, &err), &err);
	assert_string_equal(text.data, "root");
	assert_int_equal(view_read_file(s.view, "lib/so", 2, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(view_read_file(s.view, "lib", 100, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
	assert_int_equal(view_read_file(s.view, "none", 9, &text, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	end(&s);
}

static void names_of_one_file_share_an_inode(void **state)
{
	static const char *const texts[] = { "f a 1\nh b a\nf c 1\n", NULL };
	int as_trees;

	for (as_trees = 0; as_trees < 2; as_trees++) {
		static const char *const names[] = { "a", "b", "c" };
		struct view_node nodes[3] = { 0 };
		struct error err = ERROR_INIT;
		struct stack s;
		size_t i;

		begin(&s, *state, as_trees, texts);
		for (i = 0; i < 3; i++)
			assert_int_equal(view_lookup(s.view, names[i], false,
						     &nodes[i], NULL, &err),
					 1);
		assert_int_equal(nodes[0].meta.inode, nodes[1].meta.inode);
		assert_int_equal(nodes[0].meta.n_links, 2);
		assert_int_equal(nodes[1].meta.n_links, 2);
		assert_int_not_equal(nodes[0].meta.inode, nodes[2].meta.inode);
		assert_int_equal(nodes[2].meta.n_links, 1);
		for (i = 0; i < 3; i++)
			view_node_release(&nodes[i]);
		end(&s);
	}
}

static int skip_sub(void *ctx, struct view *v, const struct view_node *node,
		    struct error *err)
{
	(void)v;
	(void)err;
	buf_printf(ctx, "%s,", node->meta.entry.path);
	return !strcmp(node->meta.entry.path, "d/sub");
}

static void a_walk_begins_anywhere_and_skips_on_request(void **state)
{
	static const char *const texts[] = {
		"d d\nf d/a 1\nd d/sub\nf d/sub/x 1\nf e 1\n",
		"d d\nf d/a-b 2\nf d/z 2\n",
		NULL,
	};
	AUTO(buf_release) struct buf seen = BUF_INIT;
	struct error err = ERROR_INIT;
	struct stack s;

	begin(&s, *state, false, texts);
	expect_ok(view_walk(s.view, "d", skip_sub, &seen, &err), &err);
	assert_string_equal(seen.data, "d,d/a,d/a-b,d/sub,d/z,");
	end(&s);
}

/* The layer's only entry for a file with holes lies in pieces in its tar. */
static void sparse_files_are_read_whole(void **state)
{
	struct place *p = *state;
	size_t size = 300000;
	autofree char *data = calloc(1, size + 1), *text = NULL;
	AUTO(buf_release) struct buf tar = BUF_INIT, found = BUF_INIT;
	AUTO(sink_free) struct sink *to = sink_to_buf(&tar);
	AUTO(tar_writer_free) struct tar_writer *w = NULL;
	struct entry e = { .path = "s", .type = ENTRY_FILE, .size = size };
	struct error err = ERROR_INIT;
	AUTO(layer_unref) struct layer *l = NULL;
	AUTO(view_free) struct view *v = NULL;
	struct digest digest;

	data[150000] = 'x';
	expect_ok(tar_writer_new(to, NULL, &w, &err), &err);
	expect_ok(tar_writer_entry_data(w, &e, data, &err), &err);
	expect_ok(tar_writer_finish(w, &err), &err);
	expect_ok(io_replace_file(batch_fd(p->batch), "sparse", tar.data,
				  tar.len, 0600, false, &err),
		  &err);
	digest_bytes(tar.data, tar.len, &digest);
	expect_ok(layer_from_tar(p->batch, "sparse", &digest, &l, &err), &err);
	expect_ok(view_new(&l, 1, &v, &err), &err);
	expect_ok(view_read_file(v, "s", size, &found, &err), &err);
	assert_int_equal(found.len, size);
	assert_memory_equal(found.data, data, size);
}

/* Every step of a stage has a view of its own on the layers below. */
static void a_tar_is_read_once_for_all_views(void **state)
{
	static const char *const texts[] = { "d d\nf d/a 1\n", NULL };
	struct place *p = *state;
	AUTO(view_free) struct view *other = NULL;
	struct error err = ERROR_INIT;
	char dest[sizeof("layers/sha256//tar") + DIGEST_HEX_LEN];
	autofree char *path = NULL;
	struct digest id;
	struct stack s;

	begin(&s, p, false, texts);
	assert_leads(s.view, "d/a", true, "found d/a");
	expect_ok(layer_diff_id(s.layers[0], &id, &err), &err);
	snprintf(dest, sizeof(dest), "layers/sha256/%s/tar", digest_hex(&id));
	path = batch_object_path(p->batch, dest);
	assert_non_null(path);
	assert_int_equal(unlinkat(p->scratch->fd, path, 0), 0);
	expect_ok(view_new(s.layers, s.n, &other, &err), &err);
	assert_leads(other, "d/a", true, "found d/a");
	assert_leads(other, "d/b", true, "absent d/b");
	end(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(upper_layers_win_and_directories_merge),
		TEST(whiteouts_hide_what_lies_below_and_not_above),
		TEST(files_and_directories_replace_each_other),
		TEST(no_layers_are_an_empty_root),
		TEST(links_are_followed_inside_the_root),
		TEST(small_files_are_read_and_others_refused),
		TEST(names_of_one_file_share_an_inode),
		TEST(a_walk_begins_anywhere_and_skips_on_request),
		TEST(sparse_files_are_read_whole),
		TEST(a_tar_is_read_once_for_all_views),
	};

	if (geteuid() != 0) {
		print_message("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
