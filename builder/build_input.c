#include "builder/build_input.h"

#include <string.h>

#include "builder/context_place.h"
#include "builder/dockerfile_source.h"

static int parse_dockerfile(struct build_input *in, struct error *err)
{
	if (dockerfile_parse(in->text.data ? in->text.data : "", in->text.len,
			     &in->tree, err) < 0) {
		if (err->kind == ERROR_DOCKERFILE && err->first_line)
			error_wrap(err, "dockerfile parse error on line %d",
				   err->first_line);
		return -1;
	}
	/* The plan judges it: what no target needs may be wrong. */
	return 0;
}

static int add_context(struct batch *b, struct build_input *in,
		       const char *name, const struct context_place *place,
		       const char *ignore_name, const struct buf *ignore,
		       struct error *err)
{
	struct context *context = NULL;
	struct solve_context *contexts;

	contexts =
		realloc(in->contexts, (in->n_contexts + 1) * sizeof(*contexts));
	if (!contexts)
		return error_nomem(err, "opening the build context");
	in->contexts = contexts;
	if (context_open(batch_store(b), place->path, ignore_name,
			 ignore_name ? ignore : NULL, &context, err) < 0)
		return -1;
	contexts[in->n_contexts++] = (struct solve_context){
		.name = name,
		.context = context,
		.fetched = !place->local,
	};
	return 0;
}

/* `file`: what -f names; `dockerfile`: its name, NULL for named contexts. */
static int open_place(struct batch *b, struct build_input *in, const char *name,
		      const struct context_place *place, const char *file,
		      const char *dockerfile, struct error *err)
{
	AUTO(buf_release) struct buf ignore = BUF_INIT;
	autofree char *ignore_name = NULL;

	if (place->fd < 0)
		return 0;
	if (ignorefile_find(place, file, dockerfile, &ignore_name, &ignore,
			    err) < 0)
		return -1;
	return add_context(b, in, name, place, ignore_name, &ignore, err);
}

static int add_named(struct build_input *in, const char *option,
		     struct error *err)
{
	const char *value = strchr(option, '=');
	struct named_context *named;
	enum context_form form;
	char *name;

	if (!value || value == option)
		return error_set(err, ERROR_USAGE,
				 "--build-context takes name=value, not \"%s\"",
				 option);
	form = context_form(value + 1);
	if (form == CONTEXT_STDIN || form == CONTEXT_UNKNOWN)
		return error_set(err, ERROR_USAGE,
				 "--build-context %s: neither a directory, an "
				 "archive, a URL, docker-image:// nor "
				 "oci-layout://",
				 option);
	/* A wrong name is told even when nothing reads it. */
	if (form == CONTEXT_LOCAL && access(value + 1, F_OK) < 0)
		return error_sys(err, errno,
				 "--build-context %s: cannot open "
				 "\"%s\"",
				 option, value + 1);
	named = realloc(in->named, (in->n_named + 1) * sizeof(*named));
	if (!named)
		return error_nomem(err, "reading --build-context");
	in->named = named;
	name = strndup(option, (size_t)(value - option));
	if (!name)
		return error_nomem(err, "reading --build-context");
	strv_append(&in->values, value + 1);
	named[in->n_named++] = (struct named_context){
		.name = name,
		.ref = form == CONTEXT_IMAGE ? value + 1 : NULL,
	};
	return strv_check(&in->values, "reading --build-context", err);
}

int build_input_read(const struct fetch_env *env,
		     const struct build_input_options *options,
		     struct build_input *ret, struct error *err)
{
	AUTO(context_place_release)
	struct context_place place = CONTEXT_PLACE_INIT;
	const char *file = options->dockerfile;

	if (file && !strcmp(file, "-") && !strcmp(options->context, "-"))
		return error_set(err, ERROR_USAGE,
				 "standard input cannot be both the build "
				 "context and the Dockerfile");
	for (size_t i = 0; i < options->build_contexts->len; i++)
		if (add_named(ret, options->build_contexts->items[i], err) < 0)
			return -1;
	if (context_place_open(env, options->context, options->keep_git_dir,
			       &place, err) < 0 ||
	    dockerfile_read(env, &place, file, &ret->name, &ret->text, err) <
		    0 ||
	    parse_dockerfile(ret, err) < 0)
		return -1;
	return open_place(env->batch, ret, "", &place, file, ret->name, err);
}

static int open_named(const struct fetch_env *env,
		      const struct build_input_options *options,
		      struct build_input *in, size_t i, struct error *err)
{
	AUTO(context_place_release)
	struct context_place place = CONTEXT_PLACE_INIT;
	const char *name = in->named[i].name;

	if (context_place_open_named(env, name, in->values.items[i],
				     options->keep_git_dir, &place, err) < 0)
		return -1;
	return open_place(env->batch, in, name, &place, NULL, NULL, err);
}

static bool is_open(const struct build_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_contexts; i++)
		if (!strcmp(in->contexts[i].name, name))
			return true;
	return false;
}

int build_input_open_named(const struct fetch_env *env,
			   const struct build_input_options *options,
			   const struct plan *plan, struct build_input *in,
			   struct error *err)
{
	for (size_t i = 0; i < in->n_named; i++)
		if (!in->named[i].ref && !is_open(in, in->named[i].name) &&
		    plan_reads_context(plan, in->named[i].name) &&
		    open_named(env, options, in, i, err) < 0)
			return -1;
	return 0;
}

void build_input_release(struct build_input *in)
{
	size_t i;

	for (i = 0; i < in->n_contexts; i++)
		context_free(in->contexts[i].context);
	for (i = 0; i < in->n_named; i++)
		free((char *)in->named[i].name);
	free(in->contexts);
	free(in->named);
	strv_release(&in->values);
	dockerfile_free(in->tree);
	buf_release(&in->text);
	free(in->name);
}
