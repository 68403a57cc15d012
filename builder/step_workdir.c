/* WORKDIR: the directory, made when it is missing. */
#include "builder/copy_dest.h"
#include "builder/owner.h"
#include "builder/step.h"

static int make_policy(struct step_job *job, struct view *view,
		       struct copy_policy *policy, struct error *err)
{
	struct owner user;

	if (owner_of_workdir(job->step->u.workdir.user, view, &user, err) < 0)
		return -1;
	*policy = (struct copy_policy){
		.chown = true,
		.uid = user.uid,
		.gid = user.gid,
		.now = step_time(job),
	};
	return 0;
}

int step_workdir(struct step_job *job, struct layer **ret, struct error *err)
{
	const char *dir = job->step->u.workdir.path;
	AUTO(copy_dest_free) struct copy_dest *dest = NULL;
	struct copy_policy policy;
	struct view *view = step_view(job, err);
	autofree char *path = NULL;
	enum copy_found found;

	if (!view || copy_dest_new(view, &dest, err) < 0 ||
	    copy_dest_resolve(dest, dir, true, &path, &found, err) < 0)
		return -1;
	if (found == COPY_DIR)
		return layer_empty(job->options->batch, ret, err);
	if (found != COPY_ABSENT)
		return error_set(err, ERROR_DOCKERFILE,
				 "'%s' exists and is not a directory", dir);
	if (make_policy(job, view, &policy, err) < 0)
		return -1;
	if (copy_dest_make_dir(dest, path, &policy, err) < 0)
		return error_wrap(err, "making the directory '%s'", dir);
	return copy_dest_layer(dest, job->options->batch, ret, err);
}
