#include <limits.h>
#include <string.h>
#include <strings.h>

#include "builder/config.h"
#include "builder/history.h"
#include "builder/plan_internal.h"
#include "store/base/path.h"

#define WHAT "planning a RUN"

/*
 * A heredoc that names its own interpreter is a program; the shell only
 * starts it, from where the engine mounts it.
 */
static int add_program(struct run_args *run, const struct heredoc *doc,
		       char *body, size_t len, struct error *err)
{
	char *command;

	run->scripts = calloc(1, sizeof(*run->scripts));
	if (!run->scripts) {
		free(body);
		return error_nomem(err, WHAT);
	}
	run->n_scripts = 1;
	run->scripts->content = body;
	run->scripts->len = len;
	run->scripts->name = strdup(doc->name);
	if (!run->scripts->name ||
	    asprintf(&command, "/dev/pipes/%s", doc->name) < 0)
		return error_nomem(err, WHAT);
	strv_take(&run->argv, command);
	return 0;
}

static int add_script(struct run_args *run, const struct heredoc *doc,
		      struct error *err)
{
	size_t len;
	char *body = heredoc_body(doc, &len, err);

	if (!body)
		return -1;
	if (len < 2 || memcmp(body, "#!", 2)) {
		strv_take(&run->argv, body);
		return 0;
	}
	if (heredoc_check_name(doc, err) < 0) {
		free(body);
		return -1;
	}
	return add_program(run, doc, body, len, err);
}

static int read_command(const struct stage_state *st,
			const struct instruction *in, struct run_args *run,
			struct error *err)
{
	if (in->json) {
		strv_append_all(&run->argv, &in->args);
		return 0;
	}
	if (stage_shell(st, &run->argv, err) < 0)
		return -1;
	if (in->script)
		return add_script(run, &in->heredocs[0], err);
	strv_take(&run->argv,
		  instruction_with_heredocs(in, in->args.items[0], err));
	return 0;
}

static int read_network(const struct instruction *in, struct run_args *run,
			struct error *err)
{
	const char *mode = instruction_flag(in, "network");

	run->network = strdup(mode && *mode ? mode : "default");
	return run->network ? 0 : error_nomem(err, WHAT);
}

static void read_security(const struct instruction *in, struct run_args *run)
{
	const char *mode = instruction_flag(in, "security");

	run->insecure = mode && !strcmp(mode, "insecure");
}

/* An image built without a device that was asked for is not that image. */
static int refuse_device(const struct instruction *in, struct error *err)
{
	const char *device = instruction_flag(in, "device");

	if (!device)
		return 0;
	return error_set(err, ERROR_REFUSED,
			 "--device=%s: devices by their CDI names cannot be "
			 "had here; \"shale build --device PATH\" gives one to "
			 "every RUN",
			 device);
}

static int read_process(const struct planner *pl, const struct stage_state *st,
			struct run_args *run, struct error *err)
{
	const char *user = config_get(st->stage->config, "User");
	const char *dir = config_get(st->stage->config, "WorkingDir");

	strv_append_all(&run->env, &st->env.list);
	run->user = strdup(user ? user : "");
	run->cwd = strdup(dir && *dir ? dir : "/");
	if (!run->user || !run->cwd)
		return error_nomem(err, WHAT);
	if (strv_check(&run->env, WHAT, err) < 0)
		return -1;
	return scope_proxies(pl, &st->env, &run->quiet_env, err);
}

int plan_run(struct planner *pl, struct stage_state *st,
	     const struct command *c, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct step *step = stage_add_step(pl, st, c, STEP_RUN, err);
	struct run_args *run;

	if (!step)
		return -1;
	run = &step->u.run;
	if (read_command(st, c->in, run, err) < 0 ||
	    strv_check(&run->argv, WHAT, err) < 0 ||
	    read_process(pl, st, run, err) < 0 ||
	    mounts_plan(pl, st, c, run, err) < 0 ||
	    read_network(c->in, run, err) < 0 || refuse_device(c->in, err) < 0)
		return -1;
	read_security(c->in, run);
	history_run(&text, &st->args, &st->env, &run->argv);
	return stage_add_history(st, &text, step, err);
}

static int add_workdir(struct planner *pl, struct stage_state *st,
		       const struct command *c, const char *path,
		       struct step **ret, struct error *err)
{
	const char *user = config_get(st->stage->config, "User");
	struct step *step = stage_add_step(pl, st, c, STEP_WORKDIR, err);

	if (!step)
		return -1;
	step->u.workdir.path = strdup(path);
	step->u.workdir.user = strdup(user ? user : "");
	if (!step->u.workdir.path || !step->u.workdir.user)
		return error_nomem(err, "planning a WORKDIR");
	*ret = step;
	return 0;
}

/* The root is there already: "/" makes no step and no layer. */
int plan_workdir(struct planner *pl, struct stage_state *st,
		 const struct command *c, struct error *err)
{
	const char *old = config_get(st->stage->config, "WorkingDir");
	AUTO(buf_release) struct buf text = BUF_INIT;
	autofree char *word = scope_expand(pl, st, c->in->args.items[0], err);
	autofree char *base = path_join("/", old ? old : ""), *path = NULL;
	struct step *step = NULL;

	if (!word)
		return -1;
	path = base ? path_join(base, word) : NULL;
	if (!path)
		return error_nomem(err, "planning a WORKDIR");
	if (strlen(path) >= PATH_MAX)
		return error_set(err, ERROR_DOCKERFILE,
				 "the path of WORKDIR is longer than %d bytes",
				 PATH_MAX - 1);
	if (config_set(st->stage->config, "WorkingDir", path, err) < 0)
		return -1;
	if (strcmp(path, "/") && add_workdir(pl, st, c, path, &step, err) < 0)
		return -1;
	buf_printf(&text, "WORKDIR %s", path);
	return stage_add_history(st, &text, step, err);
}
