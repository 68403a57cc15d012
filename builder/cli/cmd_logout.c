#include <stdio.h>

#include "builder/cli/commands.h"
#include "builder/cli/options.h"
#include "builder/cli/signals.h"
#include "registry/credential_helper.h"
#include "registry/login.h"

static int logout(const struct credentials_options *place, const char *host,
		  struct error *err)
{
	autofree char *domain = login_domain(host, err), *where = NULL;
	bool found = false;

	if (!domain)
		return -1;
	if (login_erase(place, domain, &found, &where, err) < 0)
		return error_wrap(err, "logging out of %s", domain);
	if (found)
		printf("Removed the credentials for %s from %s\n", domain,
		       where);
	else
		printf("Not logged in to %s\n", domain);
	return 0;
}

int cmd_logout(int argc, char **argv, struct error *err)
{
	struct credentials_options place = {
		.helper_timeout_ms = CREDENTIAL_HELPER_TIMEOUT_MS,
	};
	static const struct command_usage usage = {
		"logout [OPTIONS] [HOST]",
		"logout takes one registry host (default: Docker Hub)", 0, 1
	};
	const struct option_spec specs[] = {
		{ "config", 0, OPTION_STRING, &place.config_dir, "DIR",
		  "directory of config.json (default: DOCKER_CONFIG, "
		  "~/.docker)" },
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(cancel_free) struct cancel *cancel = NULL;
	AUTO(signals_free) struct signals *signals = NULL;
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 &words, err);

	if (rc <= 0)
		return rc;
	if (cancel_new(&cancel, err) < 0 ||
	    signals_watch(cancel, 0, &signals, err) < 0)
		return -1;
	place.cancel = cancel;
	return logout(&place, words.len ? words.items[0] : NULL, err);
}
