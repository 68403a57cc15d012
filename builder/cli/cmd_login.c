#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/prompt.h"
#include "builder/cli/session.h"
#include "builder/cli/signals.h"
#include "registry/credential_helper.h"
#include "registry/login.h"
#include "store/base/io.h"

#define PASSWORD_MAX ((size_t)64 << 10)

struct login_command {
	struct session_options session;
	const char *user, *password;
	bool password_stdin;
	struct cancel *cancel;
};

/* As docker does, one line end behind the password is not part of it. */
static char *password_from_stdin(struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	if (io_read_all(STDIN_FILENO, PASSWORD_MAX, "the password", &text,
			err) < 0)
		return NULL;
	if (text.len && text.data[text.len - 1] == '\n')
		buf_truncate(&text, text.len - 1);
	if (text.len && text.data[text.len - 1] == '\r')
		buf_truncate(&text, text.len - 1);
	if (text.len && memchr(text.data, '\0', text.len)) {
		error_set(err, ERROR_USAGE, "the password holds a NUL byte");
		return NULL;
	}
	return buf_steal_checked(&text, "reading a password", err);
}

static char *ask_password(const struct login_command *c, struct error *err)
{
	char *text;

	if (c->password_stdin)
		return password_from_stdin(err);
	if (!c->password)
		return prompt_line("Password: ", true, c->cancel, err);
	fprintf(stderr, "warning: other users can see a password given with "
			"-p; use --password-stdin\n");
	text = strdup(c->password);
	if (!text)
		error_nomem(err, "reading a password");
	return text;
}

static int ask(const struct login_command *c, struct credential *ret,
	       struct error *err)
{
	AUTO(credential_release) struct credential given = { 0 };

	if (c->user)
		given.username = strdup(c->user);
	else
		given.username =
			prompt_line("Username: ", false, c->cancel, err);
	if (!given.username)
		return c->user ? error_nomem(err, "logging in")
			       : error_wrap(err, "no user name; give one "
						 "with -u");
	if (!*given.username || strchr(given.username, ':'))
		return error_set(err, ERROR_USAGE,
				 "a user name is not empty and has no colon");
	given.password = ask_password(c, err);
	if (!given.password)
		return error_wrap(err, "no password; give one with "
				       "--password-stdin");
	if (!*given.password)
		return error_set(err, ERROR_USAGE, "the password is empty");
	*ret = given;
	given = (struct credential){ 0 };
	return 0;
}

static int try(const struct login_command *c, const char *domain,
	       const struct credential *given, struct error *err)
{
	AUTO(registry_free) struct registry *r = NULL;
	struct registry_options how;
	autofree char *both = NULL;
	bool asked = true;
	int rc;

	if (session_registry_options(&c->session, &how, err) < 0)
		return -1;
	if (asprintf(&both, "%s:%s", given->username, given->password) < 0) {
		both = NULL;
		return error_nomem(err, "logging in");
	}
	how.credentials = both;
	how.cancel = c->cancel;
	rc = registry_new(&how, &r, err);
	if (rc == 0)
		rc = login_try(r, domain, &asked, err);
	explicit_bzero(both, strlen(both));
	if (rc == 0 && !asked)
		fprintf(stderr,
			"warning: %s asks for no credentials, so they could "
			"not be tried\n",
			domain);
	return rc;
}

static int login(const struct login_command *c, const char *host,
		 struct error *err)
{
	AUTO(credential_release) struct credential given = { 0 };
	const struct credentials_options place = {
		.config_dir = c->session.config_dir,
		.helper_timeout_ms = CREDENTIAL_HELPER_TIMEOUT_MS,
		.cancel = c->cancel,
	};
	autofree char *domain = login_domain(host, err), *where = NULL;

	if (!domain || ask(c, &given, err) < 0)
		return -1;
	if (try(c, domain, &given, err) < 0 ||
	    login_store(&place, domain, &given, &where, err) < 0)
		return error_wrap(err, "logging in to %s", domain);
	printf("Login Succeeded\n");
	fprintf(stderr, "credentials for %s are kept in %s\n", domain, where);
	return 0;
}

static int parse_words(struct login_command *c, int argc, char **argv,
		       struct strv *words, struct error *err)
{
	static const struct command_usage usage = {
		"login [OPTIONS] [HOST]",
		"login takes one registry host (default: Docker Hub)", 0, 1
	};
	const struct option_spec specs[] = {
		{ "username", 'u', OPTION_STRING, &c->user, "USER",
		  "user name (default: ask)" },
		{ "password", 'p', OPTION_STRING, &c->password, "PASSWORD",
		  "password; visible to others on this machine" },
		{ "password-stdin", 0, OPTION_BOOL, &c->password_stdin, NULL,
		  "read the password from standard input" },
		SESSION_HOST_OPTIONS(c->session),
	};
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 words, err);

	if (rc <= 0)
		return rc;
	if (c->password && c->password_stdin)
		return error_set(err, ERROR_USAGE,
				 "--password and --password-stdin exclude each "
				 "other");
	if (c->password_stdin && !c->user)
		return error_set(err, ERROR_USAGE,
				 "--password-stdin needs --username");
	return rc;
}

int cmd_login(int argc, char **argv, struct error *err)
{
	struct login_command c = { 0 };
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(cancel_free) struct cancel *cancel = NULL;
	AUTO(signals_free) struct signals *signals = NULL;
	int rc = parse_words(&c, argc, argv, &words, err);

	if (rc <= 0)
		return rc;
	if (cancel_new(&cancel, err) < 0 ||
	    signals_watch(cancel, 0, &signals, err) < 0)
		return -1;
	c.cancel = cancel;
	return login(&c, words.len ? words.items[0] : NULL, err);
}
