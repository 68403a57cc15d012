/* What only ADD does: sources that are fetched. */
#include "builder/step.h"

static struct fetch_env env_of(const struct step_job *job)
{
	const struct solve_options *options = job->options;

	return (struct fetch_env){
		.batch = options->batch,
		.registry = options->registry,
		.progress = options->progress,
		.cancel = job->cancel ? job->cancel : options->cancel,
		.secrets = options->secrets,
		.ssh = options->ssh,
	};
}

int step_add_content(struct step_job *job, struct digest *content,
		     struct error *err)
{
	const struct fetch_env env = env_of(job);

	if (add_sources_identify(&job->added, &env, !job->step->no_cache, err) <
	    0)
		return -1;
	return add_sources_content(&job->added, content, err);
}

int step_add_fetch(struct step_job *job, struct error *err)
{
	const struct fetch_env env = env_of(job);

	return add_sources_fetch(&job->added, &env, &job->reads[0].found, err);
}
