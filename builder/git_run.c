#include "builder/git_internal.h"
#include "builder/program.h"

#define OUTPUT_MAX ((size_t)64 << 20)

/* git tells of its progress several times a second while there is any. */
#define STALL_MS ((int64_t)5 * 60 * 1000)

/* Of files that git checks out the x bit alone is the repository's. */
#define RUN_GIT "umask 022 && exec git \"$@\""

void git_work_release(struct git_work *w)
{
	strv_release(&w->env);
}

int git_run(struct git_work *w, const char *const *args, size_t n,
	    struct buf *output, struct error *err)
{
	AUTO(strv_release) struct strv argv = STRV_INIT;
	const struct program program = {
		.name = "git",
		.failure_mark = "fatal:",
		.stall_ms = STALL_MS,
		.argv = &argv,
		.env = &w->env,
		.dir = w->dir,
		.output_max = OUTPUT_MAX,
		.cancel = w->cancel,
	};

	strv_append(&argv, "sh");
	strv_append(&argv, "-c");
	strv_append(&argv, RUN_GIT);
	strv_append(&argv, "git");
	for (size_t i = 0; i < n; i++)
		strv_append(&argv, args[i]);
	if (strv_check(&argv, GIT_WHAT, err) < 0)
		return -1;
	return program_run(&program, output, err);
}

int git_wrap(const struct git_url *url, struct error *err)
{
	if (err->kind == ERROR_COMMAND)
		err->kind = ERROR_NETWORK;
	return error_wrap(err, "repository %s", url->remote);
}
