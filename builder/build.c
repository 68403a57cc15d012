#include "builder/build_state.h"

#include <string.h>
#include <strings.h>

#include "builder/check.h"
#include "builder/ui/excerpt.h"
#include "store/names.h"

/* Lines of a failed step's output that are shown again with its error. */
#define FAILURE_LINES 20

void build_release(struct build *b)
{
	size_t i;

	step_share_free(b->share);
	for (i = 0; b->results && i < b->plan->n_steps; i++)
		layer_unref(b->results[i].layer);
	free(b->results);
	network_pool_free(b->networks);
	plan_free(b->plan);
	strv_release(&b->plan_options.build_args);
	strv_release(&b->plan_options.labels);
	strv_release(&b->plan_options.proxies);
	strv_release(&b->plan_options.no_cache_stages);
	build_input_release(&b->input);
}
static struct fetch_env fetch_env(const struct build *b)
{
	return (struct fetch_env){
		.batch = b->env->batch,
		.registry = b->env->registry,
		.progress = b->env->progress,
		.cancel = b->env->cancel,
		.secrets = b->options->solve.secrets,
		.ssh = b->env->ssh,
	};
}

/* --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 */
static bool keeps_git_dir(const struct strv *build_args)
{
	const char *value =
		strv_env_get(build_args, "BUILDKIT_CONTEXT_KEEP_GIT_DIR");

	return value && (!strcmp(value, "1") || !strcasecmp(value, "true"));
}

int build_read_input(struct build *b, struct error *err)
{
	struct progress *p = b->env->progress;
	unsigned step =
		progress_add(p, "[internal] load build definition and context");
	const struct fetch_env fetch = fetch_env(b);
	struct build_input_options input = b->options->input;
	int rc;

	progress_start(p, step);
	input.keep_git_dir = keeps_git_dir(b->options->build_args);
	rc = build_input_read(&fetch, &input, &b->input, err);
	progress_end(p, step, rc < 0 ? PROGRESS_ERROR : PROGRESS_DONE,
		     rc < 0 ? "cannot read the build's input" : NULL);
	return rc;
}

/* "NAME" takes its value from the environment, or stays unset. */
static void add_build_arg(struct strv *args, const char *arg)
{
	const char *value;

	if (strchr(arg, '=')) {
		strv_append(args, arg);
		return;
	}
	value = getenv(arg);
	if (value)
		strv_env_set(args, arg, value);
}

static void collect_args(const struct build *b, struct strv *ret)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	size_t i;

	if (epoch && *epoch)
		strv_env_set(ret, "SOURCE_DATE_EPOCH", epoch);
	for (i = 0; i < b->options->build_args->len; i++)
		add_build_arg(ret, b->options->build_args->items[i]);
}

static void collect_proxies(struct strv *ret)
{
	static const char *const names[] = {
		"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY",   "NO_PROXY",
		"ALL_PROXY",  "http_proxy",  "https_proxy", "ftp_proxy",
		"no_proxy",   "all_proxy",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			strv_env_set(ret, names[i], value);
	}
}

int build_fill_plan_options(struct build *b, struct error *err)
{
	const struct build_options *options = b->options;
	struct plan_options *po = &b->plan_options;

	b->resolver = (struct resolver){
		.batch = b->env->batch,
		.registry = b->env->registry,
		.progress = b->env->progress,
		.pull = options->pull,
	};
	po->target = options->target;
	po->host = platform_host();
	po->platform = po->host;
	po->no_cache = options->no_cache;
	po->contexts = b->input.named;
	po->n_contexts = b->input.n_named;
	po->resolve = resolve_image;
	po->ctx = &b->resolver;
	collect_args(b, &po->build_args);
	collect_proxies(&po->proxies);
	strv_append_all(&po->labels, options->labels);
	strv_append_all(&po->no_cache_stages, options->no_cache_stages);
	if (po->build_args.failed || po->labels.failed || po->proxies.failed ||
	    po->no_cache_stages.failed)
		return error_nomem(err, "planning the build");
	po->platform_given = options->platform;
	if (options->platform)
		return platform_parse(options->platform, &po->platform, err);
	return 0;
}

int build_make_plan(struct build *b, struct error *err)
{
	if (build_fill_plan_options(b, err) < 0 ||
	    plan_new(b->input.tree, &b->plan_options, &b->plan, err) < 0)
		return -1;
	if (b->options->rewrite_timestamp && !b->plan->has_epoch)
		return error_set(err, ERROR_USAGE,
				 "--rewrite-timestamp needs a time: "
				 "--source-date-epoch or SOURCE_DATE_EPOCH");
	return 0;
}

static void warn_user(void *ctx, const char *line)
{
	progress_warn(ctx, line);
}

static int make_networks(struct build *b, struct error *err)
{
	const struct solve_options *so = &b->options->solve;
	const struct network_pool_options options = {
		.spawner = b->env->spawner,
		.kind = so->network,
		.or_host = so->network_or_host,
		.has_servers = so->dns.servers && so->dns.servers[0],
		.warn = warn_user,
		.ctx = b->env->progress,
	};

	if (!sandbox_network_is_pooled(so->network))
		return 0;
	return network_pool_new(&options, &b->networks, err);
}

static int run_steps(struct build *b, struct error *err)
{
	struct solve_options so = b->options->solve;
	size_t i;
	int rc;

	for (i = 0; i < b->plan->warnings.len; i++)
		progress_warn(b->env->progress, b->plan->warnings.items[i]);
	so.batch = b->env->batch;
	so.registry = b->env->registry;
	so.spawner = b->env->spawner;
	so.progress = b->env->progress;
	so.cancel = b->env->cancel;
	so.ssh = b->env->ssh;
	if (step_share_new(so.batch, so.cancel, !b->options->trial, &b->share,
			   err) < 0)
		return -1;
	so.share = b->share;
	if (make_networks(b, err) < 0)
		return -1;
	so.networks = b->networks;
	so.contexts = b->input.contexts;
	so.n_contexts = b->input.n_contexts;
	b->results = calloc(b->plan->n_steps + 1, sizeof(*b->results));
	if (!b->results)
		return error_nomem(err, "running the build");
	rc = solve(b->plan, &so, b->results, err);
	/* Their end takes a while; nobody has to wait for it yet. */
	if (b->networks)
		network_pool_shut(b->networks);
	return rc;
}

/* Remembered digests serve the next build, also when this one failed. */
static int save_digests(struct build *b, struct error *err)
{
	size_t i;

	for (i = 0; i < b->input.n_contexts; i++)
		if (!b->input.contexts[i].fetched &&
		    file_digests_save(
			    context_digests(b->input.contexts[i].context),
			    b->env->batch, err) < 0)
			return -1;
	return 0;
}

/* Times in the image's own layers, for those who want them rewritten. */
static int clamp_times(struct build *b, struct image *image, struct error *err)
{
	if (!b->options->rewrite_timestamp)
		return 0;
	return image_clamp(image, b->plan->epoch, err);
}

/* Give the image its names and let everybody see what was made. */
static int publish(struct build *b, const struct image *image,
		   struct error *err)
{
	const struct strv *names = b->options->names;
	size_t i;

	if (b->options->trial)
		return 0;
	for (i = 0; i < names->len; i++)
		if (name_set(b->env->batch, names->items[i], &image->id, NULL,
			     err) < 0)
			return -1;
	if (save_digests(b, err) < 0)
		return -1;
	return batch_publish(b->env->batch, err);
}

static int save_image(struct build *b, struct image **ret, struct error *err)
{
	AUTO(image_free) struct image *image = NULL;

	if (plan_image(b->plan, b->plan->target, b->results, &image, err) < 0 ||
	    clamp_times(b, image, err) < 0 ||
	    cache_image_note(image,
			     b->options->inline_cache ? b->options->solve.cache
						      : NULL,
			     err) < 0 ||
	    image_save_watched(b->env->batch, image, b->options->format,
			       b->options->watch, err) < 0 ||
	    publish(b, image, err) < 0)
		return -1;
	*ret = steal_pointer(&image);
	return 0;
}

static int assemble(struct build *b, struct build_result *ret,
		    struct error *err)
{
	struct progress *p = b->env->progress;
	unsigned step = progress_add(p, "exporting to image");
	struct image *image = NULL;
	autofree char *line = NULL;
	size_t i;

	progress_start(p, step);
	*b->env->transfer_step = step;
	if (save_image(b, &image, err) < 0) {
		progress_end(p, step, PROGRESS_ERROR, "cannot save the image");
		return -1;
	}
	if (asprintf(&line, "writing image %s", image->id.text) >= 0)
		progress_message(p, step, line);
	for (i = 0; !b->options->trial && i < b->options->names->len; i++) {
		autofree char *naming = NULL;

		if (asprintf(&naming, "naming to %s",
			     b->options->names->items[i]) >= 0)
			progress_message(p, step, naming);
	}
	progress_end(p, step, PROGRESS_DONE, NULL);
	ret->image = image;
	ret->has_epoch = b->plan->has_epoch;
	ret->epoch = b->plan->epoch;
	return 0;
}

static int list_cache_mounts(const struct build *b, struct strv *ret,
			     struct error *err)
{
	for (size_t i = 0; i < b->plan->n_steps; i++) {
		const struct step *step = b->plan->steps[i];

		if (step->kind != STEP_RUN)
			continue;
		for (size_t j = 0; j < step->u.run.n_mounts; j++) {
			const struct mount_spec *m =
				&step->u.run.mounts[j].spec;

			if (m->type == MOUNT_CACHE &&
			    strv_find(ret, mount_spec_cache_id(m)) < 0)
				strv_append(ret, mount_spec_cache_id(m));
		}
	}
	return strv_check(ret, "listing cache mounts", err);
}

static int open_named_contexts(struct build *b, struct error *err)
{
	const struct fetch_env fetch = fetch_env(b);

	return build_input_open_named(&fetch, &b->options->input, b->plan,
				      &b->input, err);
}

/* Layers of base images come when a step first looks into them. */
static int run_steps_and_fetch(struct build *b, struct error *err)
{
	struct progress *p = b->env->progress;
	unsigned fetch = *b->env->transfer_step =
		progress_add(p, "[internal] fetch base images");
	int rc = run_steps(b, err);

	if (progress_is_running(p, fetch))
		progress_end(p, fetch,
			     rc < 0 ? PROGRESS_CANCELED : PROGRESS_DONE, NULL);
	return rc;
}

/* Findings are shown under the build, unless the file makes them errors. */
static int lint_build(struct build *b, struct build_result *ret,
		      struct error *err)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };

	if (check_run(&b->input, b->plan, &b->plan_options.build_args,
		      b->options->target, &report, err) < 0)
		return -1;
	check_append_summary(&ret->warnings, &report);
	return lint_verdict(&report, err);
}

static int build_phases(struct build *b, struct build_result *ret,
			struct error *err)
{
	if (build_read_input(b, err) < 0 || build_make_plan(b, err) < 0 ||
	    lint_build(b, ret, err) < 0 || open_named_contexts(b, err) < 0 ||
	    run_steps_and_fetch(b, err) < 0)
		return -1;
	if (list_cache_mounts(b, &ret->cache_mounts, err) < 0)
		return -1;
	return assemble(b, ret, err);
}

void build_append_failure(const struct build *b, struct buf *report,
			  const struct error *err)
{
	autofree char *output =
		err->kind == ERROR_COMMAND
			? progress_failure(b->env->progress, FAILURE_LINES)
			: NULL;
	struct excerpt_source source = excerpt_source(
		b->input.name, b->input.text.data, b->input.text.len);

	if (output)
		buf_append_str(report, output);
	if (err->first_line && b->input.text.len)
		excerpt_append(report, &source, err->first_line,
			       err->last_line);
}

int build_run(const struct build_options *options, const struct build_env *env,
	      struct build_result *ret, struct buf *report, struct error *err)
{
	AUTO(build_release) struct build b = { .options = options, .env = env };
	struct error ignored = ERROR_INIT;

	if (build_phases(&b, ret, err) == 0)
		return 0;
	build_append_failure(&b, report, err);
	/* Steps that finished are worth keeping; the first error is told. */
	if (b.plan && !options->trial && save_digests(&b, &ignored) == 0)
		batch_publish(env->batch, &ignored);
	return -1;
}

void build_result_release(struct build_result *r)
{
	image_free(r->image);
	buf_release(&r->warnings);
	strv_release(&r->cache_mounts);
}
