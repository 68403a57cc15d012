/*
 * A user's credential files, a helper's answer, a token server's reply: what
 * is found for one host is never found for another.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/auth_file.h"
#include "registry/credential_helper.h"
#include "registry/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(const char *text, size_t len)
{
	AUTO(auth_file_free) struct auth_file *f = NULL;
	AUTO(credential_release) struct credential one = { 0 }, two = { 0 };
	struct error err = ERROR_INIT;

	if (auth_file_parse(text, len, "config.json", &f, &err) < 0)
		return;
	auth_file_host_helper(f, "docker.io");
	auth_file_store_helper(f);
	auth_file_find(f, "docker.io", "library/a", &one, &err);
	/* No key can name this host. */
	if (!memmem(text, len, "h", 1) && !memmem(text, len, "\\", 1))
		assert(auth_file_find(f, "h.x", "a", &two, &err) < 0 ||
		       !credential_is_set(&two));
}

static void check_helper(const char *text, size_t len, bool ok)
{
	AUTO(credential_release) struct credential c = { 0 };
	struct error err = ERROR_INIT;

	if (credential_helper_parse(text, len, ok, &c, &err) < 0)
		assert(err.kind == ERROR_AUTH || err.kind == ERROR_NOMEM);
	else if (ok)
		assert(credential_is_set(&c));
}

static void check_token(const char *text, size_t len)
{
	autofree char *token = NULL, *refresh = NULL;
	struct error err = ERROR_INIT;
	int64_t expires_s;

	if (token_parse(text, len, &token, &refresh, &expires_s, &err) < 0)
		return;
	assert(*token && !strpbrk(token, " \r\n\t") && expires_s > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	check_file(text, size);
	check_helper(text, size, true);
	check_helper(text, size, false);
	check_token(text, size);
	return 0;
}
