#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/limits.h"
#include "builder/cli/session.h"
#include "builder/cli/table.h"
#include "store/gc.h"

/* "90s", "15m", "24h" or "7d" as seconds. */
static int parse_age(const char *text, int64_t *ret, struct error *err)
{
	static const struct {
		char suffix;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long value;
	size_t i;

	errno = 0;
	value = strtol(text, &end, 10);
	if (!errno && end != text && value >= 0 && value <= 1000000000)
		for (i = 0; i < ARRAY_LEN(units); i++)
			if (end[0] == units[i].suffix && !end[1]) {
				*ret = value * units[i].seconds;
				return 0;
			}
	return error_set(err, ERROR_USAGE,
			 "\"%s\" is not an age such as 90s, 15m, 24h or 7d",
			 text);
}

static int parse_filters(const struct strv *filters, struct gc_options *ret,
			 struct error *err)
{
	size_t i;

	for (i = 0; i < filters->len; i++) {
		if (strncmp(filters->items[i], "until=", 6) != 0)
			return error_set(err, ERROR_USAGE,
					 "--filter %s is not supported; use "
					 "until=AGE",
					 filters->items[i]);
		if (parse_age(filters->items[i] + 6, &ret->unused_for, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_limit(const char *text, uint64_t *ret, struct error *err)
{
	int64_t bytes = 0;

	if (limit_parse_bytes("max-used-space", text, &bytes, err) < 0)
		return -1;
	if (text && bytes <= 0)
		return error_set(err, ERROR_USAGE,
				 "--max-used-space takes a size such as 500m "
				 "or 20g; --all forgets everything");
	*ret = (uint64_t)bytes;
	return 0;
}

static int prune(const struct session_options *session,
		 const struct gc_options *options, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(strv_release) struct strv freed = STRV_INIT;
	struct gc_report report = { 0 };

	if (session_open(session, &s, err) < 0)
		return -1;
	if (gc_run(s->store, options, s->cancel, &report, err) < 0)
		return -1;
	table_size(&freed, (int64_t)report.freed_bytes);
	if (strv_check(&freed, "reporting", err) < 0)
		return -1;
	printf("Total reclaimed space: %s\n", freed.items[0]);
	return 0;
}

int cmd_prune(int argc, char **argv, struct error *err)
{
	struct session_options session = { 0 };
	struct gc_options options = { 0 };
	AUTO(strv_release) struct strv filters = STRV_INIT;
	AUTO(strv_release) struct strv words = STRV_INIT;
	const char *limit = NULL;
	bool all = false;
	static const struct command_usage usage = { "prune [OPTIONS]",
						    "prune takes no arguments",
						    0, 0 };
	const struct option_spec specs[] = {
		{ "all", 'a', OPTION_BOOL, &all, NULL,
		  "forget the build cache and cache mounts, too" },
		{ "filter", 0, OPTION_LIST, &filters, "until=AGE",
		  "only what nobody used for that long" },
		{ "max-used-space", 0, OPTION_STRING, &limit, "SIZE",
		  "forget what was used longest ago until the rest fits" },
		{ "keep-storage", 0, OPTION_STRING, &limit, "SIZE",
		  "the same" },
		{ "force", 'f', OPTION_IGNORED_BOOL, NULL, NULL, NULL },
		SESSION_STORE_OPTIONS(session),
	};
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (parse_filters(&filters, &options, err) < 0 ||
	    parse_limit(limit, &options.max_bytes, err) < 0)
		return -1;
	session.reads = true; /* and waits for those who add */
	options.drop_steps = options.drop_mounts = all;
	return prune(&session, &options, err);
}
