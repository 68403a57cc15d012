#include <string.h>
#include <strings.h>

#include "builder/plan_internal.h"
#include "parser/suggest.h"
#include "registry/reference.h"
#include "store/base/parallel.h"

#define WHAT "naming images"

/* Registries answer slowly more often than they answer too fast. */
#define RESOLVE_THREADS 8

/*
 * The name as users write it, without ":latest": "alpine" for all of
 * "alpine", "alpine:latest" and "docker.io/library/alpine". Names that are no
 * references stand for themselves. NULL only without memory.
 */
static char *familiar_name(const char *name, bool *is_reference,
			   struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	struct error reason = ERROR_INIT;
	char *text;
	size_t len;

	*is_reference = reference_parse(name, &ref, &reason) == 0;
	if (reason.kind == ERROR_NOMEM) {
		error_nomem(err, WHAT);
		return NULL;
	}
	text = *is_reference ? reference_familiar(&ref, err) : strdup(name);
	if (!text) {
		error_nomem(err, WHAT);
		return NULL;
	}
	len = strlen(text);
	if (*is_reference && len > 7 && !strcmp(text + len - 7, ":latest"))
		text[len - 7] = '\0';
	return text;
}

/* Is the context's key `key`, or `key` for just this platform? */
static int context_matches(const struct named_context *c, const char *key,
			   const char *platform, bool *ret, struct error *err)
{
	const char *suffix = strstr(c->name, "::");
	autofree char *name =
		suffix ? strndup(c->name, suffix - c->name) : strdup(c->name);
	autofree char *familiar = NULL;
	bool unused;

	if (!name)
		return error_nomem(err, WHAT);
	familiar = familiar_name(name, &unused, err);
	if (!familiar)
		return -1;
	*ret = !strcmp(familiar, key) &&
	       (!suffix || !strcmp(suffix + 2, platform));
	return 0;
}

int images_context(const struct planner *pl, const char *name,
		   const struct platform *platform,
		   const struct named_context **ret, struct error *err)
{
	char text[PLATFORM_TEXT_SIZE];
	autofree char *key = NULL;
	bool unused;
	size_t i;

	*ret = NULL;
	if (!pl->options->n_contexts || !strcasecmp(name, "scratch") ||
	    !strcasecmp(name, "context"))
		return 0;
	key = familiar_name(name, &unused, err);
	if (!key)
		return -1;
	platform_format(platform, text);
	for (i = 0; i < pl->options->n_contexts; i++) {
		const struct named_context *c = &pl->options->contexts[i];
		bool matches = false;

		if (context_matches(c, key, text, &matches, err) < 0)
			return -1;
		/* One that names the platform goes before one that does not. */
		if (matches && (!*ret || strstr(c->name, "::")))
			*ret = c;
	}
	return 0;
}

bool context_is_image(const struct named_context *c)
{
	return c->image || c->ref;
}

static bool same_platform(const struct platform *a, const struct platform *b)
{
	return !strcmp(a->os, b->os) && !strcmp(a->arch, b->arch) &&
	       !strcmp(a->variant, b->variant) &&
	       !strcmp(a->os_version, b->os_version);
}

static struct wanted *find_wanted(const struct planner *pl, const char *key,
				  const struct platform *platform)
{
	size_t i;

	for (i = 0; i < pl->n_wanted; i++) {
		struct wanted *w = pl->wanted[i];

		if (!strcmp(w->key, key) &&
		    same_platform(&w->platform, platform))
			return w;
	}
	return NULL;
}

/* A new entry that takes `key`. */
static struct wanted *add_wanted(struct planner *pl, const char *name,
				 char *key, struct error *err)
{
	struct wanted **more =
		realloc(pl->wanted, (pl->n_wanted + 1) * sizeof(*more));
	struct wanted *w = calloc(1, sizeof(*w));

	if (more)
		pl->wanted = more;
	if (w)
		w->name = strdup(name);
	if (!more || !w || !w->name) {
		free(w ? w->name : NULL);
		free(w);
		free(key);
		error_nomem(err, WHAT);
		return NULL;
	}
	w->key = key;
	pl->wanted[pl->n_wanted++] = w;
	return w;
}

/* A reason without the name, which is told before it. */
static int refuse_name(const char *name, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	struct error reason = ERROR_INIT;
	const char *detail;

	reference_parse(name, &ref, &reason);
	detail = strstr(reason.text, ": ");
	return error_set(err, ERROR_DOCKERFILE,
			 "failed to parse stage name \"%s\": invalid reference "
			 "format%s",
			 name, detail ? detail : "");
}

int images_want(struct planner *pl, const char *name,
		const struct platform *platform, int first_line, int last_line,
		struct wanted **ret, struct error *err)
{
	const struct named_context *context;
	autofree char *key = NULL;
	bool is_reference;

	key = familiar_name(name, &is_reference, err);
	if (!key)
		return -1;
	*ret = find_wanted(pl, key, platform);
	if (*ret)
		return 0;
	if (images_context(pl, name, platform, &context, err) < 0)
		return -1;
	if (!context && !is_reference)
		return refuse_name(name, err);
	*ret = add_wanted(pl, name, steal_pointer(&key), err);
	if (!*ret)
		return -1;
	(*ret)->platform = *platform;
	(*ret)->context = context;
	(*ret)->first_line = first_line;
	(*ret)->last_line = last_line;
	return 0;
}

static int resolve_one(void *ctx, size_t i, struct error *err)
{
	struct planner *pl = ctx;
	const struct plan_options *o = pl->options;
	struct wanted *w = pl->wanted[i];
	struct hint storage;

	if (!w->needed || w->resolved)
		return 0;
	if (w->context && !w->context->ref) {
		w->image = w->context->image;
	} else if (o->resolve(o->ctx, w->context ? w->context->ref : w->name,
			      &w->platform, &w->image, err) < 0) {
		error_wrap(err, "%s%s", w->name,
			   hint(&storage, stages_suggest(pl, w->name)));
		return error_at_lines(err, w->first_line, w->last_line);
	}
	w->resolved = true;
	return 0;
}

/* What the resolver gave belongs to the plan, whatever comes next. */
static void keep_images(struct planner *pl)
{
	struct plan *p = pl->plan;
	size_t i;

	for (i = 0; i < pl->n_wanted; i++) {
		struct wanted *w = pl->wanted[i];

		if (w->image && !w->kept && (!w->context || w->context->ref))
			p->images[p->n_images++] = w->image;
		w->kept = w->image;
	}
}

int images_resolve(struct planner *pl, struct error *err)
{
	struct plan *p = pl->plan;
	struct image **more;
	int r;

	if (!pl->n_wanted)
		return 0;
	more = realloc(p->images, pl->n_wanted * sizeof(*more));
	if (!more)
		return error_nomem(err, "keeping images");
	p->images = more;
	r = parallel_for(pl->n_wanted, RESOLVE_THREADS, resolve_one, pl, err);
	keep_images(pl);
	return r;
}

struct source ref_source(const struct ref *ref)
{
	const struct wanted *w = ref->wanted;
	struct source source = ref->source;

	if (!w)
		return source;
	if (w->context && !context_is_image(w->context)) {
		source.kind = SOURCE_CONTEXT;
		source.context = w->context->name;
	} else {
		source.kind = SOURCE_IMAGE;
		source.image = w->image;
	}
	return source;
}
