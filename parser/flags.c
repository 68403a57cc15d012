#include "parser/flags.h"

#include <string.h>
#include <strings.h>

#include "parser/suggest.h"

enum flag_kind {
	FLAG_TEXT,
	FLAG_BOOL,
	FLAG_LIST, /* may be given several times */
};

struct flag_def {
	const char *name;
	enum flag_kind kind;
};

/* Ended by a NULL name. */
static const struct flag_def add_flags[] = {
	{ "chown", FLAG_TEXT },	       { "chmod", FLAG_TEXT },
	{ "link", FLAG_BOOL },	       { "exclude", FLAG_LIST },
	{ "keep-git-dir", FLAG_BOOL }, { "checksum", FLAG_TEXT },
	{ "unpack", FLAG_BOOL },       { NULL, FLAG_TEXT },
};

static const struct flag_def copy_flags[] = {
	{ "from", FLAG_TEXT },	  { "chown", FLAG_TEXT },
	{ "chmod", FLAG_TEXT },	  { "link", FLAG_BOOL },
	{ "parents", FLAG_BOOL }, { "exclude", FLAG_LIST },
	{ NULL, FLAG_TEXT },
};

static const struct flag_def from_flags[] = {
	{ "platform", FLAG_TEXT },
	{ NULL, FLAG_TEXT },
};

static const struct flag_def healthcheck_flags[] = {
	{ "interval", FLAG_TEXT },     { "timeout", FLAG_TEXT },
	{ "start-period", FLAG_TEXT }, { "start-interval", FLAG_TEXT },
	{ "retries", FLAG_TEXT },      { NULL, FLAG_TEXT },
};

static const struct flag_def run_flags[] = {
	{ "mount", FLAG_LIST },	   { "network", FLAG_TEXT },
	{ "security", FLAG_TEXT }, { "device", FLAG_LIST },
	{ NULL, FLAG_TEXT },
};

static const struct flag_def no_flags[] = {
	{ NULL, FLAG_TEXT },
};

enum { MAX_FLAGS = 8 };

static const struct flag_def *flags_of(enum instruction_kind kind)
{
	switch (kind) {
	case INSTR_ADD:
		return add_flags;
	case INSTR_COPY:
		return copy_flags;
	case INSTR_FROM:
		return from_flags;
	case INSTR_HEALTHCHECK:
		return healthcheck_flags;
	case INSTR_RUN:
		return run_flags;
	default:
		return no_flags;
	}
}

const char *flag_value(const char *flag, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(flag, "--", 2) || strncmp(flag + 2, name, len))
		return NULL;
	flag += 2 + len;
	if (!*flag)
		return flag;
	return *flag == '=' ? flag + 1 : NULL;
}

const char *instruction_flag(const struct instruction *in, const char *name)
{
	size_t i = in->flags.len;

	while (i-- > 0) {
		const char *value = flag_value(in->flags.items[i], name);

		if (value)
			return value;
	}
	return NULL;
}

/* 1, 0, or -1 for what is no boolean; a bare flag means true. */
static int bool_value(const char *value)
{
	if (!*value || !strcasecmp(value, "true"))
		return 1;
	return strcasecmp(value, "false") ? -1 : 0;
}

static int refuse_bool(const char *name, const char *value, struct error *err)
{
	return error_set(err, ERROR_DOCKERFILE,
			 "expecting boolean value for flag --%s, not: %s", name,
			 value);
}

int instruction_flag_bool(const struct instruction *in, const char *name,
			  bool *ret, struct error *err)
{
	const char *value = instruction_flag(in, name);
	int parsed = value ? bool_value(value) : 0;

	if (parsed < 0)
		return refuse_bool(name, value, err);
	*ret = parsed > 0;
	return 0;
}

/* An instruction that has the flag, or NULL. */
static const char *owner_of(const char *flag)
{
	static const enum instruction_kind kinds[] = { INSTR_COPY, INSTR_ADD,
						       INSTR_RUN, INSTR_FROM,
						       INSTR_HEALTHCHECK };
	const struct flag_def *def;
	size_t i;

	for (i = 0; i < ARRAY_LEN(kinds); i++)
		for (def = flags_of(kinds[i]); def->name; def++)
			if (flag_value(flag, def->name))
				return instruction_name(kinds[i]);
	return NULL;
}

static int refuse_unknown(const struct flag_def *defs, const char *flag,
			  struct error *err)
{
	int len = (int)strcspn(flag, "=");
	const char *names[MAX_FLAGS];
	struct hint near;
	char name[128];
	size_t n;

	for (n = 0; defs[n].name; n++)
		names[n] = defs[n].name;
	snprintf(name, sizeof(name), "%.*s", len - 2, flag + 2);
	if (!suggest(name, names, n, false) && owner_of(flag))
		return error_set(err, ERROR_DOCKERFILE,
				 "unknown flag: %.*s (it is a flag of %s)", len,
				 flag, owner_of(flag));
	return error_set(err, ERROR_DOCKERFILE, "unknown flag: %.*s%s", len,
			 flag, hint(&near, suggest(name, names, n, false)));
}

static int check_value(const struct flag_def *def, const char *flag,
		       struct error *err)
{
	const char *eq = strchr(flag, '=');

	if (def->kind == FLAG_BOOL ? eq && !eq[1] : !eq)
		return error_set(err, ERROR_DOCKERFILE,
				 "missing a value on flag: --%s (write "
				 "--%s=%s)",
				 def->name, def->name,
				 def->kind == FLAG_BOOL ? "true" : "VALUE");
	if (def->kind == FLAG_BOOL && eq && bool_value(eq + 1) < 0)
		return refuse_bool(def->name, eq + 1, err);
	return 0;
}

int flags_check(const struct instruction *in, struct error *err)
{
	const struct flag_def *defs = flags_of(in->kind);
	bool used[MAX_FLAGS] = { false };
	size_t i, n;

	for (i = 0; i < in->flags.len; i++) {
		const char *flag = in->flags.items[i];

		for (n = 0; defs[n].name; n++)
			if (flag_value(flag, defs[n].name))
				break;
		if (!defs[n].name)
			return refuse_unknown(defs, flag, err);
		if (used[n] && defs[n].kind != FLAG_LIST)
			return error_set(err, ERROR_DOCKERFILE,
					 "duplicate flag specified: --%s",
					 defs[n].name);
		used[n] = true;
		if (check_value(&defs[n], flag, err) < 0)
			return -1;
	}
	return 0;
}
