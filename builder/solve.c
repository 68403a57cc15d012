#include "builder/solve.h"

#include <string.h>

#include "builder/solve_node.h"
#include "store/base/json.h"
#include "store/base/parallel.h"
#include "store/base/timefmt.h"

enum task {
	TASK_NONE,
	TASK_KEY,
	TASK_RESULT,
};

/* Have the results of `n` and of all it stands on made. */
static void want(struct node *n)
{
	for (; n && !n->wanted; n = n->parent)
		n->wanted = true;
}

static void want_reads(const struct solver *s, const struct node *n,
		       bool only_in_key)
{
	for (size_t i = 0; i < n->job.n_reads; i++) {
		const struct step_read *r = &n->job.reads[i];

		if (r->in_key || !only_in_key)
			want(solve_source_node(s, r->from));
	}
}

/* Are the keys (or the results) of all that `n` reads there? */
static bool reads_done(const struct solver *s, const struct node *n,
		       bool only_in_key, bool results)
{
	for (size_t i = 0; i < n->job.n_reads; i++) {
		const struct step_read *r = &n->job.reads[i];
		const struct node *from = solve_source_node(s, r->from);

		if (!from || (only_in_key && !r->in_key))
			continue;
		if (results ? !from->result_done : !from->key_done)
			return false;
	}
	return true;
}

static bool key_ready(const struct solver *s, const struct node *n)
{
	if (n->parent && !n->parent->key_done)
		return false;
	return reads_done(s, n, true, n->needs_content);
}

/* Two steps of one key are run once. */
static bool twin_is_busy(const struct solver *s, const struct node *n)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		const struct node *other = &s->nodes[i];

		if (other != n && other->busy && other->key_done &&
		    digest_equal(&other->key, &n->key))
			return true;
	}
	return false;
}

static bool result_ready(const struct solver *s, const struct node *n)
{
	if (n->parent && !n->parent->result_done)
		return false;
	if (n->must_run && !reads_done(s, n, false, true))
		return false;
	return !twin_is_busy(s, n);
}

static enum task next_task(const struct solver *s, struct node **ret)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		struct node *n = &s->nodes[i];

		*ret = n;
		if (n->busy)
			continue;
		if (!n->key_done) {
			if (key_ready(s, n))
				return TASK_KEY;
		} else if (n->wanted && !n->result_done && result_ready(s, n)) {
			return TASK_RESULT;
		}
	}
	return TASK_NONE;
}

/*
 * A step that was not found under what defines it: what stands on it was not
 * either and will most likely run. What that reads is begun now, so that
 * stages which do not depend on each other run side by side. Where a re-run
 * turns out to give the bytes of old, those stages come from the cache.
 */
static void want_ahead(struct solver *s)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		struct node *n = &s->nodes[i];
		bool missed = n->key_done ? n->must_run : n->needs_content;

		n->is_stalled =
			!n->result_done &&
			(missed || (n->parent && n->parent->is_stalled));
	}
	/* What is read has smaller numbers and may read in turn. */
	for (size_t i = s->n_nodes; i-- > 0;) {
		struct node *n = &s->nodes[i];

		if (n->wanted && n->is_stalled)
			want_reads(s, n, false);
	}
}

/* Under the lock: what follows from a phase that went well. */
static void advance(struct solver *s, struct node *n)
{
	if (n->needs_content && !n->key_done)
		want_reads(s, n, true);
	if (n->must_run && !n->result_done)
		want_reads(s, n, false);
	if (!n->result_done)
		want_ahead(s);
	if (n->key_done && n->wanted && !n->result_done &&
	    n->trust == TRUST_ABSENT && n->step->kind == STEP_RUN)
		step_run_expect(&n->job);
}

/* The first failure counts; everything else is stopped. */
static void fail(struct solver *s, const struct node *n, struct error *err)
{
	struct error outer = ERROR_INIT;

	error_at_lines(err, n->step->first_line, n->step->last_line);
	if (s->failed)
		return;
	s->failed = true;
	s->error = *err;

	/* A step that was stopped by our token: the user's says why. */
	if (err->kind == ERROR_CANCELED &&
	    cancel_check(s->options->cancel, &outer) < 0)
		s->error = outer;
	cancel_trigger(s->cancel, 0);
}

static bool finished(const struct solver *s)
{
	return s->failed || !s->goal || s->goal->result_done;
}

static void *worker(void *arg);

/* More to do than hands: a thread each time, up to the limit. */
static void add_thread(struct solver *s)
{
	struct node *n;

	if (s->idle || s->n_threads + 1 >= s->max_threads ||
	    next_task(s, &n) == TASK_NONE)
		return;
	if (pthread_create(&s->threads[s->n_threads], NULL, worker, s) == 0)
		s->n_threads++;
}

static void work(struct solver *s, struct node *n, enum task task)
{
	struct error err = ERROR_INIT;
	int done;

	n->busy = true;
	add_thread(s);
	pthread_mutex_unlock(&s->lock);
	done = task == TASK_KEY ? solve_key(s, n, &err)
				: solve_result(s, n, &err);
	pthread_mutex_lock(&s->lock);
	n->busy = false;
	if (done < 0)
		fail(s, n, &err);
	else
		advance(s, n);
	pthread_cond_broadcast(&s->changed);
}

static void *worker(void *arg)
{
	struct solver *s = arg;
	struct node *n;
	enum task task;

	pthread_mutex_lock(&s->lock);
	while (!finished(s)) {
		task = next_task(s, &n);
		if (task != TASK_NONE) {
			work(s, n, task);
			continue;
		}
		s->idle++;
		pthread_cond_wait(&s->changed, &s->lock);
		s->idle--;
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static int init_nodes(struct solver *s, struct error *err)
{
	const struct plan *plan = s->plan;

	s->nodes = calloc(plan->n_steps ? plan->n_steps : 1, sizeof(*s->nodes));
	if (!s->nodes)
		return error_nomem(err, "the steps of the build");
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = plan->steps[i];
		struct node *n = &s->nodes[i];

		s->n_nodes++;
		if (step_job_init(&n->job, plan, step, s->options, err) < 0)
			return error_at_lines(err, step->first_line,
					      step->last_line);
		n->step = step;
		if (step->parent)
			n->parent = &s->nodes[step->parent->id];
		else
			n->parent = solve_source_node(s, &step->base);
	}
	return 0;
}

static int init_solver(struct solver *s, const struct plan *plan,
		       const struct solve_options *options, struct error *err)
{
	struct source target = {
		.kind = SOURCE_STAGE,
		.stage = plan->target,
	};

	s->plan = plan;
	s->options = options;
	s->began = time_now();
	s->max_threads =
		options->parallel ? options->parallel : parallel_cpus();
	s->threads = calloc(s->max_threads, sizeof(*s->threads));
	if (!s->threads)
		return error_nomem(err, "the threads of the build");
	if (cancel_new(&s->cancel, err) < 0 || init_nodes(s, err) < 0)
		return -1;
	s->goal = solve_source_node(s, &target);
	want(s->goal);
	return options->share
		       ? step_share_follow(options->share, s->cancel, err)
		       : 0;
}

static void release_node(struct node *n)
{
	step_job_release(&n->job);
	step_record_release(&n->record);
	json_decref(n->parts);
	layer_unref(n->result.layer);
	free(n->identity);
}

static void release_solver(struct solver *s)
{
	if (s->options && s->options->share)
		step_share_unfollow(s->options->share);
	for (size_t i = 0; i < s->n_nodes; i++)
		release_node(&s->nodes[i]);
	free(s->nodes);
	free(s->threads);
	cancel_free(s->cancel);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}
DEFINE_RELEASE(struct solver, release_solver);

static void run_workers(struct solver *s)
{
	worker(s);

	/* No thread is started any more: all see that it is finished. */
	for (unsigned i = 0; i < s->n_threads; i++)
		pthread_join(s->threads[i], NULL);
}

static bool is_in_result(const struct solver *s, const struct node *n)
{
	for (const struct node *at = s->goal; at; at = at->parent)
		if (at == n)
			return true;
	return false;
}

/* The record of `n`, made now or found; one that was never made is none. */
static int keep_node(const struct solver *s, const struct node *n,
		     struct error *err)
{
	struct cache_entries *to = s->options->cache;
	struct step_record record = n->record;
	AUTO(json_decref) json_t *parts = NULL;
	bool in_result = is_in_result(s, n);

	if (!n->key_done || (!n->result_done && !n->has_record))
		return 0;
	if (n->result_done) {
		parts = solve_record_parts(s, n);
		if (!parts)
			return error_nomem(err, "a cache record");
		record = (struct step_record){
			.layer = n->result.layer,
			.created = n->result.created,
			.content = n->content,
			.parts = parts,
		};
	}
	if (cache_entries_add(to, &n->key, &record, in_result, err) < 0)
		return -1;
	if (digest_equal(&n->key, &n->definition))
		return 0;
	return cache_entries_add(to, &n->definition, &record, in_result, err);
}

static int keep_nodes(const struct solver *s, struct error *err)
{
	for (size_t i = 0; s->options->cache && i < s->n_nodes; i++)
		if (keep_node(s, &s->nodes[i], err) < 0)
			return -1;
	return 0;
}

int solve(const struct plan *plan, const struct solve_options *options,
	  struct step_result *results, struct error *err)
{
	AUTO(release_solver)
	struct solver s = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};

	if (init_solver(&s, plan, options, err) < 0)
		return -1;
	run_workers(&s);
	if (s.failed) {
		*err = s.error;
		return -1;
	}
	if (keep_nodes(&s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.n_nodes; i++) {
		results[i] = s.nodes[i].result;
		s.nodes[i].result = (struct step_result){ 0 };
	}
	return 0;
}
