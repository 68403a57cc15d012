/* COPY and ADD: files of a context, stage or image as one layer. */
#include <string.h>

#include "builder/copy_place.h"
#include "builder/owner.h"
#include "builder/step.h"

/* Owner and mode of what is copied. `view` is NULL for --link. */
static int make_policy(struct step_job *job, struct view *view,
		       struct chmod_spec *chmod, struct copy_policy *policy,
		       struct error *err)
{
	const struct copy_args *args = &job->step->u.copy;
	struct owner owner = { 0, 0 };

	policy->now = step_time(job);
	if (args->chown && owner_parse(args->chown, view, &owner, err) < 0)
		return -1;

	/* Who owns files on the builder's machine is nobody's business. */
	policy->chown = args->chown || step_read_is_local(&job->reads[0]);
	policy->uid = owner.uid;
	policy->gid = owner.gid;
	if (!args->chmod)
		return 0;
	if (chmod_parse(args->chmod, chmod, err) < 0)
		return error_wrap(err, "--chmod=%s", args->chmod);
	policy->chmod = chmod;
	return 0;
}

static int write_copy(struct step_job *job, struct view *view,
		      struct copy_spool *spool, struct layer **ret,
		      struct error *err)
{
	const struct copy_args *args = &job->step->u.copy;
	bool unpack = job->step->kind == STEP_ADD && args->unpack != UNPACK_NO;
	struct chmod_spec chmod;
	struct copy_placing how = {
		.args = args,
		.archive_owners = !args->chown,
		.unpack = unpack ? spool : NULL,
		.keyword = job->step->kind == STEP_ADD ? "ADD" : "COPY",
	};
	AUTO(copy_dest_free) struct copy_dest *dest = NULL;

	if (make_policy(job, view, &chmod, &how.policy, err) < 0 ||
	    copy_dest_new(view, &dest, err) < 0 ||
	    copy_place(dest, &job->reads[0].found, &how, err) < 0)
		return -1;
	return copy_dest_layer(dest, job->options->batch, ret, err);
}

int step_copy(struct step_job *job, struct layer **ret, struct error *err)
{
	AUTO(copy_spool_release)
	struct copy_spool spool = COPY_SPOOL_INIT(job->options->batch);
	struct view *view = NULL;

	/* --link knows nothing of what it will lie on. */
	if (!job->step->u.copy.link) {
		view = step_view(job, err);
		if (!view)
			return -1;
	}
	if (job->step->kind == STEP_ADD && step_add_fetch(job, err) < 0)
		return -1;
	return write_copy(job, view, &spool, ret, err);
}
