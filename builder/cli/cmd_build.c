#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "builder/build.h"
#include "builder/cli/cache_option.h"
#include "builder/cli/commands.h"
#include "builder/cli/limits.h"
#include "builder/cli/output.h"
#include "builder/cli/security.h"
#include "builder/cli/session.h"
#include "store/base/io.h"

/* The command line of one build. */
struct build_command {
	struct session_options session;
	struct build_input_options input;
	char *context;
	struct limit_options limits;
	struct security_options security;
	const char *target, *platform, *network, *iidfile, *metadata_file;
	const char *call;
	bool check;
	bool push, load, pull, no_cache, quiet, explain;
	struct strv tags, build_args, build_contexts, labels, outputs, allow;
	struct strv no_cache_stages, add_hosts, secrets;
	struct strv names; /* full references of `tags` and name= */
	struct buf explanation;
	struct strv cache_from_texts, cache_to_texts;
	struct cache_options cache_from, cache_to;
	struct cache_entries cache;
	struct output *parsed;
	size_t n_parsed;
};

static void command_release(struct build_command *c)
{
	struct strv *lists[] = { &c->tags,    &c->build_args,
				 &c->labels,  &c->build_contexts,
				 &c->outputs, &c->no_cache_stages,
				 &c->names,   &c->add_hosts,
				 &c->allow,   &c->secrets };
	size_t i;

	for (i = 0; i < ARRAY_LEN(lists); i++)
		strv_release(lists[i]);
	for (i = 0; i < c->n_parsed; i++)
		output_release(&c->parsed[i]);
	buf_release(&c->explanation);
	strv_release(&c->cache_from_texts);
	strv_release(&c->cache_to_texts);
	cache_options_release(&c->cache_from);
	cache_options_release(&c->cache_to);
	free(c->parsed);
	free(c->context);
	limit_options_release(&c->limits);
	security_options_release(&c->security);
}
DEFINE_RELEASE(struct build_command, command_release);

static int parse_words(struct build_command *c, int argc, char **argv,
		       struct error *err)
{
	static const struct command_usage usage = {
		"build [OPTIONS] PATH|URL|-",
		"build takes one PATH or URL, the build context; \".\" is "
		"this directory",
		1, 1
	};
	const struct option_spec specs[] = {
		{ "file", 'f', OPTION_STRING, &c->input.dockerfile, "FILE",
		  "Dockerfile, or its URL (default: Dockerfile in PATH; -: "
		  "stdin)" },
		{ "tag", 't', OPTION_LIST, &c->tags, "NAME",
		  "name the image; repeatable" },
		{ "target", 0, OPTION_STRING, &c->target, "STAGE",
		  "build this stage instead of the last" },
		{ "build-arg", 0, OPTION_LIST, &c->build_args, "NAME=VALUE",
		  "value of an ARG; a bare NAME takes the environment's" },
		{ "build-context", 0, OPTION_LIST, &c->build_contexts,
		  "NAME=WHERE",
		  "further context for FROM and --from: a directory, archive, "
		  "URL, docker-image:// or oci-layout://" },
		{ "label", 0, OPTION_LIST, &c->labels, "NAME=VALUE",
		  "add a label" },
		{ "output", 'o', OPTION_LIST, &c->outputs, "SPEC",
		  "type=image|registry|oci|docker|tar|local,dest=..." },
		{ "check", 0, OPTION_BOOL, &c->check, NULL,
		  "lint the Dockerfile instead of building" },
		{ "call", 0, OPTION_STRING, &c->call, "METHOD",
		  "build, check, outline or targets[,format=json]" },
		{ "push", 0, OPTION_BOOL, &c->push, NULL,
		  "push under every name" },
		{ "load", 0, OPTION_BOOL, &c->load, NULL,
		  "keep the image in the local store (always done)" },
		{ "platform", 0, OPTION_STRING, &c->platform, "OS/ARCH",
		  "platform to build for (default: this machine's)" },
		{ "pull", 0, OPTION_BOOL, &c->pull, NULL,
		  "ask registries for newer base images" },
		{ "no-cache", 0, OPTION_BOOL, &c->no_cache, NULL,
		  "run every step again" },
		{ "no-cache-filter", 0, OPTION_LIST, &c->no_cache_stages,
		  "STAGE", "run the steps of this stage again" },
		{ "cache-from", 0, OPTION_LIST, &c->cache_from_texts, "SPEC",
		  "NAME, type=registry,ref=NAME or type=local,src=DIR" },
		{ "cache-to", 0, OPTION_LIST, &c->cache_to_texts, "SPEC",
		  "type=registry,ref=NAME, type=local,dest=DIR or "
		  "type=inline[,mode=max]" },
		{ "explain", 0, OPTION_BOOL, &c->explain, NULL,
		  "say why steps were not taken from the cache" },
		{ "network", 0, OPTION_STRING, &c->network, "MODE",
		  "network of RUN: default, none or host" },
		{ "add-host", 0, OPTION_LIST, &c->add_hosts, "HOST:IP",
		  "line for /etc/hosts during RUN" },
		{ "allow", 0, OPTION_LIST, &c->allow, "ENTITLEMENT",
		  "network.host or security.insecure" },
		{ "secret", 0, OPTION_LIST, &c->secrets, "SPEC",
		  "id=ID[,src=FILE|,env=NAME] for RUN --mount=type=secret" },
		SECURITY_OPTIONS(c->security),
		LIMIT_OPTIONS(c->limits),
		{ "iidfile", 0, OPTION_STRING, &c->iidfile, "FILE",
		  "write the image id here" },
		{ "metadata-file", 0, OPTION_STRING, &c->metadata_file, "FILE",
		  "write digests and names as JSON here" },
		{ "quiet", 'q', OPTION_BOOL, &c->quiet, NULL,
		  "print the image id only" },
		SESSION_STORE_OPTIONS(c->session),
		SESSION_REGISTRY_OPTIONS(c->session),
		/* What other builders take and we need not. */
		{ "rm", 0, OPTION_IGNORED_BOOL, NULL, NULL, NULL },
		{ "force-rm", 0, OPTION_IGNORED_BOOL, NULL, NULL, NULL },
		{ "layers", 0, OPTION_IGNORED_BOOL, NULL, NULL, NULL },
		{ "builder", 0, OPTION_IGNORED_STRING, NULL, NULL, NULL },
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 &words, err);

	if (rc > 0)
		c->context = strv_remove(&words, 0);
	return rc;
}

static int parse_tags(struct build_command *c, struct error *err)
{
	size_t i;

	for (i = 0; i < c->tags.len; i++) {
		char *name = session_name(c->tags.items[i], err);

		if (!name)
			return error_wrap(err, "--tag %s", c->tags.items[i]);
		strv_take(&c->names, name);
	}
	return strv_check(&c->names, "reading tags", err);
}

static int add_output(struct build_command *c, const char *text,
		      struct error *err)
{
	struct output *grown =
		realloc(c->parsed, (c->n_parsed + 1) * sizeof(*grown));

	if (!grown)
		return error_nomem(err, "reading outputs");
	c->parsed = grown;
	if (output_parse(text, &grown[c->n_parsed], err) < 0)
		return -1;
	strv_append_all(&c->names, &grown[c->n_parsed].names);
	c->n_parsed++;
	return strv_check(&c->names, "reading outputs", err);
}

static int parse_outputs(struct build_command *c, struct error *err)
{
	size_t i;

	for (i = 0; i < c->outputs.len; i++)
		if (add_output(c, c->outputs.items[i], err) < 0)
			return -1;
	if (c->push && add_output(c, "type=registry", err) < 0)
		return -1;
	for (i = 0; i < c->n_parsed; i++)
		if (c->parsed[i].push && !c->names.len)
			return error_set(err, ERROR_USAGE,
					 "pushing needs a name: -t NAME");
	return 0;
}

/* The first output that is made of blobs says of which kind. */
static const struct layer_format *wanted_format(const struct build_command *c)
{
	size_t i;

	for (i = 0; i < c->n_parsed; i++)
		if (output_wants_blobs(&c->parsed[i]))
			return &c->parsed[i].format;
	return NULL;
}

static int parse_network(const char *text, struct solve_options *so,
			 struct error *err)
{
	so->network = SANDBOX_NETWORK_HOST;
	if (!text || !strcmp(text, "default"))
		return 0;
	/* Asked for by name it is had or refused, never the host's instead. */
	if (!strcmp(text, "private"))
		so->network = SANDBOX_NETWORK_PRIVATE;
	else if (!strcmp(text, "none"))
		so->network = SANDBOX_NETWORK_NONE;
	else if (!strcmp(text, "host"))
		so->allow_host_network = true;
	else
		return error_set(err, ERROR_USAGE,
				 "unknown network mode \"%s\"; use default, "
				 "none or host",
				 text);
	return 0;
}

static int parse_allow(const struct build_command *c, struct solve_options *so,
		       struct error *err)
{
	size_t i;

	for (i = 0; i < c->allow.len; i++) {
		const char *what = c->allow.items[i];

		if (!strcmp(what, "network.host"))
			so->allow_host_network = true;
		else if (!strcmp(what, "security.insecure"))
			so->allow_insecure = true;
		else
			return error_set(err, ERROR_USAGE,
					 "unknown entitlement \"%s\"; use "
					 "network.host or security.insecure",
					 what);
	}
	return 0;
}

static int make_options(struct build_command *c, struct build_options *ret,
			struct error *err)
{
	c->input.context = c->context;
	c->input.build_contexts = &c->build_contexts;
	*ret = (struct build_options){
		.input = c->input,
		.target = c->target,
		.build_args = &c->build_args,
		.labels = &c->labels,
		.names = &c->names,
		.no_cache_stages = &c->no_cache_stages,
		.platform = c->platform,
		.no_cache = c->no_cache,
		.pull = c->pull,
		.format = wanted_format(c),
		.inline_cache = cache_options_have_inline(&c->cache_to),
		.solve = { .add_hosts = c->add_hosts,
			   .cache = c->cache_to.len ? &c->cache : NULL,
			   .explain = c->explain ? &c->explanation : NULL,
			   .secrets = &c->secrets },
	};
	if (parse_network(c->network, &ret->solve, err) < 0 ||
	    parse_allow(c, &ret->solve, err) < 0 ||
	    security_options_apply(&c->security, &ret->solve, err) < 0)
		return -1;
	return limit_options_apply(&c->limits, &ret->solve, err);
}

static int write_small_file(const char *path, const char *text, size_t len,
			    struct error *err)
{
	return io_replace_file(AT_FDCWD, path, text, len, 0644, false, err);
}

static json_t *join_names(const struct strv *names)
{
	AUTO(buf_release) struct buf joined = BUF_INIT;
	size_t i;

	for (i = 0; i < names->len; i++) {
		if (i)
			buf_append_char(&joined, ',');
		buf_append_str(&joined, names->items[i]);
	}
	return joined.failed ? NULL : json_string(joined.data);
}

static int write_metadata(const struct build_command *c,
			  const struct image *image,
			  const struct digest *manifest, struct error *err)
{
	AUTO(json_decref) json_t *doc = json_object();
	autofree char *text = NULL;

	if (!doc || json_object_set_new(doc, "containerimage.config.digest",
					json_string(image->id.text)) < 0)
		return error_nomem(err, "writing --metadata-file");
	if (digest_is_set(manifest) &&
	    json_object_set_new(doc, "containerimage.digest",
				json_string(manifest->text)) < 0)
		return error_nomem(err, "writing --metadata-file");
	if (c->names.len &&
	    json_object_set_new(doc, "image.name", join_names(&c->names)) < 0)
		return error_nomem(err, "writing --metadata-file");
	text = json_dumps(doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (!text)
		return error_nomem(err, "writing --metadata-file");
	return write_small_file(c->metadata_file, text, strlen(text), err);
}

static int write_outputs(struct session *s, const struct build_command *c,
			 const struct build_result *result, struct error *err)
{
	const int64_t *epoch = result->has_epoch ? &result->epoch : NULL;
	struct output_result written = { 0 };
	size_t i;

	for (i = 0; i < c->n_parsed; i++)
		if (output_write(s, &c->parsed[i], result->image, &c->names,
				 epoch, &written, err) < 0)
			return -1;
	if (c->iidfile &&
	    write_small_file(c->iidfile, result->image->id.text,
			     strlen(result->image->id.text), err) < 0)
		return -1;
	if (c->metadata_file &&
	    write_metadata(c, result->image, &written.manifest, err) < 0)
		return -1;
	if (c->quiet)
		printf("%s\n", result->image->id.text);
	return 0;
}

/*
 * The error's line and what belongs under it. The exit status says that all
 * has been told.
 */
static int print_failure(struct session *s, const struct buf *report,
			 const struct error *err)
{
	char text[sizeof(err->text)];

	progress_free(steal_pointer(&s->progress));
	fprintf(stderr, "error: %s\n%s", error_message(err, text, sizeof(text)),
		report->data ? report->data : "");
	return error_exit_status(err);
}

/* "--call=METHOD[,format=json]" */
static int parse_call(const struct build_command *c, enum build_call *call,
		      bool *json, struct error *err)
{
	static const char *const methods[] = {
		[BUILD_CALL_BUILD] = "build",
		[BUILD_CALL_CHECK] = "check",
		[BUILD_CALL_OUTLINE] = "outline",
		[BUILD_CALL_TARGETS] = "targets",
	};
	const char *text = c->call ? c->call : c->check ? "check" : "build";
	const char *comma = strchr(text, ',');
	size_t i, len = comma ? (size_t)(comma - text) : strlen(text);

	*json = comma && !strcmp(comma, ",format=json");
	for (i = 0; i < ARRAY_LEN(methods); i++)
		if (strlen(methods[i]) == len &&
		    !strncmp(methods[i], text, len) && (!comma || *json)) {
			*call = (enum build_call)i;
			return 0;
		}
	return error_set(err, ERROR_USAGE,
			 "--call takes build, check, outline or targets, with "
			 "\",format=json\" behind it for JSON, not \"%s\"",
			 text);
}

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
		    const struct build_options *options, enum build_call call,
		    bool json, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(buf_release) struct buf out = BUF_INIT, report = BUF_INIT;
	struct build_env env;
	int status, rc;

	c->session.quiet = true;
	if (session_open(&c->session, &s, err) < 0)
		return -1;
	env = build_env(s);
	rc = build_tell(options, &env, call, json, &out, &status, &report, err);
	if (rc < 0)
		return print_failure(s, &report, err);
	fputs(out.data, stdout);
	return status;
}

static void print_warnings(struct session *s, const struct buf *warnings)
{
	if (!warnings->len || s->quiet)
		return;
	progress_free(steal_pointer(&s->progress));
	fprintf(stderr, "%s", warnings->data);
}

static void print_explanation(struct session *s, const struct buf *text)
{
	if (!text->len)
		return;
	progress_free(steal_pointer(&s->progress));
	fprintf(stderr, "Why steps were run:\n%s", text->data);
}

/* Platforms of caches: those of the images that are built. */
static int cache_platform(const struct build_command *c, struct platform *ret,
			  struct error *err)
{
	*ret = platform_host();
	return c->platform ? platform_parse(c->platform, ret, err) : 0;
}

/* The build with its outputs, between the caches it is given and gives. */
static int build_with_caches(struct session *s, struct build_command *c,
			     const struct build_options *options,
			     struct build_result *result, struct buf *report,
			     struct error *err)
{
	struct build_env env = build_env(s);
	struct platform platform;

	if (cache_platform(c, &platform, err) < 0 ||
	    cache_options_import(s, &c->cache_from, &platform, err) < 0 ||
	    build_run(options, &env, result, report, err) < 0 ||
	    write_outputs(s, c, result, err) < 0)
		return -1;
	return cache_options_export(s, &c->cache_to, &c->cache, &platform, err);
}

static int run_build(struct build_command *c,
		     const struct build_options *options, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(buf_release) struct buf report = BUF_INIT;
	struct build_result result = { 0 };
	int rc;

	if (session_open(&c->session, &s, err) < 0)
		return -1;
	rc = build_with_caches(s, c, options, &result, &report, err);
	cache_entries_release(&c->cache);
	image_free(result.image);
	print_explanation(s, &c->explanation);
	if (rc < 0)
		rc = print_failure(s, &report, err);
	else
		print_warnings(s, &result.warnings);
	buf_release(&result.warnings);
	return rc;
}

int cmd_build(int argc, char **argv, struct error *err)
{
	AUTO(command_release) struct build_command c = { 0 };
	struct build_options options;
	enum build_call call = BUILD_CALL_BUILD;
	bool json;
	int rc = parse_words(&c, argc, argv, err);

	if (rc <= 0)
		return rc;
	if (parse_tags(&c, err) < 0 || parse_outputs(&c, err) < 0 ||
	    cache_options_parse(&c.cache_from_texts, true, &c.cache_from, err) <
		    0 ||
	    cache_options_parse(&c.cache_to_texts, false, &c.cache_to, err) <
		    0 ||
	    make_options(&c, &options, err) < 0)
		return -1;
	if (parse_call(&c, &call, &json, err) < 0)
		return -1;
	if (call != BUILD_CALL_BUILD)
		return run_call(&c, &options, call, json, err);
	c.session.builds = true;
	c.session.timeout_ms = c.limits.timeout_ms;
	c.session.quiet = c.quiet;
	return run_build(&c, &options, err);
}
