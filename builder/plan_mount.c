#include <stdio.h>
#include <string.h>

#include "builder/config.h"
#include "builder/plan_internal.h"
#include "store/base/path.h"

#define WHAT "reading mounts"

int mount_from(const char *value, char escape, char **ret, struct error *err)
{
	AUTO(mount_spec_release) struct mount_spec spec = { 0 };

	if (mount_spec_parse(value, escape, NULL, &spec, err) < 0)
		return -1;
	*ret = steal_pointer(&spec.from);
	return 0;
}

/* Agents are numbered in the order of their mounts, from 0. */
static int default_target(struct mount_spec *spec, size_t n_ssh,
			  struct error *err)
{
	if (spec->target || spec->type != MOUNT_SSH)
		return 0;
	if (asprintf(&spec->target, "/run/buildkit/ssh_agent.%zu", n_ssh) < 0) {
		spec->target = NULL;
		return error_nomem(err, WHAT);
	}
	return 0;
}

/* Absolute and cleaned; relative ones begin at the working directory. */
static int place_target(const struct stage_state *st, struct mount_spec *spec,
			struct error *err)
{
	const char *dir = config_get(st->stage->config, "WorkingDir");
	autofree char *base = NULL;
	char *target;

	if (!spec->target)
		return 0;
	base = path_join("/", dir ? dir : "");
	target = base ? path_join(base, spec->target) : NULL;
	if (!target)
		return error_nomem(err, WHAT);
	free(spec->target);
	spec->target = target;
	if (strcmp(target, "/"))
		return 0;
	return error_set(err, ERROR_DOCKERFILE, "invalid mount target \"/\"");
}

/* A cache's name; builds may keep theirs apart by a space of names. */
static int name_cache(const struct planner *pl, struct mount_spec *spec,
		      struct error *err)
{
	const char *space = scope_build_arg(pl, "BUILDKIT_CACHE_MOUNT_NS");
	const char *id = spec->id && *spec->id ? spec->id : spec->target;
	char *name;

	if (spec->type != MOUNT_CACHE)
		return 0;
	if (asprintf(&name, "%s%s%s", space ? space : "",
		     space && *space ? "/" : "", id ? id : "") < 0)
		return error_nomem(err, WHAT);
	free(spec->id);
	spec->id = name;
	return 0;
}

/* A stage that comes later has nothing to be mounted yet. */
static int check_order(const struct planner *pl, const struct ref *ref,
		       const struct mount_spec *spec, struct error *err)
{
	if (ref->wanted || ref->source.kind != SOURCE_STAGE ||
	    state_of(pl, ref->source.stage)->evaluated)
		return 0;
	return error_set(
		err, ERROR_DOCKERFILE,
		"cannot mount from stage \"%s\" to \"%s\", stage needs "
		"to be defined before current command",
		spec->from, spec->target ? spec->target : "");
}

static struct source mount_source(const struct mount_spec *spec,
				  const struct ref *ref)
{
	struct source source = { .kind = SOURCE_SCRATCH };

	if (spec->type != MOUNT_BIND && spec->type != MOUNT_CACHE)
		return source;
	if (spec->from && *spec->from)
		return ref_source(ref);
	if (spec->type == MOUNT_BIND) {
		source.kind = SOURCE_CONTEXT;
		source.context = "";
	}
	return source;
}

static int plan_mount(struct planner *pl, const struct stage_state *st,
		      const char *value, const struct ref *ref, size_t n_ssh,
		      struct run_mount *ret, struct error *err)
{
	struct expand_env env = vars_expand_env(&st->env);
	struct mount_spec *spec = &ret->spec;

	if (mount_spec_parse(value, pl->df->escape, &env, spec, err) < 0 ||
	    check_order(pl, ref, spec, err) < 0 ||
	    default_target(spec, n_ssh, err) < 0 ||
	    place_target(st, spec, err) < 0 || name_cache(pl, spec, err) < 0)
		return -1;
	ret->from = mount_source(spec, ref);
	return 0;
}

int mounts_plan(struct planner *pl, struct stage_state *st,
		const struct command *c, struct run_args *args,
		struct error *err)
{
	size_t n_ssh = 0, i;

	if (!c->n_refs)
		return 0;
	args->mounts = calloc(c->n_refs, sizeof(*args->mounts));
	if (!args->mounts)
		return error_nomem(err, WHAT);
	for (i = 0; i < c->n_refs; i++) {
		const char *value = flag_at(c->in, "mount", i);

		args->n_mounts++;
		if (plan_mount(pl, st, value, &c->refs[i], n_ssh,
			       &args->mounts[i], err) < 0)
			return -1;
		n_ssh += args->mounts[i].spec.type == MOUNT_SSH;
	}
	return 0;
}
