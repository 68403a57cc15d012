/* The RESULT phase: a step's layer, from the cache or by running it. */
#include <string.h>

#include "builder/explain.h"
#include "builder/file_listing.h"
#include "builder/solve_node.h"
#include "store/base/json.h"
#include "store/base/timefmt.h"

unsigned solve_progress(struct solver *s, struct node *n)
{
	if (!n->progress)
		n->progress =
			progress_add(s->options->progress, n->step->label);
	return n->progress;
}

void solve_show_cached(struct solver *s, struct node *n)
{
	if (!n->shown)
		progress_end(s->options->progress, solve_progress(s, n),
			     PROGRESS_CACHED, NULL);
	n->shown = true;
}

/* Other nodes may look at it any time. */
static void set_identity(struct solver *s, struct node *n, char *identity)
{
	pthread_mutex_lock(&s->lock);
	n->identity = identity;
	pthread_mutex_unlock(&s->lock);
}

static void finish(struct solver *s, struct node *n)
{
	step_job_clear(&n->job);
	pthread_mutex_lock(&s->lock);
	n->result_done = true;
	pthread_mutex_unlock(&s->lock);
}

static bool record_counts(const struct node *n)
{
	return n->has_record && strcmp(solve_known_identity(n->parent),
				       solve_record_parent(n)) == 0;
}

static int put_record(struct solver *s, struct node *n,
		      const struct digest *key, struct error *err)
{
	AUTO(json_decref) json_t *parts = solve_record_parts(s, n);
	struct step_record record = {
		.layer = n->result.layer,
		.created = n->result.created,
		.content = n->content,
		.parts = parts,
	};

	if (!parts)
		return error_nomem(err, "a cache record");
	return step_cache_put(s->options->batch, key, &record, err);
}

static int take_record(struct solver *s, struct node *n, struct error *err)
{
	char *identity = strdup(solve_record_result(n));

	if (!identity)
		return error_nomem(err, "a result");
	n->result.layer = layer_ref(n->record.layer);
	n->result.created = n->record.created;
	set_identity(s, n, identity);
	if (n->found_by_content && put_record(s, n, &n->definition, err) < 0)
		return -1;
	solve_show_cached(s, n);
	finish(s, n);
	return 0;
}

/* Another node of the same key on an equal parent, already done. */
static struct node *find_twin(const struct solver *s, const struct node *n)
{
	for (size_t i = 0; i < s->n_nodes; i++) {
		struct node *other = &s->nodes[i];

		if (other != n && other->result_done && other->key_done &&
		    digest_equal(&other->key, &n->key) &&
		    strcmp(solve_known_identity(other->parent),
			   solve_known_identity(n->parent)) == 0)
			return other;
	}
	return NULL;
}

static int take_twin(struct solver *s, struct node *n, struct node *twin,
		     struct error *err)
{
	char *identity = strdup(twin->identity);

	if (!identity)
		return error_nomem(err, "a result");
	set_identity(s, n, identity);
	n->result.layer = layer_ref(twin->result.layer);
	n->result.created = twin->result.created;
	solve_show_cached(s, n);
	finish(s, n);
	return 0;
}

/*
 * Results that follow from their input are known by what they are; a RUN may
 * come out otherwise the next time, so each of its results is one of its own.
 */
static char *identify(const struct node *n, struct error *err)
{
	char when[TIME_TEXT_SIZE];
	char *identity;

	if (n->step->kind != STEP_RUN)
		return layer_id(n->result.layer, err);
	if (asprintf(&identity, "run:%s",
		     time_format(n->result.created, when)) < 0) {
		error_nomem(err, "a result");
		return NULL;
	}
	return identity;
}

static int prepare_reads(struct solver *s, struct node *n, struct error *err)
{
	for (size_t i = 0; i < n->job.n_reads; i++) {
		struct step_read *r = &n->job.reads[i];
		struct digest ignored;

		if (solve_open_read(s, r, err) < 0)
			return -1;
		if (r->in_key &&
		    step_read_content(&n->job, r, &ignored, err) < 0)
			return -1;
	}
	return 0;
}

static int (*const runners[])(struct step_job *job, struct layer **ret,
			      struct error *err) = {
	[STEP_RUN] = step_run,
	[STEP_COPY] = step_copy,
	[STEP_ADD] = step_copy,
	[STEP_WORKDIR] = step_workdir,
};

static int run_step(struct solver *s, struct node *n, struct error *err)
{
	if (cancel_check(s->cancel, err) < 0 ||
	    cancel_check(s->options->cancel, err) < 0)
		return -1;
	if (solve_set_layers(s, n, err) < 0 || prepare_reads(s, n, err) < 0)
		return -1;
	n->job.cancel = s->cancel;
	n->job.progress = n->progress;
	return runners[n->step->kind](&n->job, &n->result.layer, err);
}

static void list_files(const struct node *n, struct buf *ret)
{
	for (size_t i = 0; i < n->job.n_reads; i++)
		if (n->job.reads[i].is_found)
			file_listing_append(ret, &n->job.reads[i].found);
}

/* Said of a step that was run, while what it read is still at hand. */
static int explain(struct solver *s, struct node *n, const struct buf *files,
		   struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct explain_step what = {
		.label = n->step->label,
		.no_cache = n->step->no_cache,
		.rests_on_another = n->has_record,
		.parts = n->parts,
		.began = s->began,
		.files = files,
	};

	if (!s->options->explain)
		return 0;
	if (explain_step(s->options->batch, &what, &text, err) < 0)
		return -1;
	pthread_mutex_lock(&s->lock);
	buf_append(s->options->explain, text.data, text.len);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* The failure is what is told first; without memory, all that is told. */
static void explain_failed(struct solver *s, struct node *n)
{
	AUTO(buf_release) struct buf files = BUF_INIT;
	struct error ignored;

	if (!s->options->explain)
		return;
	list_files(n, &files);
	explain(s, n, &files, &ignored);
}

static int tell_reads(struct solver *s, struct node *n, struct error *err)
{
	AUTO(buf_release) struct buf files = BUF_INIT;

	list_files(n, &files);
	if (explain(s, n, &files, err) < 0)
		return -1;
	return files.len ? step_cache_put_text(s->options->batch, &n->key,
					       "files", &files, err)
			 : 0;
}

static int put_records(struct solver *s, struct node *n, struct error *err)
{
	if (put_record(s, n, &n->key, err) < 0)
		return -1;
	if (digest_equal(&n->key, &n->definition))
		return 0;
	return put_record(s, n, &n->definition, err);
}

static int remember(struct solver *s, struct node *n, struct error *err)
{
	struct digest linked;

	if (tell_reads(s, n, err) < 0 || put_records(s, n, err) < 0)
		return -1;
	if (!solve_is_linked(n))
		return 0;
	return solve_linked_key(s, n, &linked, err) < 0
		       ? -1
		       : put_record(s, n, &linked, err);
}

/* A linked step's result on another base: 1 when there is one, 0, -1. */
static int take_linked(struct solver *s, struct node *n, struct error *err)
{
	AUTO(step_record_release) struct step_record record = { 0 };
	struct digest key;
	char *identity;
	int found;

	if (!solve_is_linked(n) || n->step->no_cache)
		return 0;
	if (solve_linked_key(s, n, &key, err) < 0)
		return -1;
	found = step_cache_get(s->options->batch, &key, &record, err);
	if (found <= 0)
		return found;
	n->result.layer = layer_ref(record.layer);
	n->result.created = record.created;
	identity = identify(n, err);
	if (!identity)
		return -1;
	set_identity(s, n, identity);
	if (put_records(s, n, err) < 0)
		return -1;
	solve_show_cached(s, n);
	finish(s, n);
	return 1;
}

/* Said while another build runs the step. */
struct waiting {
	struct progress *progress;
	unsigned step;
};

static void tell_waiting(void *ctx)
{
	const struct waiting *w = ctx;

	progress_message(w->progress, w->step,
			 "waiting for another build that runs this step");
}

static int claim(struct solver *s, struct node *n, struct step_claim **ret,
		 struct error *err)
{
	struct waiting w = { s->options->progress, n->progress };

	/* Who wants it made anew gets it made anew. */
	if (!s->options->share || n->step->no_cache)
		return 0;
	return step_share_claim(s->options->share, &n->key, s->cancel,
				tell_waiting, &w, ret, err);
}

/* Has another build put a result there meanwhile: 1, 0, -1. */
static int look_again(struct solver *s, struct node *n, struct error *err)
{
	AUTO(step_record_release) struct step_record record = { 0 };
	struct step_record before;
	bool had_record, counts;
	int found = step_cache_get(s->options->batch, &n->key, &record, err);

	if (found <= 0)
		return found;
	pthread_mutex_lock(&s->lock);
	before = n->record;
	had_record = n->has_record;
	n->record = record;
	n->has_record = solve_record_result(n) != NULL;
	counts = record_counts(n);
	if (counts) {
		n->found_by_content = !digest_equal(&n->key, &n->definition);
		record = before;
	} else {
		n->record = before;
		n->has_record = had_record;
	}
	pthread_mutex_unlock(&s->lock);
	return counts;
}

static int make_result(struct solver *s, struct node *n, struct error *err)
{
	char *identity;

	if (run_step(s, n, err) < 0) {
		explain_failed(s, n);
		return -1;
	}
	n->result.created = time_now();
	identity = identify(n, err);
	if (!identity)
		return -1;
	set_identity(s, n, identity);
	return remember(s, n, err);
}

static int end_failed(struct solver *s, struct node *n, struct error *err)
{
	char text[sizeof(err->text)];

	error_at_lines(err, n->step->first_line, n->step->last_line);
	progress_end(s->options->progress, n->progress,
		     progress_outcome(-1, err),
		     error_message(err, text, sizeof(text)));
	return -1;
}

static int execute(struct solver *s, struct node *n, struct error *err)
{
	struct step_claim *mine = NULL;
	int known;

	progress_start(s->options->progress, solve_progress(s, n));
	known = take_linked(s, n, err);
	if (known)
		return known < 0 ? end_failed(s, n, err) : 0;
	if (claim(s, n, &mine, err) < 0)
		return end_failed(s, n, err);
	known = mine ? look_again(s, n, err) : 0;
	if (known || make_result(s, n, err) < 0) {
		step_claim_drop(mine);
		return known > 0 ? take_record(s, n, err)
				 : end_failed(s, n, err);
	}
	step_claim_finish(mine);
	progress_end(s->options->progress, n->progress, PROGRESS_DONE, NULL);
	finish(s, n);
	return 0;
}

/* Does the node have everything that running it reads? */
static bool reads_ready(const struct solver *s, const struct node *n)
{
	for (size_t i = 0; i < n->job.n_reads; i++) {
		const struct node *from =
			solve_source_node(s, n->job.reads[i].from);

		if (from && !from->result_done)
			return false;
	}
	return true;
}

int solve_result(struct solver *s, struct node *n, struct error *err)
{
	struct node *twin;
	bool counts, ready;

	pthread_mutex_lock(&s->lock);
	counts = record_counts(n);
	if (!counts)
		n->must_run = true;
	ready = reads_ready(s, n);
	twin = find_twin(s, n);
	pthread_mutex_unlock(&s->lock);
	if (counts)
		return take_record(s, n, err);
	if (twin)
		return take_twin(s, n, twin, err);
	if (!ready)
		return 0;
	return execute(s, n, err);
}
