/*
 * dockerfile_check(): everything that can be known without building. Values
 * that hold variables are left to the build.
 */
#include <string.h>
#include <strings.h>

#include "parser/check_stages.h"
#include "parser/check_words.h"
#include "parser/chmod.h"
#include "parser/dockerfile.h"
#include "parser/flags.h"
#include "parser/healthcheck.h"
#include "parser/ignore.h"
#include "parser/mount.h"
#include "parser/port.h"
#include "parser/signal_name.h"
#include "store/base/quote.h"

struct check {
	char escape;
	struct error *err;
};

static int refuse(struct check *c, const struct instruction *in,
		  const char *what)
{
	return error_set(c->err, ERROR_DOCKERFILE, "%s %s",
			 instruction_name(in->kind), what);
}

/* Is the word what it will be after expansion? */
static bool is_constant(const struct check *c, const char *word)
{
	char special[] = { '$', '"', '\'', c->escape, '\0' };

	return !strpbrk(word, special);
}

static int check_one(struct check *c, const struct instruction *in)
{
	return in->args.len == 1
		       ? 0
		       : refuse(c, in, "requires exactly one argument");
}

static int check_some(struct check *c, const struct instruction *in)
{
	return in->args.len > 0
		       ? 0
		       : refuse(c, in, "requires at least one argument");
}

static int check_any(struct check *c, const struct instruction *in)
{
	(void)c;
	(void)in;
	return 0;
}

static int check_arg(struct check *c, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->args.len; i++)
		if (in->args.items[i][0] == '=')
			return refuse(c, in, "names can not be blank");
	return check_some(c, in);
}

static int check_pairs(struct check *c, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->args.len; i += 2)
		if (!in->args.items[i][0])
			return refuse(c, in, "names can not be blank");
	return check_some(c, in);
}

static int check_expose(struct check *c, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->args.len; i++) {
		if (is_constant(c, in->args.items[i]) &&
		    port_spec_parse(in->args.items[i], NULL, NULL, c->err) < 0)
			return -1;
	}
	return check_some(c, in);
}

static int check_volume(struct check *c, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->args.len; i++)
		if (!in->args.items[i][strspn(in->args.items[i], " \t")])
			return refuse(c, in,
				      "specified can not be an empty string");
	return check_some(c, in);
}

static int check_stopsignal(struct check *c, const struct instruction *in)
{
	if (check_one(c, in) < 0)
		return -1;
	return is_constant(c, in->args.items[0])
		       ? signal_name_check(in->args.items[0], c->err)
		       : 0;
}

static int check_shell(struct check *c, const struct instruction *in)
{
	if (check_some(c, in) < 0)
		return -1;
	return in->json ? 0
			: refuse(c, in,
				 "requires the arguments to be in JSON form, "
				 "such as [\"/bin/sh\", \"-c\"]");
}

static int check_from(struct check *c, const struct instruction *in)
{
	struct quoted storage;

	if (in->args.len == 3 && !strcasecmp(in->args.items[1], "AS"))
		return stage_name_is_valid(in->args.items[2])
			       ? 0
			       : error_set(c->err, ERROR_DOCKERFILE,
					   "invalid name for build stage: %s, "
					   "name can't start with a number or "
					   "contain symbols",
					   quote(&storage, in->args.items[2]));
	if (in->args.len == 1)
		return 0;
	return refuse(c, in,
		      in->args.len && *in->args.items[in->args.len > 1] == '#'
			      ? "requires either one or three arguments: "
				"a comment needs a line of its own"
			      : "requires either one or three arguments: "
				"IMAGE, or IMAGE AS NAME");
}

static int check_excludes(struct check *c, const struct instruction *in)
{
	AUTO(strv_release) struct strv patterns = STRV_INIT;
	AUTO(ignore_free) struct ignore *ig = NULL;
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		const char *value = flag_value(in->flags.items[i], "exclude");

		if (value)
			strv_append(&patterns, value);
	}
	if (strv_check(&patterns, "reading --exclude", c->err) < 0)
		return -1;
	return patterns.len ? ignore_new(&patterns, &ig, c->err) : 0;
}

/* Each heredoc becomes a file of its name. */
static int check_heredocs(struct check *c, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->n_heredocs; i++)
		if (heredoc_check_name(&in->heredocs[i], c->err) < 0)
			return -1;
	return 0;
}

static int check_paths(struct check *c, const struct instruction *in)
{
	const char *mode = instruction_flag(in, "chmod");
	struct chmod_spec spec;

	if (in->args.len < 2)
		return refuse(c, in,
			      "requires at least two arguments, but only one "
			      "was provided. Destination could not be "
			      "determined");
	if (instruction_heredoc_of(in, in->args.len - 1))
		return refuse(c, in,
			      "cannot accept a heredoc as a destination");
	if (check_heredocs(c, in) < 0 || flags_check(in, c->err) < 0)
		return -1;
	if (mode && *mode && is_constant(c, mode) &&
	    chmod_parse(mode, &spec, c->err) < 0)
		return -1;
	return check_excludes(c, in);
}

static int check_add(struct check *c, const struct instruction *in)
{
	const char *checksum = instruction_flag(in, "checksum");

	if (check_paths(c, in) < 0)
		return -1;
	if (checksum && *checksum && in->args.len > 2)
		return error_set(c->err, ERROR_DOCKERFILE,
				 "checksum can't be specified for multiple "
				 "sources");
	return 0;
}

static int check_copy(struct check *c, const struct instruction *in)
{
	const char *from = instruction_flag(in, "from");
	const char *dollar = from ? strchr(from, '$') : NULL;
	size_t i;

	if (check_paths(c, in) < 0)
		return -1;
	if (dollar && dollar[1])
		return error_set(c->err, ERROR_DOCKERFILE,
				 "variable expansion is not supported for "
				 "--from, define a new stage with FROM using "
				 "ARG from global scope as a workaround");
	for (i = 0; i + 1 < in->args.len; i++)
		if (!strncmp(in->args.items[i], "http://", 7) ||
		    !strncmp(in->args.items[i], "https://", 8))
			return error_set(c->err, ERROR_DOCKERFILE,
					 "source can't be a URL for COPY");
	return 0;
}

static int check_mounts(struct check *c, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		const char *value = flag_value(in->flags.items[i], "mount");
		AUTO(mount_spec_release) struct mount_spec mount = { 0 };

		if (value && mount_spec_parse(value, c->escape, NULL, &mount,
					      c->err) < 0)
			return -1;
	}
	return 0;
}

static bool is_one_of(const char *value, const char *const *allowed,
		      size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(value, allowed[i]))
			return true;
	return false;
}

static int check_run(struct check *c, const struct instruction *in)
{
	static const char *const networks[] = { "", "default", "none", "host" };
	static const char *const securities[] = { "", "sandbox", "insecure" };
	const char *network = instruction_flag(in, "network");
	const char *security = instruction_flag(in, "security");
	struct quoted storage;

	if (flags_check(in, c->err) < 0)
		return -1;
	if (network && !is_one_of(network, networks, ARRAY_LEN(networks)))
		return error_set(c->err, ERROR_DOCKERFILE,
				 "invalid network mode %s (use default, none "
				 "or host)",
				 quote(&storage, network));
	if (security && !is_one_of(security, securities, ARRAY_LEN(securities)))
		return error_set(c->err, ERROR_DOCKERFILE,
				 "security %s is not valid (use sandbox or "
				 "insecure)",
				 quote(&storage, security));
	if (check_mounts(c, in) < 0)
		return -1;
	return check_some(c, in);
}

static int check_healthcheck(struct check *c, const struct instruction *in)
{
	struct healthcheck ignored;

	if (flags_check(in, c->err) < 0)
		return -1;
	return healthcheck_parse(in, &ignored, c->err);
}

static int check_instruction(struct check *c, const struct instruction *in);

static int check_onbuild(struct check *c, const struct instruction *in)
{
	const struct instruction *trigger = in->onbuild;

	if (!trigger)
		return refuse(c, in, "requires at least one argument");
	if (trigger->kind == INSTR_FROM || trigger->kind == INSTR_MAINTAINER)
		return error_set(c->err, ERROR_DOCKERFILE,
				 "%s isn't allowed as an ONBUILD trigger",
				 instruction_name(trigger->kind));
	return check_instruction(c, trigger);
}

static int (*const checks[])(struct check *c, const struct instruction *in) = {
	[INSTR_ADD] = check_add,
	[INSTR_ARG] = check_arg,
	[INSTR_CMD] = check_any,
	[INSTR_COPY] = check_copy,
	[INSTR_ENTRYPOINT] = check_any,
	[INSTR_ENV] = check_pairs,
	[INSTR_EXPOSE] = check_expose,
	[INSTR_FROM] = check_from,
	[INSTR_HEALTHCHECK] = check_healthcheck,
	[INSTR_LABEL] = check_pairs,
	[INSTR_MAINTAINER] = check_one,
	[INSTR_ONBUILD] = check_onbuild,
	[INSTR_RUN] = check_run,
	[INSTR_SHELL] = check_shell,
	[INSTR_STOPSIGNAL] = check_stopsignal,
	[INSTR_USER] = check_one,
	[INSTR_VOLUME] = check_volume,
	[INSTR_WORKDIR] = check_one,
};

static int check_instruction(struct check *c, const struct instruction *in)
{
	if (checks[in->kind](c, in) < 0 || flags_check(in, c->err) < 0)
		return -1;
	return words_check(in, c->escape, c->err);
}

int instruction_check(const struct instruction *in, char escape,
		      struct error *err)
{
	struct check c = { escape, err };

	return check_instruction(&c, in);
}

static int check_all(struct check *c, const struct dockerfile *df,
		     struct stages *stages)
{
	size_t i;

	for (i = 0; i < df->len; i++) {
		const struct instruction *in = &df->instructions[i];

		if (check_instruction(c, in) < 0 ||
		    stages_check(stages, in, df->escape, c->err) < 0)
			return error_at_lines(c->err, in->first_line,
					      in->last_line);
	}
	return 0;
}

int dockerfile_check(const struct dockerfile *df, struct error *err)
{
	AUTO(stages_free) struct stages *stages = NULL;
	struct check c = { df->escape, err };
	const struct instruction *last = &df->instructions[df->len - 1];

	if (stages_new(df, &stages, err) < 0 || check_all(&c, df, stages) < 0)
		return -1;
	if (stages_count(stages) > 0)
		return 0;
	error_set(err, ERROR_DOCKERFILE,
		  "dockerfile contains no stages to build");
	return error_at_lines(err, last->first_line, last->last_line);
}
