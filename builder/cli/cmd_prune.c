#include <stdio.h>
#include <string.h>

#include "builder/cli/age.h"
#include "builder/cli/commands.h"
#include "builder/cli/limits.h"
#include "builder/cli/session.h"
#include "builder/cli/table.h"
#include "store/gc.h"

/* What a command line's filters come to. */
struct filters {
	struct gc_label *labels;
	size_t n_labels;
	bool wants_label; /* one that has to be there */
};

static void filters_release(struct filters *f)
{
	free(f->labels);
}
DEFINE_RELEASE(struct filters, filters_release);

/* "KEY" or "KEY=VALUE", cut in place. */
static int add_label(struct filters *f, char *text, bool absent,
		     struct error *err)
{
	struct gc_label *grown =
		realloc(f->labels, (f->n_labels + 1) * sizeof(*grown));
	char *value = strchr(text, '=');

	if (!grown)
		return error_nomem(err, "reading filters");
	if (value)
		*value++ = '\0';
	f->labels = grown;
	grown[f->n_labels++] = (struct gc_label){ text, value, absent };
	f->wants_label |= !absent;
	return 0;
}

static int parse_filters(const struct strv *texts, struct filters *f,
			 struct gc_options *ret, struct error *err)
{
	for (size_t i = 0; i < texts->len; i++) {
		char *text = texts->items[i];
		int rc;

		if (!strncmp(text, "until=", 6))
			rc = age_parse(text + 6, &ret->unused_for, err);
		else if (!strncmp(text, "label=", 6) && text[6])
			rc = add_label(f, text + 6, false, err);
		else if (!strncmp(text, "label!=", 7) && text[7])
			rc = add_label(f, text + 7, true, err);
		else
			rc = error_set(err, ERROR_USAGE,
				       "--filter %s is not supported; use "
				       "until=AGE, label=KEY[=VALUE] or "
				       "label!=KEY[=VALUE]",
				       text);
		if (rc < 0)
			return -1;
	}
	ret->labels = f->labels;
	ret->n_labels = f->n_labels;
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
	AUTO(strv_release) struct strv filter_texts = STRV_INIT;
	AUTO(filters_release) struct filters filters = { 0 };
	AUTO(strv_release) struct strv words = STRV_INIT;
	const char *limit = NULL;
	bool all = false;
	static const struct command_usage usage = { "prune [OPTIONS]",
						    "prune takes no arguments",
						    0, 0 };
	const struct option_spec specs[] = {
		{ "all", 'a', OPTION_BOOL, &all, NULL,
		  "forget the build cache and cache mounts, too" },
		{ "filter", 0, OPTION_LIST, &filter_texts, "FILTER",
		  "until=AGE: forget only what nobody used for that long; "
		  "label=KEY[=VALUE], label!=...: remove only what belongs to "
		  "images with, without that label" },
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
	if (parse_filters(&filter_texts, &filters, &options, err) < 0 ||
	    parse_limit(limit, &options.max_bytes, err) < 0)
		return -1;
	if (options.n_labels && options.max_bytes)
		return error_set(err, ERROR_USAGE,
				 "a limit is for the whole store: labels do "
				 "not go with it");
	session.reads = true; /* a batch wants room */
	/* Steps and cache mounts have no labels. */
	options.drop_steps = options.drop_mounts = all && !filters.wants_label;
	return prune(&session, &options, err);
}
