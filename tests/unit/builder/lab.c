#include "tests/unit/builder/lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "store/base/io.h"
#include "store/image_config.h"
#include "store/tar.h"
#include "tests/unit/store/place.h"

int lab_setup(void **state)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct error err = ERROR_INIT;

	if (!lab || scratch_setup((void **)&lab->dir) < 0 ||
	    scratch_setup((void **)&lab->shelf) < 0)
		return -1;
	expect_ok(store_open(lab->shelf->path, &lab->store, &err), &err);
	expect_ok(batch_new(lab->store, &lab->batch, &err), &err);
	*state = lab;
	return 0;
}

int lab_teardown(void **state)
{
	struct lab *lab = *state;
	int failed;

	image_free(lab->base);
	batch_free(lab->batch);
	store_close(lab->store);
	strv_release(&lab->no_cache_stages);
	failed = scratch_teardown((void **)&lab->dir) |
		 scratch_teardown((void **)&lab->shelf);
	free(lab->output);
	free(lab);
	return failed;
}

static struct layer *make_layer(struct lab *lab,
				const struct lab_entry *entries, size_t n)
{
	struct error err = ERROR_INIT;
	AUTO(sink_free) struct sink *file = NULL;
	AUTO(sink_free) struct sink *hash = NULL;
	AUTO(sink_free) struct sink *both = NULL;
	AUTO(tar_writer_free) struct tar_writer *w = NULL;
	autofree char *name = batch_fresh_name(lab->batch, "lab", &err);
	autoclose int fd = openat(batch_fd(lab->batch), name,
				  O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct layer *layer = NULL;
	struct digest digest;

	expect_ok(sink_to_fd(fd, "layer", &file, &err), &err);
	expect_ok(sink_hash(&hash, &err), &err);
	expect_ok(sink_tee(file, hash, &both, &err), &err);
	expect_ok(tar_writer_new(both, NULL, &w, &err), &err);
	for (size_t i = 0; i < n; i++) {
		struct entry e = {
			.path = entries[i].path,
			.type = entries[i].type,
			.mode = entries[i].mode,
			.uid = entries[i].uid,
			.gid = entries[i].gid,
			.mtime = { .tv_sec = 1000000000 },
		};
		bool is_link =
			e.type == ENTRY_SYMLINK || e.type == ENTRY_HARDLINK;

		e.link = is_link ? entries[i].text : NULL;
		if (e.type == ENTRY_FILE)
			e.size = strlen(entries[i].text);
		expect_ok(tar_writer_entry_data(w, &e, entries[i].text, &err),
			  &err);
	}
	expect_ok(tar_writer_finish(w, &err), &err);
	expect_ok(sink_finish(both, &err), &err);
	sink_hash_result(hash, &digest, NULL);
	expect_ok(layer_from_tar(lab->batch, name, &digest, &layer, &err),
		  &err);
	return layer;
}

void lab_make_base(struct lab *lab, const struct lab_entry *entries, size_t n)
{
	AUTO(layer_unref)
	struct layer *layer = make_layer(lab, entries, n);
	struct platform host = platform_host();
	struct error err = ERROR_INIT;

	image_free(lab->base);
	lab->base = NULL;
	expect_ok(image_new(image_config_new(&host), &lab->base, &err), &err);
	expect_ok(image_add_layer(lab->base, layer, &err), &err);
}

/* Every reference is the base image, in a copy that the plan owns. */
static int resolve(void *ctx, const char *ref, const struct platform *platform,
		   struct image **ret, struct error *err)
{
	struct lab *lab = ctx;

	(void)ref;
	(void)platform;
	if (image_new(json_deep_copy(lab->base->config), ret, err) < 0)
		return -1;
	for (size_t i = 0; i < lab->base->n_layers; i++)
		if (image_add_layer(*ret, lab->base->layers[i], err) < 0)
			return -1;
	return 0;
}

static int make_plan(struct lab *lab, const struct dockerfile *df,
		     struct plan_options *options, struct plan **ret,
		     struct error *err)
{
	*options = (struct plan_options){
		.platform = platform_host(),
		.host = platform_host(),
		.no_cache_stages = lab->no_cache_stages,
		.resolve = resolve,
		.ctx = lab,
	};
	return plan_new(df, options, ret, err);
}

static int open_context(struct lab *lab, struct context **ret,
			struct error *err)
{
	AUTO(buf_release) struct buf ignore = BUF_INIT;

	if (io_read_file(lab->dir->fd, ".dockerignore", 1 << 16, &ignore, err) <
	    0)
		return context_open(lab->store, lab->dir->path, NULL, NULL, ret,
				    err);
	return context_open(lab->store, lab->dir->path, ".dockerignore",
			    &ignore, ret, err);
}

static void keep_output(struct lab *lab, int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);

	free(lab->output);
	lab->output = calloc(1, (size_t)len + 1);
	assert_non_null(lab->output);
	assert_int_equal(pread(fd, lab->output, (size_t)len, 0), len);
}

static int run_plan(struct lab *lab, const struct plan *plan,
		    struct step_result *results, struct error *err)
{
	AUTO(context_free) struct context *context = NULL;
	struct solve_context contexts = { .name = "" };
	struct solve_options options = {
		.batch = lab->batch,
		.registry = lab->registry,
		.contexts = &contexts,
		.n_contexts = 1,
		.parallel = 4,
	};
	autoclose int fd = memfd_create("progress", MFD_CLOEXEC);
	int done;

	if (open_context(lab, &context, err) < 0)
		return -1;
	contexts.context = context;
	expect_ok(progress_new(PROGRESS_PLAIN, fd, &options.progress, err),
		  err);
	done = solve(plan, &options, results, err);
	progress_free(options.progress);
	keep_output(lab, fd);
	return done;
}

static void show_attributes(struct buf *to, const struct entry *e)
{
	mode_t usual = e->type == ENTRY_DIR ? 0755 : 0644;

	if (e->type == ENTRY_SYMLINK || e->type == ENTRY_WHITEOUT)
		usual = e->mode;
	if (e->mode != usual || e->uid || e->gid)
		buf_printf(to, "(%o,%u:%u)", e->mode, e->uid, e->gid);
}

static void show_entry(struct buf *to, const struct entry *e,
		       struct stream *contents)
{
	struct error err = ERROR_INIT;
	char data[256];
	ssize_t n;

	buf_append_str(to, to->len ? " " : "");
	buf_append_str(to, e->path);
	show_attributes(to, e);
	switch (e->type) {
	case ENTRY_DIR:
		buf_append_char(to, '/');
		break;
	case ENTRY_FILE:
		buf_append_char(to, '=');
		while ((n = stream_read(contents, data, sizeof(data), &err)) >
		       0)
			buf_append(to, data, (size_t)n);
		break;
	case ENTRY_SYMLINK:
		buf_printf(to, "->%s", e->link);
		break;
	case ENTRY_HARDLINK:
		buf_printf(to, "==%s", e->link);
		break;
	case ENTRY_WHITEOUT:
		buf_append_char(to, '!');
		break;
	default:
		buf_append_char(to, '?');
	}
}

static char *list_layer(struct layer *layer)
{
	AUTO(tar_reader_free) struct tar_reader *r = NULL;
	struct error err = ERROR_INIT;
	struct stream *stream = NULL, *contents;
	struct buf text = BUF_INIT;
	const struct entry *e;
	int more;

	expect_ok(layer_stream(layer, &stream, &err), &err);
	expect_ok(tar_reader_new(stream, true, &r, &err), &err);
	while ((more = tar_reader_next(r, &e, &contents, &err)) > 0)
		show_entry(&text, e, contents);
	expect_ok(more, &err);
	return buf_steal(&text);
}

int lab_build(struct lab *lab, const char *dockerfile, char **listing,
	      struct error *err)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	AUTO(plan_free) struct plan *plan = NULL;
	struct plan_options options;
	struct step_result *results;
	int done;

	if (dockerfile_parse(dockerfile, strlen(dockerfile), &df, err) < 0 ||
	    make_plan(lab, df, &options, &plan, err) < 0)
		return -1;
	results = calloc(plan->n_steps + 1, sizeof(*results));
	assert_non_null(results);
	done = run_plan(lab, plan, results, err);
	if (done == 0)
		*listing = list_layer(results[plan->target->last->id].layer);
	for (size_t i = 0; i < plan->n_steps; i++)
		layer_unref(results[i].layer);
	free(results);
	return done;
}

void lab_expect(struct lab *lab, const char *dockerfile, const char *expected)
{
	struct error err = ERROR_INIT;
	autofree char *listing = NULL;

	expect_ok(lab_build(lab, dockerfile, &listing, &err), &err);
	if (strcmp(listing, expected) != 0)
		fail_msg("%s\n  gives    %s\n  expected %s", dockerfile,
			 listing, expected);
}

void lab_expect_error(struct lab *lab, const char *dockerfile, const char *text)
{
	struct error err = ERROR_INIT;
	autofree char *listing = NULL;
	char message[sizeof(err.text)];

	if (lab_build(lab, dockerfile, &listing, &err) == 0)
		fail_msg("%s\n  gives    %s\n  expected the error '%s'",
			 dockerfile, listing, text);
	if (!strstr(error_message(&err, message, sizeof(message)), text))
		fail_msg("%s\n  fails with %s\n  expected   %s", dockerfile,
			 message, text);
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, part)); p += strlen(part))
		n++;
	return n;
}

unsigned lab_cached(const struct lab *lab)
{
	return count(lab->output, " CACHED\n");
}

unsigned lab_ran(const struct lab *lab)
{
	return count(lab->output, " DONE ");
}
