#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/request.h"
#include "tests/unit/registry/script.h"

#define BASIC "Authorization: Basic dTpw" /* u:p */
#define BEARER(realm)                                                          \
	"WWW-Authenticate: Bearer realm=\"" realm "\",service=\"s\""
#define UNAUTHORIZED(challenge)                                                \
	{                                                                      \
		.status = 401, .headers = challenge                            \
	}
#define TOKEN(value)                                                           \
	{                                                                      \
		.body = "{\"token\":\"" value "\"}"                            \
	}

/* Ask `domain` for /v2/a/x and give the status, or -1. */
static int ask(struct registry *r, const char *domain, struct request *rq,
	       struct error *err)
{
	AUTO(reply_release) struct reply reply = { 0 };
	struct host *h;

	rq->method = rq->method ? rq->method : "GET";
	rq->path = rq->path ? rq->path : "/v2/a/x";
	rq->access.repository = "a";
	assert_int_equal(client_host(r, domain, &h, err), 0);
	if (request_send(r, h, rq, &reply, err) < 0)
		return -1;
	return reply.x->status;
}

/* Run the acts for one plain request; the log is compared with `lines`. */
static int play(const struct act *acts, size_t n, const char *domain,
		struct request rq, const char *lines, struct error *err)
{
	AUTO(script_release) struct script s = { .acts = acts, .n = n };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	int status = ask(r, domain, &rq, err);

	assert_log(&s, lines);
	return status;
}

#define PLAY(acts, domain, rq, lines, err)                                     \
	play(acts, ARRAY_LEN(acts), domain, rq, lines, err)

static void set_credentials(const char *json)
{
	assert_int_equal(setenv("DOCKER_AUTH_CONFIG", json, 1), 0);
}

static int log_in(void **state)
{
	(void)state;
	set_credentials("{\"auths\":{\"r.x\":{\"auth\":\"dTpw\"},"
			"\"127.0.0.1:5\":{\"auth\":\"dTpw\"}}}");
	return 0;
}

static int log_out(void **state)
{
	(void)state;
	return unsetenv("DOCKER_AUTH_CONFIG");
}

static void an_open_registry_is_asked_without_credentials(void **state)
{
	static const struct act acts[] = { { 0 }, { 0 } };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x",
			      &err),
			 200);
}

static void basic_is_answered_at_once(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""), { 0 }
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x | " BASIC,
			      &err),
			 200);
}

static void refused_credentials_are_not_sent_twice(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x | " BASIC,
			      &err),
			 -1);
	assert_int_equal(err.kind, ERROR_AUTH);
}

static void nobody_has_no_credentials_to_send(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
		{ .status = 401,
		  .headers = "WWW-Authenticate: Basic realm=\"r\"",
		  .body = "{\"errors\":[{\"message\":\"log in\"}]}" },
	};
	struct error err = ERROR_INIT;
	char message[512];

	(void)state;
	assert_int_equal(PLAY(acts, "other.x", (struct request){ 0 },
			      "GET https://other.x/v2/\n"
			      "GET https://other.x/v2/a/x",
			      &err),
			 -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_string_equal(error_message(&err, message, sizeof(message)),
			    "no credentials for other.x: GET "
			    "https://other.x/v2/a/x: 401 Unauthorized: log in");
}

static void a_token_is_fetched_with_the_scope_of_the_request(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED(BEARER("https://auth.x/t")), TOKEN("T"), { 0 }
	};
	struct request rq = { .access = { .push = true, .also_pull = "b/c" } };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		PLAY(acts, "r.x", rq,
		     "GET https://r.x/v2/\n"
		     "GET https://auth.x/t?service=s"
		     "&scope=repository%3Aa%3Apull%2Cpush"
		     "&scope=repository%3Ab%2Fc%3Apull&account=u | " BASIC "\n"
		     "GET https://r.x/v2/a/x | Authorization: Bearer T",
		     &err),
		200);
}

static void a_kept_token_serves_the_next_request(void **state)
{
	static const struct act acts[] = { UNAUTHORIZED(
						   BEARER("https://auth.x/t")),
					   TOKEN("T"),
					   { 0 },
					   { 0 } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 4 };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	struct request one = { 0 }, two = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ask(r, "open.x", &one, &err), 200);
	assert_int_equal(ask(r, "open.x", &two, &err), 200);
	assert_log(&s, "GET https://open.x/v2/\n"
		       "GET https://auth.x/t?service=s"
		       "&scope=repository%3Aa%3Apull\n"
		       "GET https://open.x/v2/a/x | Authorization: Bearer T\n"
		       "GET https://open.x/v2/a/x | Authorization: Bearer T");
}

static void an_expired_token_is_fetched_anew(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED(BEARER("https://auth.x/t")),
		TOKEN("T1"),
		UNAUTHORIZED(BEARER("https://auth.x/t") ",error=\"invalid\""),
		TOKEN("T2"),
		{ 0 },
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		PLAY(acts, "open.x", (struct request){ 0 },
		     "GET https://open.x/v2/\n"
		     "GET https://auth.x/t?service=s"
		     "&scope=repository%3Aa%3Apull\n"
		     "GET https://open.x/v2/a/x | Authorization: Bearer T1\n"
		     "GET https://auth.x/t?service=s"
		     "&scope=repository%3Aa%3Apull\n"
		     "GET https://open.x/v2/a/x | Authorization: Bearer T2",
		     &err),
		200);
}

static void a_missing_scope_is_asked_for_as_told(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED(BEARER("https://auth.x/t")),
		TOKEN("T1"),
		UNAUTHORIZED(BEARER("https://auth.x/t") ",scope=\"repository:a:"
							"pull registry:x:*\""),
		TOKEN("T2"),
		UNAUTHORIZED(BEARER("https://auth.x/t")),
		TOKEN("T3"),
		UNAUTHORIZED(BEARER("https://auth.x/t")),
	};
	AUTO(script_release)
	struct script s = { .acts = acts, .n = ARRAY_LEN(acts) };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	struct request rq = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	/* And there is an end to it. */
	assert_int_equal(ask(r, "open.x", &rq, &err), -1);
	assert_int_equal(err.kind, ERROR_AUTH);
	assert_int_equal(s.next, s.n);
	assert_string_equal(s.log.items[3], "GET https://auth.x/t?service=s"
					    "&scope=repository%3Aa%3Apull"
					    "&scope=registry%3Ax%3A%2A");
}

static void an_identity_token_is_posted(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED(BEARER("https://auth.x/t")), TOKEN("T"), { 0 }
	};
	struct error err = ERROR_INIT;

	(void)state;
	set_credentials("{\"auths\":{\"r.x\":{\"identitytoken\":\"I/\"}}}");
	assert_int_equal(
		PLAY(acts, "r.x", (struct request){ 0 },
		     "GET https://r.x/v2/\n"
		     "POST https://auth.x/t | Content-Type: "
		     "application/x-www-form-urlencoded > "
		     "grant_type=refresh_token&refresh_token=I%2F&service=s"
		     "&client_id=shale&scope=repository%3Aa%3Apull"
		     "&access_type=offline\n"
		     "GET https://r.x/v2/a/x | Authorization: Bearer T",
		     &err),
		200);
}

static void a_server_without_post_gets_the_password(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED(BEARER("https://auth.x/t")),
		{ .status = 405 },
		TOKEN("T"),
		{ 0 },
	};
	AUTO(script_release)
	struct script s = { .acts = acts, .n = ARRAY_LEN(acts) };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	struct request rq = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	set_credentials("{\"auths\":{\"r.x\":{\"auth\":\"dTpw\","
			"\"identitytoken\":\"I\"}}}");
	assert_int_equal(ask(r, "r.x", &rq, &err), 200);
	assert_string_equal(s.log.items[2],
			    "GET https://auth.x/t?service=s"
			    "&scope=repository%3Aa%3Apull&account=u | " BASIC);
}

static void a_registry_token_is_sent_as_it_is(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED(BEARER("https://auth.x/t")), { 0 }
	};
	struct error err = ERROR_INIT;

	(void)state;
	set_credentials("{\"auths\":{\"r.x\":{\"registrytoken\":\"R\"}}}");
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x | Authorization: "
			      "Bearer R",
			      &err),
			 200);
}

static void nothing_is_sent_to_a_suspicious_realm(void **state)
{
	static const char *const realms[] = {
		"WWW-Authenticate: Bearer realm=\"http://auth.x/t\"",
		"WWW-Authenticate: Bearer realm=\"http://r.x/t\"",
		"WWW-Authenticate: Bearer realm=\"file:///etc/passwd\"",
		"WWW-Authenticate: Bearer realm=\"https://169.254.169.254/\"",
		"WWW-Authenticate: Bearer realm=\"https://127.0.0.1:9/\"",
		"WWW-Authenticate: Bearer realm=\"https://localhost/\"",
		"WWW-Authenticate: Bearer realm=\"https://auth.localhost./\"",
		"WWW-Authenticate: Bearer realm=\"https://[::1]/\"",
		"WWW-Authenticate: Bearer realm=\"https://u:p@r.x/\"",
		"WWW-Authenticate: Bearer realm=\"not a url\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(realms); i++) {
		const struct act acts[] = { UNAUTHORIZED(realms[i]) };
		struct error err = ERROR_INIT;

		assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
				      "GET https://r.x/v2/", &err),
				 -1);
		assert_int_equal(err.kind, ERROR_REFUSED);
	}
}

static void credentials_do_not_follow_a_redirect(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
		{ .status = 307,
		  .headers = "Location: https://cdn.x/blob?sig" },
		{ .status = 302, .headers = "Location: https://r.x:444/b" },
		{ .status = 302, .headers = "Location: https://r.x/back" },
		{ 0 },
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x | " BASIC "\n"
			      "GET https://cdn.x/blob?sig\n"
			      "GET https://r.x:444/b\n"
			      "GET https://r.x/back | " BASIC,
			      &err),
			 200);
}

static void another_hosts_challenge_is_not_answered(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
		{ .status = 307, .headers = "Location: https://cdn.x/b" },
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x | " BASIC "\n"
			      "GET https://cdn.x/b",
			      &err),
			 -1);
	assert_int_equal(err.kind, ERROR_AUTH);
}

static void an_upload_elsewhere_gets_no_credentials(void **state)
{
	static const struct act acts[] = {
		UNAUTHORIZED("WWW-Authenticate: Basic realm=\"r\""),
		{ .status = 201 },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 2 };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	AUTO(url_release) struct url elsewhere = { 0 };
	AUTO(reply_release) struct reply reply = { 0 };
	struct request rq = { .method = "PUT",
			      .url = &elsewhere,
			      .access = { "a", true, NULL } };
	struct error err = ERROR_INIT;
	struct host *h;

	(void)state;
	assert_int_equal(
		url_parse("https://evil.x/up?digest=d", &elsewhere, &err), 0);
	assert_int_equal(client_host(r, "r.x", &h, &err), 0);
	assert_int_equal(request_send(r, h, &rq, &reply, &err), 0);
	assert_log(&s, "GET https://r.x/v2/\n"
		       "PUT https://evil.x/up?digest=d");
}

static void redirects_do_not_lower_the_guard(void **state)
{
	static const char *const locations[] = {
		"Location: http://r.x/b",
		"Location: http://cdn.x/b",
		"Location: https://169.254.169.254/latest",
		"Location: https://127.0.0.1:2375/",
		"Location: https://x.localhost/",
		"Location: file:///etc/passwd",
		"Location: https://u:p@cdn.x/",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(locations); i++) {
		const struct act acts[] = {
			{ 0 }, { .status = 307, .headers = locations[i] }
		};
		struct error err = ERROR_INIT;

		assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
				      "GET https://r.x/v2/\n"
				      "GET https://r.x/v2/a/x",
				      &err),
				 -1);
		assert_int_equal(err.kind, ERROR_REFUSED);
	}
}

static void redirects_have_an_end(void **state)
{
	struct act acts[12] = { { 0 } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 12 };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	struct request rq = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 1; i < ARRAY_LEN(acts); i++)
		acts[i] = (struct act){ .status = 307,
					.headers = "Location: /v2/a/x" };
	assert_int_equal(ask(r, "r.x", &rq, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void loopback_registries_may_speak_plain_http(void **state)
{
	static const struct act acts[] = {
		{ .failure = HTTP_UNREACHABLE },
		UNAUTHORIZED(BEARER("http://127.0.0.1:6/t")),
		TOKEN("T"),
		{ 0 },
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		PLAY(acts, "127.0.0.1:5", (struct request){ 0 },
		     "GET https://127.0.0.1:5/v2/\n"
		     "GET http://127.0.0.1:5/v2/\n"
		     "GET http://127.0.0.1:6/t?service=s"
		     "&scope=repository%3Aa%3Apull&account=u | " BASIC "\n"
		     "GET http://127.0.0.1:5/v2/a/x | Authorization: Bearer T",
		     &err),
		200);
}

static void others_may_not(void **state)
{
	static const struct act acts[] = { { .failure = HTTP_UNTRUSTED } };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/", &err),
			 -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
}

static void what_passes_is_tried_again(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 503 },
		{ .failure = HTTP_BROKEN },
		{ .status = 429, .headers = "Retry-After: 0" },
		{ .status = 404 },
	};
	struct request rq = { .method = "HEAD", .answer = 404 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", rq,
			      "GET https://r.x/v2/\n"
			      "HEAD https://r.x/v2/a/x\n"
			      "HEAD https://r.x/v2/a/x\n"
			      "HEAD https://r.x/v2/a/x\n"
			      "HEAD https://r.x/v2/a/x",
			      &err),
			 404);
}

static void tries_are_counted(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 503 },
		{ .status = 503 },
		{ .status = 503,
		  .body = "{\"errors\":[{\"code\":\"UNAVAILABLE\","
			  "\"message\":\"maintenance\"}]}" },
	};
	const struct registry_options options = { .retries = 3 };
	AUTO(script_release) struct script s = { .acts = acts, .n = 4 };
	AUTO(registry_free) struct registry *r = script_client(&s, &options);
	struct request rq = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ask(r, "r.x", &rq, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_string_equal(err.text, "GET https://r.x/v2/a/x: 503 Service "
				      "Unavailable: maintenance");
	assert_int_equal(s.next, s.n);
	assert_int_equal(s.told.len, 2);
}

static void a_permanent_error_fails_at_once(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 413, .headers = "Retry-After: 1" },
	};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(PLAY(acts, "r.x", (struct request){ 0 },
			      "GET https://r.x/v2/\n"
			      "GET https://r.x/v2/a/x",
			      &err),
			 -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static void warnings_are_told_once(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .headers = "Warning: 299 - \"going away\x1b\"" },
		{ .headers = "Warning: 299 - \"going away\x1b\"" },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 3 };
	AUTO(registry_free) struct registry *r = script_client(&s, NULL);
	struct request one = { 0 }, two = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(ask(r, "r.x", &one, &err), 200);
	assert_int_equal(ask(r, "r.x", &two, &err), 200);
	assert_int_equal(s.told.len, 1);
	assert_string_equal(s.told.items[0], "warning from r.x: going away?");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, log_in, log_out)
	const struct CMUnitTest tests[] = {
		TEST(an_open_registry_is_asked_without_credentials),
		TEST(basic_is_answered_at_once),
		TEST(refused_credentials_are_not_sent_twice),
		TEST(nobody_has_no_credentials_to_send),
		TEST(a_token_is_fetched_with_the_scope_of_the_request),
		TEST(a_kept_token_serves_the_next_request),
		TEST(an_expired_token_is_fetched_anew),
		TEST(a_missing_scope_is_asked_for_as_told),
		TEST(an_identity_token_is_posted),
		TEST(a_server_without_post_gets_the_password),
		TEST(a_registry_token_is_sent_as_it_is),
		TEST(nothing_is_sent_to_a_suspicious_realm),
		TEST(credentials_do_not_follow_a_redirect),
		TEST(another_hosts_challenge_is_not_answered),
		TEST(an_upload_elsewhere_gets_no_credentials),
		TEST(redirects_do_not_lower_the_guard),
		TEST(redirects_have_an_end),
		TEST(loopback_registries_may_speak_plain_http),
		TEST(others_may_not),
		TEST(what_passes_is_tried_again),
		TEST(tries_are_counted),
		TEST(a_permanent_error_fails_at_once),
		TEST(warnings_are_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
