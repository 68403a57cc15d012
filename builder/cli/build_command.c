#include "builder/cli/build_command.h"

#include <string.h>
#include <strings.h>

#include "builder/cli/build_outputs.h"
#include "builder/cli/commands.h"
#include "builder/secret.h"

void build_command_release(struct build_command *c)
{
	struct strv *lists[] = { &c->tags,    &c->build_args,
				 &c->labels,  &c->build_contexts,
				 &c->outputs, &c->no_cache_stages,
				 &c->names,   &c->add_hosts,
				 &c->allow,   &c->secrets,
				 &c->ssh };
	size_t i;

	for (i = 0; i < ARRAY_LEN(lists); i++)
		strv_release(lists[i]);
	for (i = 0; i < c->n_parsed; i++)
		output_release(&c->parsed[i]);
	buf_release(&c->explanation);
	strv_release(&c->cache_from_texts);
	strv_release(&c->cache_to_texts);
	strv_release(&c->mount_from_texts);
	strv_release(&c->mount_to_texts);
	strv_release(&c->insecure_hosts);
	cache_options_release(&c->cache_from);
	cache_options_release(&c->cache_to);
	cache_options_release(&c->mount_from);
	cache_options_release(&c->mount_to);
	free(c->parsed);
	free(c->context);
	limit_options_release(&c->limits);
	security_options_release(&c->security);
	isolation_options_release(&c->isolation);
}
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
		  "lint the Dockerfile instead of building; 1 means "
		  "warnings" },
		{ "call", 0, OPTION_STRING, &c->call_text, "METHOD",
		  "build, check, outline or targets[,format=json]" },
		{ "format", 0, OPTION_STRING, &c->call_format, "FORMAT",
		  "of --check and --call: text or json" },
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
		{ "cache-mount-from", 0, OPTION_LIST, &c->mount_from_texts,
		  "SPEC",
		  "where new cache mounts of RUN get their contents: "
		  "NAME, DIR, type=registry,ref=NAME or type=local,src=DIR" },
		{ "cache-mount-to", 0, OPTION_LIST, &c->mount_to_texts, "SPEC",
		  "save the cache mounts: NAME, DIR, type=registry,ref=NAME or "
		  "type=local,dest=DIR" },
		{ "source-date-epoch", 0, OPTION_STRING, &c->epoch, "SECONDS",
		  "time of the image and of files the build makes "
		  "(default: SOURCE_DATE_EPOCH)" },
		{ "rewrite-timestamp", 0, OPTION_BOOL, &c->rewrite_timestamp,
		  NULL, "no file of a new layer is later than that" },
		{ "timestamp", 0, OPTION_STRING, &c->timestamp, "SECONDS",
		  "both: --source-date-epoch and --rewrite-timestamp" },
		{ "verify", 0, OPTION_BOOL, &c->verify, NULL,
		  "build a second time and fail when the image differs" },
		{ "explain", 0, OPTION_BOOL, &c->explain, NULL,
		  "say why steps were not taken from the cache" },
		{ "network", 0, OPTION_STRING, &c->network, "MODE",
		  "network of RUN: default, private, bridge, none or host" },
		{ "add-host", 0, OPTION_LIST, &c->add_hosts, "HOST:IP",
		  "line for /etc/hosts during RUN" },
		{ "allow", 0, OPTION_LIST, &c->allow, "ENTITLEMENT",
		  "network.host or security.insecure" },
		{ "secret", 0, OPTION_LIST, &c->secrets, "SPEC",
		  "id=ID[,src=FILE|,env=NAME] for RUN --mount=type=secret" },
		{ "ssh", 0, OPTION_LIST, &c->ssh, "SPEC",
		  "ID[=SOCKET|KEY[,KEY]] for RUN --mount=type=ssh" },
		ISOLATION_OPTIONS(c->isolation),
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

static int parse_network(const char *text, struct solve_options *so,
			 struct error *err)
{
	so->network = SANDBOX_NETWORK_PRIVATE;
	/* Asked for by name it is had or refused, never the host's instead. */
	if (!text || !strcmp(text, "default"))
		so->network_or_host = true;
	else if (!strcmp(text, "none"))
		so->network = SANDBOX_NETWORK_NONE;
	else if (!strcmp(text, "host"))
		so->network = SANDBOX_NETWORK_HOST;
	else if (!strcmp(text, "bridge"))
		so->network = SANDBOX_NETWORK_BRIDGE;
	else if (strcmp(text, "private"))
		return error_set(err, ERROR_USAGE,
				 "unknown network mode \"%s\"; use default, "
				 "private, bridge, none or host",
				 text);
	so->allow_host_network = so->network == SANDBOX_NETWORK_HOST;
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

/* The epoch is a build argument: an option says it louder. */
static int apply_epoch(struct build_command *c, struct error *err)
{
	const char *option = c->timestamp ? "timestamp" : "source-date-epoch";
	const char *text = c->timestamp ? c->timestamp : c->epoch;

	if (c->timestamp && c->epoch)
		return error_set(err, ERROR_USAGE,
				 "--timestamp and --source-date-epoch both "
				 "give the image's time; use one of them");
	/* What is verified is what the outputs would be made of. */
	for (size_t i = 0; c->verify && i < c->n_parsed; i++)
		c->rewrite_timestamp |= c->parsed[i].rewrite_timestamp;
	if (!text)
		return 0;
	if (!*text || strspn(text, "0123456789") != strlen(text) ||
	    strlen(text) > 12)
		return error_set(err, ERROR_USAGE,
				 "--%s takes seconds since 1970, not \"%s\"",
				 option, text);
	c->rewrite_timestamp |= c->timestamp != NULL;
	strv_env_set(&c->build_args, "SOURCE_DATE_EPOCH", text);
	return strv_check(&c->build_args, "reading the command line", err);
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
		.rewrite_timestamp = c->rewrite_timestamp,
		.pull = c->pull,
		.format = build_outputs_format(c),
		.inline_cache = cache_options_have_inline(&c->cache_to),
		.solve = { .add_hosts = c->add_hosts,
			   .cache = c->cache_to.len ? &c->cache : NULL,
			   .explain = c->explain ? &c->explanation : NULL,
			   .secrets = &c->secrets },
	};
	/* The reference's name of the option. */
	if (!c->security.hostname)
		c->security.hostname = strv_env_get(
			&c->build_args, "BUILDKIT_SANDBOX_HOSTNAME");
	if (secret_check(&c->secrets, err) < 0)
		return -1;
	if (parse_network(c->network, &ret->solve, err) < 0 ||
	    parse_allow(c, &ret->solve, err) < 0 ||
	    isolation_options_apply(&c->isolation, &ret->solve, err) < 0 ||
	    security_options_apply(&c->security, &ret->solve, err) < 0)
		return -1;
	return limit_options_apply(&c->limits, &ret->solve, err);
}

static int parse_call_format(struct build_command *c, struct error *err)
{
	if (!c->call_format)
		return 0;
	if (c->call == BUILD_CALL_BUILD)
		return error_set(err, ERROR_USAGE,
				 "--format is for --check and --call");
	if (strcmp(c->call_format, "json") && strcmp(c->call_format, "text"))
		return error_set(err, ERROR_USAGE,
				 "--format takes text or json, not \"%s\"",
				 c->call_format);
	c->call_json |= !strcmp(c->call_format, "json");
	return 0;
}

/* "--call=METHOD[,format=json]" */
static int parse_call(struct build_command *c, struct error *err)
{
	static const char *const methods[] = {
		[BUILD_CALL_BUILD] = "build",
		[BUILD_CALL_CHECK] = "check",
		[BUILD_CALL_OUTLINE] = "outline",
		[BUILD_CALL_TARGETS] = "targets",
	};
	const char *text = c->call_text ? c->call_text
			   : c->check	? "check"
					: "build";
	const char *comma = strchr(text, ',');
	size_t i, len = comma ? (size_t)(comma - text) : strlen(text);

	c->call_json = comma && !strcmp(comma, ",format=json");
	for (i = 0; i < ARRAY_LEN(methods); i++)
		if (strlen(methods[i]) == len &&
		    !strncmp(methods[i], text, len) &&
		    (!comma || c->call_json)) {
			c->call = (enum build_call)i;
			return parse_call_format(c, err);
		}
	return error_set(err, ERROR_USAGE,
			 "--call takes build, check, outline or targets, with "
			 "\",format=json\" behind it for JSON, not \"%s\"",
			 text);
}

static int parse_caches(struct build_command *c, struct error *err)
{
	const struct {
		const struct strv *texts;
		enum cache_option_use use;
		struct cache_options *to;
	} all[] = {
		{ &c->cache_from_texts, CACHE_FROM, &c->cache_from },
		{ &c->cache_to_texts, CACHE_TO, &c->cache_to },
		{ &c->mount_from_texts, CACHE_MOUNT_FROM, &c->mount_from },
		{ &c->mount_to_texts, CACHE_MOUNT_TO, &c->mount_to },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (cache_options_parse(all[i].texts, all[i].use, all[i].to,
					err) < 0 ||
		    cache_options_insecure(all[i].to, &c->insecure_hosts, err) <
			    0)
			return -1;
	c->session.insecure_hosts = &c->insecure_hosts;
	return 0;
}

/* The reference's older name of --cache-to type=inline. */
static int apply_inline_cache(struct build_command *c, struct error *err)
{
	const char *value =
		strv_env_get(&c->build_args, "BUILDKIT_INLINE_CACHE");

	if (value && (!strcmp(value, "1") || !strcasecmp(value, "true")))
		strv_append(&c->cache_to_texts, "type=inline");
	return strv_check(&c->cache_to_texts, "reading the command line", err);
}

int build_command_parse(struct build_command *c, int argc, char **argv,
			struct build_options *ret, struct error *err)
{
	int rc = parse_words(c, argc, argv, err);

	if (rc <= 0)
		return rc;
	if (parse_tags(c, err) < 0 || build_outputs_parse(c, err) < 0 ||
	    apply_inline_cache(c, err) < 0 || parse_caches(c, err) < 0 ||
	    apply_epoch(c, err) < 0 || parse_call(c, err) < 0 ||
	    make_options(c, ret, err) < 0)
		return -1;
	build_outputs_share(c);
	c->session.timeout_ms = c->limits.timeout_ms;
	c->session.quiet = c->quiet;
	return 1;
}
