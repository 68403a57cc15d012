#include <stdio.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "store/fsck.h"

static void print_fault(void *ctx, const char *line)
{
	(void)ctx;
	printf("%s\n", line);
}

int cmd_fsck(int argc, char **argv, struct error *err)
{
	struct session_options session = { 0 };
	struct fsck_report report = { 0 };
	bool dry_run = false;
	static const struct command_usage usage = { "fsck [OPTIONS]",
						    "fsck takes no arguments",
						    0, 0 };
	const struct option_spec specs[] = {
		{ "dry-run", 'n', OPTION_BOOL, &dry_run, NULL,
		  "tell only, repair nothing" },
		SESSION_STORE_OPTIONS(session),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 &words, err);
	struct fsck_options options = { .found = print_fault };

	if (rc <= 0)
		return rc;
	options.repair = !dry_run;
	if (session_open(&session, &s, err) < 0 ||
	    fsck_run(s->batch, &options, s->cancel, &report, err) < 0)
		return -1;
	printf("Checked %llu objects and records, %llu damaged\n",
	       (unsigned long long)report.n_checked,
	       (unsigned long long)report.n_faults);
	return dry_run && report.n_faults ? 1 : 0;
}
