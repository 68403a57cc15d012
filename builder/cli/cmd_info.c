#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "builder/sandbox/probe.h"
#include "store/base/io.h"
#include "store/platform.h"

static void print_machine(const struct store *store)
{
	const struct platform host = platform_host();
	char platform[PLATFORM_TEXT_SIZE];
	struct utsname uts;

	printf("version    %s\n", SHALE_VERSION);
	printf("platform   %s\n", platform_format(&host, platform));
	if (uname(&uts) == 0)
		printf("kernel     %s\n", uts.release);
	printf("store      %s\n", store_path(store));
}

static void print_findings(const struct probe_finding *findings, size_t n)
{
	size_t i;

	printf("\n");
	for (i = 0; i < n; i++)
		printf("%-4s %s: %s\n", findings[i].works ? "yes" : "no",
		       findings[i].what, findings[i].text);
}

static int info(const char *root, struct error *err)
{
	AUTO(store_close) struct store *store = NULL;
	struct probe_finding findings[PROBE_MAX];
	struct error no_namespace = ERROR_INIT;
	enum userns_kind kind;
	const char *why = NULL;
	bool entered = userns_enter(&kind, &why, &no_namespace) == 0;
	size_t n;

	if (store_open(root, &store, err) < 0) {
		if (!entered)
			*err = no_namespace;
		return -1;
	}
	n = entered ? probe_all(store_path(store), kind, why, findings)
		    : probe_without_namespace(&no_namespace, findings);
	print_machine(store);
	print_findings(findings, n);
	return 0;
}

int cmd_info(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	static const struct command_usage usage = { "info",
						    "info takes no arguments",
						    0, 0 };
	const struct option_spec specs[] = { SESSION_STORE_OPTIONS(options) };
	AUTO(strv_release) struct strv words = STRV_INIT;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	return info(options.root, err);
}
