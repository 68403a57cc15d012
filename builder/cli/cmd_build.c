#include <stdio.h>

#include "builder/build.h"
#include "builder/cli/auto_prune.h"
#include "builder/cli/build_command.h"
#include "builder/cli/build_outputs.h"
#include "builder/cli/build_report.h"
#include "builder/cli/commands.h"
#include "builder/cli/mount_transfer.h"
#include "builder/cli/verify.h"
#include "builder/ssh_agents.h"

static struct build_env build_env(struct session *s)
{
	return (struct build_env){
		.batch = s->batch,
		.registry = s->registry,
		.spawner = s->spawner,
		.progress = s->progress,
		.cancel = s->cancel,
		.transfer_step = &s->transfer_step,
	};
}

/* Tell about the Dockerfile instead of building it. */
static int run_call(struct build_command *c,
		    const struct build_options *options, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(buf_release) struct buf out = BUF_INIT, report = BUF_INIT;
	struct build_env env;
	int status, rc;

	c->session.quiet = true;
	if (session_open(&c->session, &s, err) < 0)
		return -1;
	env = build_env(s);
	rc = build_tell(options, &env, c->call, c->call_json, &out, &status,
			&report, err);
	if (out.len)
		fputs(out.data, stdout);
	return rc < 0 ? build_report_failure(s, &report, err) : status;
}

/*
 * Have layers that only a push wants sent while they are read for the first
 * time. What is to be verified goes nowhere before that.
 */
static int push_ahead(struct session *s, struct build_command *c,
		      struct build_options *options, struct push_ahead **ret,
		      struct error *err)
{
	struct output *o = build_outputs_sole_push(c);

	if (!o || c->verify)
		return 0;
	if (push_ahead_new(s, output_names(o, &c->names), ret, err) < 0)
		return -1;
	o->ahead = *ret;
	options->watch = push_ahead_watch(*ret);
	return 0;
}

/* The build with its outputs, between the caches it is given and gives. */
static int build_with_caches(struct session *s, struct build_command *c,
			     const struct build_options *given,
			     struct build_result *result, struct buf *report,
			     struct error *err)
{
	AUTO(ssh_agents_free) struct ssh_agents *ssh = NULL;
	AUTO(push_ahead_free) struct push_ahead *ahead = NULL;
	AUTO(mount_import_release)
	struct mount_import mounts = MOUNT_IMPORT_INIT(s, &c->mount_from);
	const struct mount_seeder seeder = { mount_import_seed, &mounts };
	struct build_options options = *given;
	struct build_env env = build_env(s);
	struct platform platform; /* of caches: that of the image */

	if (ssh_agents_open(&c->ssh, s->batch, &ssh, err) < 0)
		return -1;
	env.ssh = ssh;
	if (c->mount_from.len)
		options.solve.seeder = &seeder;
	if (push_ahead(s, c, &options, &ahead, err) < 0 ||
	    platform_wanted(c->platform, &platform, err) < 0 ||
	    cache_options_import(s, &c->cache_from, &platform, err) < 0 ||
	    build_run(&options, &env, result, report, err) < 0 ||
	    (c->verify &&
	     verify_build(&options, &env, result->image, report, err) < 0) ||
	    build_report_outputs(s, c, result, err) < 0 ||
	    cache_options_export(s, &c->cache_to, &c->cache, &platform, err) <
		    0)
		return -1;
	return mount_export(s, &c->mount_to, &result->cache_mounts, err);
}

static int run_build(struct build_command *c,
		     const struct build_options *options, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(buf_release) struct buf report = BUF_INIT;
	AUTO(build_result_release) struct build_result result = { 0 };
	struct config config;
	int rc;

	c->session.builds = true;
	if (config_load(&config, err) < 0 ||
	    session_open(&c->session, &s, err) < 0)
		return -1;
	rc = build_with_caches(s, c, options, &result, &report, err);
	/* From here on nothing of the batch is in use. */
	cache_entries_release(&c->cache);
	image_free(steal_pointer(&result.image));
	if (rc == 0)
		auto_prune(s, &config);
	build_report_explanation(s, &c->explanation);
	if (rc < 0)
		return build_report_failure(s, &report, err);
	build_report_warnings(s, &result.warnings);
	return rc;
}

int cmd_build(int argc, char **argv, struct error *err)
{
	AUTO(build_command_release) struct build_command c = { 0 };
	struct build_options options;
	int rc = build_command_parse(&c, argc, argv, &options, err);

	if (rc <= 0)
		return rc;
	if (c.call != BUILD_CALL_BUILD)
		return run_call(&c, &options, err);
	return run_build(&c, &options, err);
}
