#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/challenge.h"

static struct challenge pick(const char *first, const char *second)
{
	AUTO(strv_release) struct strv headers = STRV_INIT;
	struct error err = ERROR_INIT;
	struct challenge c;

	strv_append(&headers, "Content-Type: text/plain");
	strv_append(&headers, first);
	if (second)
		strv_append(&headers, second);
	assert_int_equal(challenge_pick(&headers, &c, &err), 0);
	return c;
}

static void a_bearer_challenge_is_read(void **state)
{
	struct challenge c = pick(
		"Www-Authenticate: Bearer realm=\"https://auth.x/token\","
		"service=\"registry.x\" , scope=\"repository:a/b:pull,push\","
		" error=\"insufficient_scope\"",
		NULL);

	(void)state;
	assert_int_equal(c.scheme, CHALLENGE_BEARER);
	assert_string_equal(c.realm, "https://auth.x/token");
	assert_string_equal(c.service, "registry.x");
	assert_string_equal(c.scope, "repository:a/b:pull,push");
	assert_string_equal(c.error, "insufficient_scope");
	challenge_release(&c);
}

static void bearer_is_preferred_wherever_it_stands(void **state)
{
	static const struct {
		const char *first, *second;
	} cases[] = {
		{ "WWW-Authenticate: Basic realm=\"x\"",
		  "www-authenticate: BEARER realm=\"https://r\"" },
		{ "WWW-Authenticate: Bearer realm=\"https://r\"",
		  "WWW-Authenticate: Basic realm=x" },
		{ "WWW-Authenticate: Basic realm=\"x\", Bearer "
		  "realm=\"https://r\"",
		  NULL },
		{ "WWW-Authenticate: Negotiate, Bearer realm=\"https://r\", "
		  "Basic realm=\"b\", charset=\"UTF-8\"",
		  NULL },
		{ "WWW-Authenticate: Negotiate YWJj==, bearer realm=https://r",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct challenge c = pick(cases[i].first, cases[i].second);

		assert_int_equal(c.scheme, CHALLENGE_BEARER);
		assert_string_equal(c.realm, "https://r");
		challenge_release(&c);
	}
}

static void quoted_values_may_hold_anything(void **state)
{
	struct challenge c = pick("WWW-Authenticate: Basic realm=\"a, Bearer "
				  "realm=\\\"https://evil\\\"\"",
				  NULL);

	(void)state;
	assert_int_equal(c.scheme, CHALLENGE_BASIC);
	assert_string_equal(c.realm, "a, Bearer realm=\"https://evil\"");
	challenge_release(&c);
}

static void nonsense_is_no_challenge(void **state)
{
	static const char *const headers[] = {
		"WWW-Authenticate:",
		"WWW-Authenticate: ,,, = \"",
		"WWW-Authenticate: Bearer",
		"WWW-Authenticate: Bearer service=\"x\"",
		"WWW-Authenticate: Bearerish realm=\"https://x\"",
		"X-WWW-Authenticate: Basic realm=x",
		"WWW-Authenticate: \"Basic\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct challenge c = pick(headers[i], NULL);

		if (c.scheme != CHALLENGE_NONE)
			fail_msg("%s", headers[i]);
		challenge_release(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bearer_challenge_is_read),
		cmocka_unit_test(bearer_is_preferred_wherever_it_stands),
		cmocka_unit_test(quoted_values_may_hold_anything),
		cmocka_unit_test(nonsense_is_no_challenge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
