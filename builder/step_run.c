/* RUN: a command in a container on the root so far. */
#include <string.h>

#include "builder/debug_shell.h"
#include "builder/owner.h"
#include "builder/run_dirs.h"
#include "builder/run_mounts.h"
#include "builder/run_network.h"
#include "builder/run_output.h"
#include "builder/sandbox/sandbox.h"
#include "builder/step.h"
#include "store/base/idmap.h"
#include "store/base/map.h"
#include "store/base/parallel.h"

/* Each has threads of its own to fetch and to unpack, and some megabytes. */
#define TREES_AT_ONCE 4

static bool needs_scratch(const struct run_mounts *mounts)
{
	for (size_t i = 0; i < mounts->n_used; i++)
		if (mounts->items[i].discard)
			return true;
	return false;
}

/* A layer whose tree is wanted. */
struct wanted_tree {
	struct layer *layer;
	int64_t size;
};

static int by_size(const void *a, const void *b)
{
	const struct wanted_tree *left = a, *right = b;

	return (left->size < right->size) - (left->size > right->size);
}

static int make_tree(void *ctx, size_t i, struct error *err)
{
	struct wanted_tree *wanted = ctx;
	const char *path;

	return layer_tree(wanted[i].layer, &path, err);
}

/*
 * Those that have to be fetched are fetched side by side, the largest first, so
 * that none is left at the end.
 */
static int make_trees(const struct step_job *job, struct error *err)
{
	autofree struct wanted_tree *wanted =
		calloc(job->n_layers + 1, sizeof(*wanted));
	size_t n = 0;

	if (!wanted)
		return error_nomem(err, "the layers of a step");
	for (size_t i = 0; i < job->n_layers; i++) {
		struct layer *l = job->layers[i];

		if (!layer_known_tree(l))
			wanted[n++] = (struct wanted_tree){ l, layer_size(l) };
	}
	qsort(wanted, n, sizeof(*wanted), by_size);
	return parallel_for(n, TREES_AT_ONCE, make_tree, wanted, err);
}

/* Trees of the layers, top first. */
struct lowers {
	const char **paths;
	char **pending;
	size_t n;
};

static void lowers_release(struct lowers *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->pending[i]);
	free(l->pending);
	free(l->paths);
}

/*
 * A layer that is there twice (the same COPY again, say) adds nothing below its
 * upper place, and overlay refuses to have one directory in two of them.
 */
static int collect_lowers(const struct step_job *job, struct lowers *ret,
			  struct error *err)
{
	AUTO(map_free) struct map *seen = map_new(NULL);

	ret->paths = calloc(job->n_layers + 1, sizeof(*ret->paths));
	ret->pending = calloc(job->n_layers + 1, sizeof(*ret->pending));
	if (!seen || !ret->paths || !ret->pending)
		return error_nomem(err, "the layers of a step");
	if (make_trees(job, err) < 0)
		return -1;
	for (size_t i = job->n_layers; i-- > 0;) {
		const char *path = layer_known_tree(job->layers[i]);

		if (map_get(seen, path, strlen(path)))
			continue;
		if (map_put(seen, path, strlen(path), seen) < 0)
			return error_nomem(err, "the layers of a step");
		ret->paths[ret->n] = path;
		ret->pending[ret->n++] = layer_pending_tree(job->layers[i]);
	}
	return 0;
}

/* Everything a sandbox description borrows. */
struct run_state {
	struct run_dirs dirs;
	struct run_mounts mounts;
	struct sandbox_mount *all_mounts; /* devices, then the RUN's own */
	struct lowers lowers;
	struct user user;
	struct strv env;
	struct run_network network;
	struct sandbox sandbox;
};

static void run_state_release(struct run_state *r)
{
	run_mounts_release(&r->mounts);
	run_dirs_release(&r->dirs);
	lowers_release(&r->lowers);
	free(r->all_mounts);
	user_release(&r->user);
	strv_release(&r->env);
	run_network_release(&r->network);
}
DEFINE_RELEASE(struct run_state, run_state_release);

/* "NAME=VALUE", in the place of another value. */
static void put_variable(struct strv *env, char *item)
{
	char *equals = strchr(item, '=');

	*equals = '\0';
	strv_env_set(env, item, equals + 1);
	*equals = '=';
}

/* The image's own variables win over the user's proxies. */
static int make_env(struct run_state *r, const struct run_args *run,
		    struct error *err)
{
	strv_append_all(&r->env, &run->env);
	for (size_t i = 0; i < run->quiet_env.len; i++) {
		const char *item = run->quiet_env.items[i];
		autofree char *name = strndup(item, strcspn(item, "="));

		if (!name)
			return error_nomem(err, "an environment");
		if (!strv_env_get(&r->env, name))
			strv_append(&r->env, item);
	}
	for (size_t i = 0; i < r->mounts.env.len; i++)
		put_variable(&r->env, r->mounts.env.items[i]);
	if (!strv_env_get(&r->env, "HOME"))
		strv_env_set(&r->env, "HOME",
			     r->user.home ? r->user.home : "/");
	return strv_check(&r->env, "an environment", err);
}

static int collect_mounts(const struct step_job *job, struct run_state *r,
			  struct error *err)
{
	const struct solve_options *options = job->options;
	size_t n = options->n_devices;

	r->all_mounts =
		calloc(n + r->mounts.n_used + 1, sizeof(*r->all_mounts));
	if (!r->all_mounts)
		return error_nomem(err, "the mounts of a step");
	for (size_t i = 0; i < n; i++)
		r->all_mounts[i] = options->devices[i];
	for (size_t i = 0; i < r->mounts.n_used; i++)
		r->all_mounts[n + i] = r->mounts.items[i];
	return 0;
}

static void describe(const struct step_job *job, struct run_state *r)
{
	const struct solve_options *options = job->options;
	const struct run_args *run = &job->step->u.run;
	struct sandbox *sb = &r->sandbox;

	sb->isolation = options->isolation;
	sb->runtime = options->runtime;
	sb->lowers = r->lowers.paths;
	sb->pending = (const char *const *)r->lowers.pending;
	sb->n_lowers = r->lowers.n;
	sb->upper = r->dirs.upper_path;
	sb->work = r->dirs.work_path;
	sb->scratch = r->dirs.scratch_path;
	sb->mounts = r->all_mounts;
	sb->n_mounts = options->n_devices + r->mounts.n_used;
	sb->args = (const char *const *)run->argv.items;
	sb->env = (const char *const *)r->env.items;
	sb->cwd = run->cwd && *run->cwd ? run->cwd : "/";
	sb->user = (struct sandbox_user){
		.uid = r->user.uid,
		.gid = r->user.gid,
		.groups = r->user.groups,
		.n_groups = r->user.n_groups,
	};
	sb->limits = options->limits;
	sb->rlimits = options->rlimits;
	sb->n_rlimits = options->n_rlimits;
	sb->shm_size_bytes = options->shm_size_bytes;
	sb->timeout_ms = options->step_timeout_ms;
	sb->capabilities = options->capabilities;
	sb->no_new_privs = options->no_new_privs;
	sb->no_seccomp = options->no_seccomp;
	sb->apparmor = options->apparmor;
	if (options->seccomp) {
		sb->seccomp = options->seccomp->code;
		sb->n_seccomp = options->seccomp->n;
		sb->seccomp_rules = options->seccomp_rules;
	}
	sb->insecure = run->insecure;
}

void step_run_expect(const struct step_job *job)
{
	const char *wish = job->step->u.run.network;

	if (job->options->networks && (!wish || !strcmp(wish, "default")))
		network_pool_prepare(job->options->networks);
}

static int prepare(struct step_job *job, struct run_state *r, struct error *err)
{
	const struct run_args *run = &job->step->u.run;
	struct view *view;

	if (run->insecure && !job->options->allow_insecure)
		return error_set(err, ERROR_REFUSED,
				 "security.insecure is not allowed; --allow "
				 "security.insecure permits it");
	if (run_network_choose(job, &r->sandbox.network, err) < 0 ||
	    collect_lowers(job, &r->lowers, err) < 0)
		return -1;
	view = step_view(job, err);
	if (!view || owner_of_process(run->user, view, &r->user, err) < 0)
		return -1;
	if (run_mounts_open(job, &r->mounts, err) < 0 ||
	    collect_mounts(job, r, err) < 0 ||
	    run_dirs_make(job->options->batch, view, needs_scratch(&r->mounts),
			  &r->dirs, err) < 0 ||
	    make_env(r, run, err) < 0)
		return -1;
	describe(job, r);
	/* Last, so that a step which cannot be run takes no network. */
	return run_network_open(job, &r->sandbox, &r->network, err);
}

/* The reason for many a failure, which no program can know. */
static const char single_id_hint[] =
	" (only one id is mapped for this user, so that giving files to others "
	"fails: ranges in /etc/subuid and /etc/subgid and the package uidmap "
	"give more)";

/* A command that failed is named with all its arguments. */
static int command_failed(const struct run_args *run,
			  const struct sandbox_result *result,
			  struct error *err)
{
	AUTO(buf_release) struct buf command = BUF_INIT;
	/* Our own doing is told below. */
	const char *name =
		result->signal && !result->timed_out && !result->out_of_memory
			? sigabbrev_np(result->signal)
			: NULL;

	for (size_t i = 0; i < run->argv.len; i++)
		buf_printf(&command, "%s%s", i ? " " : "", run->argv.items[i]);
	return error_set(err, ERROR_COMMAND,
			 "process \"%s\" did not complete successfully: exit "
			 "code: %d%s%s%s%s",
			 command.data && !command.failed ? command.data : "",
			 result->exit_code, name ? ": killed by SIG" : "",
			 name ? name : "",
			 result->timed_out ? ": ended by --step-timeout"
			 : result->out_of_memory
				 ? ": out of memory: a process was killed at "
				   "the step's memory limit"
				 : "",
			 idmap_is_single() ? single_id_hint : "");
}

static int run_container(struct step_job *job, const struct sandbox *sb,
			 struct error *err)
{
	const struct solve_options *options = job->options;
	AUTO(run_output_end) struct run_output *output = NULL;
	struct sandbox_result result = { 0 };

	if (run_output_start(options->progress, job->progress, options->cancel,
			     job->cancel, &output, err) < 0 ||
	    spawner_run(options->spawner, sb, run_output_fd(output),
			job->cancel, &result, err) < 0)
		return -1;
	progress_usage(options->progress, job->progress, result.cpu_time_us,
		       result.peak_memory_bytes);
	if (result.exit_code != 0 || result.signal != 0 || result.timed_out)
		return command_failed(&job->step->u.run, &result, err);
	return 0;
}

/* The command has failed with `err`, which stays. */
static void offer_shell(const struct step_job *job, struct run_state *r,
			const struct error *err)
{
	const struct solve_options *options = job->options;
	struct error ignored = ERROR_INIT;

	if (!options->debug_shell || err->kind != ERROR_COMMAND ||
	    cancel_check(job->cancel, &ignored) < 0 ||
	    run_dirs_renew(&r->dirs, &ignored) < 0)
		return;
	r->sandbox.work = r->dirs.work_path;
	r->sandbox.scratch = r->dirs.scratch_path;
	debug_shell_open(options->debug_shell, &r->sandbox, err,
			 options->spawner, options->progress, options->cancel);
}

int step_run(struct step_job *job, struct layer **ret, struct error *err)
{
	AUTO(run_state_release) struct run_state r = { 0 };
	struct view *view;
	bool empty;

	if (prepare(job, &r, err) < 0)
		return -1;
	if (run_container(job, &r.sandbox, err) < 0) {
		offer_shell(job, &r, err);
		return -1;
	}
	view = step_view(job, err);
	if (!view || layer_from_upper(job->options->batch, r.dirs.upper, view,
				      ret, &empty, err) < 0)
		return -1;
	return 0;
}
