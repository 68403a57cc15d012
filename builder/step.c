#include "builder/step.h"

#include <string.h>

#include "store/base/timefmt.h"

static bool is_read(const struct run_mount *m)
{
	return m->spec.type == MOUNT_BIND ||
	       (m->spec.type == MOUNT_CACHE && m->from.kind != SOURCE_SCRATCH);
}

static size_t count_reads(const struct step *step)
{
	size_t n = 0;

	if (step->kind == STEP_WORKDIR)
		return 0;
	if (step->kind != STEP_RUN)
		return 1;
	for (size_t i = 0; i < step->u.run.n_mounts; i++)
		n += is_read(&step->u.run.mounts[i]);
	return n;
}

static void init_run_reads(struct step_job *job)
{
	const struct run_args *run = &job->step->u.run;

	for (size_t i = 0; i < run->n_mounts; i++) {
		const struct run_mount *m = &run->mounts[i];

		/* What seeds a cache is as little part of a key as the cache.
		 */
		if (is_read(m))
			job->reads[job->n_reads++] = (struct step_read){
				.from = &m->from,
				.mount = m,
				.in_key = m->spec.type == MOUNT_BIND,
			};
	}
}

int step_job_init(struct step_job *job, const struct plan *plan,
		  const struct step *step, const struct solve_options *options,
		  struct error *err)
{
	size_t n = count_reads(step);

	*job = (struct step_job){
		.plan = plan,
		.step = step,
		.options = options,
	};
	job->reads = calloc(n ? n : 1, sizeof(*job->reads));
	if (!job->reads)
		return error_nomem(err, "a step");
	if (step->kind == STEP_RUN)
		init_run_reads(job);
	else if (n)
		job->reads[job->n_reads++] = (struct step_read){
			.from = &step->u.copy.from,
			.in_key = true,
		};
	if (step->kind == STEP_ADD)
		return add_sources_init(&job->added, &step->u.copy, err);
	return 0;
}

void step_job_clear(struct step_job *job)
{
	for (size_t i = 0; i < job->n_reads; i++) {
		struct step_read *r = &job->reads[i];

		copy_sources_release(&r->found);
		r->is_found = false;
		file_root_free(r->root);
		r->root = NULL;
	}
	add_sources_release(&job->added);
	view_free(job->view);
	job->view = NULL;
	for (size_t i = 0; i < job->n_layers; i++)
		layer_unref(job->layers[i]);
	free(job->layers);
	job->layers = NULL;
	job->n_layers = 0;
}

void step_job_release(struct step_job *job)
{
	step_job_clear(job);
	free(job->reads);
	*job = (struct step_job){ 0 };
}

struct view *step_view(struct step_job *job, struct error *err)
{
	if (!job->view &&
	    view_new(job->layers, job->n_layers, &job->view, err) < 0)
		job->view = NULL;
	return job->view;
}

bool step_read_is_local(const struct step_read *r)
{
	return r->from->kind == SOURCE_CONTEXT ||
	       r->from->kind == SOURCE_HEREDOCS;
}

static int find(struct step_job *job, struct step_read *r, struct error *err)
{
	if (r->is_found)
		return 0;
	if (r->mount) {
		const char *path = r->mount->spec.source;

		if (copy_sources_whole(&r->found, r->root, path ? path : "",
				       err) < 0)
			return -1;
	} else if (copy_sources_find(&r->found, r->root, &job->step->u.copy,
				     err) < 0) {
		return -1;
	}
	r->is_found = true;
	return copy_sources_digest(&r->found, err);
}

/* Scripts look for this text with anything as the ref. */
static const char *const kinds[] = {
	[SOURCE_SCRATCH] = "scratch",  [SOURCE_STAGE] = "stage",
	[SOURCE_IMAGE] = "image",      [SOURCE_CONTEXT] = "context",
	[SOURCE_HEREDOCS] = "heredoc",
};

int step_read_content(struct step_job *job, struct step_read *r,
		      struct digest *ret, struct error *err)
{
	if (find(job, r, err) < 0)
		return error_wrap(err,
				  "failed to compute cache key: failed to "
				  "calculate checksum of ref %s",
				  kinds[r->from->kind]);
	if (copy_sources_content(&r->found, ret, err) < 0)
		return -1;
	return job->step->kind == STEP_ADD ? step_add_content(job, ret, err)
					   : 0;
}

struct timespec step_time(const struct step_job *job)
{
	if (job->plan->has_epoch)
		return (struct timespec){ .tv_sec = job->plan->epoch };
	return time_now();
}
