/* What a hosts.toml says, and what becomes of it in requests. */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/hosts_toml.h"
#include "registry/manifest_get.h"
#include "store/base/io.h"
#include "tests/unit/registry/script.h"

static char dir[] = "/tmp/shale-hosts-XXXXXX";

/* Put `text` into the hosts.toml of `folder`. */
static void write_hosts(const char *folder, const char *text)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct error err = ERROR_INIT;

	buf_printf(&path, "%s/containerd/certs.d/%s", dir, folder);
	if (io_make_dirs(path.data, 0700, &err) < 0)
		fail_msg("%s", err.text);
	buf_append_str(&path, "/hosts.toml");
	if (io_replace_file(AT_FDCWD, path.data, text, strlen(text), 0600,
			    false, &err) < 0)
		fail_msg("%s", err.text);
}

static void add_file(struct buf *out, const char *label, const char *file)
{
	size_t below = strlen(dir) + strlen("/containerd/certs.d/");

	if (file)
		buf_printf(out, " %s=%s", label,
			   strncmp(file, dir, strlen(dir)) ? file
							   : file + below);
}

/* Files of this test's folder without it. */
static void describe(const struct host_settings *s, struct buf *out)
{
	if (s->insecure)
		buf_append_str(out, " insecure");
	for (size_t i = 0; i < s->ca.len; i++)
		add_file(out, "ca", s->ca.items[i]);
	add_file(out, "cert", s->client_cert);
	add_file(out, "key", s->client_key);
	for (size_t i = 0; i < s->headers.len; i++)
		buf_printf(out, " <%s>", s->headers.items[i]);
	if (s->connect_ms)
		buf_printf(out, " %" PRId64 "ms", s->connect_ms);
	if (s->ns)
		buf_printf(out, " ns=%s", s->ns);
}

static void assert_mirrors(const char *domain, bool by_digest,
			   const char *expected)
{
	AUTO(places_release) struct places places = { 0 };
	AUTO(buf_release) struct buf all = BUF_INIT;
	struct error err = ERROR_INIT;

	if (hosts_toml_mirrors(domain, "a", by_digest, &places, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < places.len; i++) {
		buf_printf(&all, "%s%s/%s", i ? "\n" : "",
			   places.items[i].domain, places.items[i].path);
		describe(&places.items[i].settings, &all);
	}
	assert_string_equal(all.data ? all.data : "", expected);
}

static void assert_settings(const char *domain, const char *expected)
{
	AUTO(host_settings_release) struct host_settings s = { 0 };
	AUTO(buf_release) struct buf all = BUF_INIT;
	struct error err = ERROR_INIT;

	if (hosts_toml_settings(domain, &s, &err) < 0)
		fail_msg("%s", err.text);
	describe(&s, &all);
	assert_string_equal(all.data ? all.data : "", expected);
}

static void mirrors_come_in_their_order_for_what_they_may(void **state)
{
	(void)state;
	write_hosts("r.x", "server = 'https://r.x'\n"
			   "[host.'http://one.x:5000']\n"
			   "capabilities = ['pull']\n"
			   "[host.'two.x']\n"
			   "capabilities = ['pull', 'resolve']\n"
			   "skip_verify = true\n"
			   "[host.'https://four.x']\n"
			   "capabilities = ['push']\n"
			   "[host.'https://r.x']\n");
	assert_mirrors("r.x", true,
		       "one.x:5000/a insecure ns=r.x\n"
		       "two.x/a insecure ns=r.x\n"
		       "r.x/a");
	assert_mirrors("r.x", false, "two.x/a insecure ns=r.x\nr.x/a");
	assert_mirrors("s.x", true, "");
}

static void what_is_not_below_v2_is_no_mirror(void **state)
{
	(void)state;
	write_hosts("r.x", "[host.'https://a.x/v2']\n"
			   "[host.'https://b.x/v2/']\n"
			   "[host.'https://c.x/v2/hub']\n"
			   "[host.'https://d.x/v2/hub/']\n"
			   "override_path = true\n"
			   "[host.'https://e.x/other']\n"
			   "override_path = true\n"
			   "[host.'https://f.x']\n"
			   "override_path = true\n"
			   "[host.'ftp://g.x']\n");
	assert_mirrors("r.x", true,
		       "a.x/a ns=r.x\n"
		       "b.x/a ns=r.x\n"
		       "d.x/hub/a ns=r.x");
}

static void docker_hub_is_no_mirror_of_itself(void **state)
{
	(void)state;
	write_hosts("docker.io", "server = 'https://registry-1.docker.io'\n"
				 "dial_timeout = '2s'\n"
				 "[host.'https://registry-1.docker.io']\n"
				 "[host.'https://m.x']\n");
	assert_mirrors("docker.io", true,
		       "registry-1.docker.io/a\nm.x/a ns=docker.io");
	assert_settings("docker.io", " 2000ms");
}

static void the_folder_with_the_port_comes_first_the_default_last(void **state)
{
	(void)state;
	write_hosts("_default", "skip_verify = true\n[host.'https://d.x']\n");
	assert_mirrors("r.x:5000", true, "d.x/a ns=r.x:5000");
	/* It would speak for every host there is. */
	assert_settings("r.x:5000", "");
	write_hosts("r.x:5000", "[host.'https://colon.x']\n");
	assert_mirrors("r.x:5000", true, "colon.x/a ns=r.x:5000");
	write_hosts("r.x_5000_", "[host.'https://underscore.x']\n");
	assert_mirrors("r.x:5000", true, "underscore.x/a ns=r.x:5000");
}

static void all_forms_of_settings_are_read(void **state)
{
	(void)state;
	write_hosts("r.x", "ca = '/etc/ca.pem'\n"
			   "client = 'both.pem'\n"
			   "dial_timeout = '1.5s'\n"
			   "unknown = 1\n"
			   "[header]\n"
			   "X-One = 'a b'\n"
			   "X-Two = ['c', 'd']\n"
			   "[host.'https://m.x']\n"
			   "ca = ['one.pem', '../two.pem']\n"
			   "client = [['a.cert', '/a.key'], ['b.pem', '']]\n"
			   "dial_timeout = '1m1s'\n"
			   "[host.'https://m.x'.header]\n"
			   "X-Three = 'e'\n"
			   "[host.'https://n.x']\n"
			   "client = ['c.pem', 'd.pem']\n"
			   "[host.'https://o.x']\n"
			   "client = [['e.pem', '']]\n");
	assert_settings("r.x",
			" ca=/etc/ca.pem cert=r.x/both.pem key=r.x/both.pem "
			"<X-One: a b> <X-Two: c> <X-Two: d> 1500ms");
	assert_mirrors("r.x", true,
		       "m.x/a ca=r.x/one.pem ca=two.pem cert=r.x/a.cert "
		       "key=/a.key <X-Three: e> 61000ms ns=r.x\n"
		       "n.x/a cert=r.x/c.pem key=r.x/c.pem ns=r.x\n"
		       "o.x/a cert=r.x/e.pem key=r.x/e.pem ns=r.x");
}

static void settings_are_those_of_the_server_they_name(void **state)
{
	(void)state;
	write_hosts("r.x", "server = 'https://other.x'\nca = 'x'\n");
	assert_settings("r.x", "");
	write_hosts("r.x", "server = 'http://r.x'\nca = 'x'\n");
	assert_settings("r.x", " insecure ca=r.x/x");
}

static void a_wrong_setting_is_named(void **state)
{
	static const struct {
		const char *text, *key;
	} cases[] = {
		{ "ca = 1", "'ca'" },
		{ "ca = ['a', 1]", "'ca'" },
		{ "client = true", "'client'" },
		{ "client = [1]", "'client'" },
		{ "client = [['a']]", "'client'" },
		{ "client = [['a', 'b', 'c']]", "'client'" },
		{ "client = ['a', ['b', 1]]", "'client'" },
		{ "header = 'x'", "'header'" },
		{ "header = { a = 1 }", "'header'" },
		{ "header = { 'a b' = 'c' }", "'header'" },
		{ "header = { a = \"b\\r\\nc\" }", "'header'" },
		{ "dial_timeout = 5", "'dial_timeout'" },
		{ "dial_timeout = '5'", "'dial_timeout'" },
		{ "dial_timeout = 's'", "'dial_timeout'" },
		{ "dial_timeout = '-1s'", "'dial_timeout'" },
		{ "dial_timeout = 'infs'", "'dial_timeout'" },
		{ "dial_timeout = '0s'", "'dial_timeout'" },
		{ "dial_timeout = '2h'", "'dial_timeout'" },
		{ "dial_timeout = '999us'", "'dial_timeout'" },
		{ "dial_timeout = ''", "'dial_timeout'" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(host_settings_release) struct host_settings s = { 0 };
		struct error err = ERROR_INIT;

		write_hosts("r.x", cases[i].text);
		if (hosts_toml_settings("r.x", &s, &err) == 0)
			fail_msg("accepted: %s", cases[i].text);
		assert_int_equal(err.kind, ERROR_USAGE);
		if (!strstr(err.text, cases[i].key) ||
		    !strstr(err.text, "/r.x/hosts.toml': ") ||
		    !strstr(err.text, "' of r.x has to be "))
			fail_msg("%s: %s", cases[i].text, err.text);
	}
}

/* ---- requests ---- */

/* Of "r.x/a:t". */
static void get_manifest(struct script *s)
{
	AUTO(registry_free) struct registry *r = script_client(s, NULL);
	AUTO(manifest_text_release) struct manifest_text m = { 0 };
	struct error err = ERROR_INIT;
	char message[512];

	if (manifest_get(r, "r.x", "a", "t", NULL, &m, &err) < 0)
		fail_msg("%s", error_message(&err, message, sizeof(message)));
}

static void
a_mirror_is_told_what_it_stands_in_for_the_registry_not(void **state)
{
	static const struct act acts[] = {
		{ 0 },
		{ .status = 404 },
		{ 0 },
		{ .body = "{}" },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 4 };

	(void)state;
	write_hosts("r.x", "dial_timeout = '3s'\n"
			   "header = { X-Who = 'r' }\n"
			   "[host.'https://m.x']\n"
			   "dial_timeout = '100ms'\n"
			   "header = { X-Who = 'm' }\n");
	get_manifest(&s);
	assert_log(&s,
		   "GET https://m.x/v2/?ns=r.x | X-Who: m | connect in 100 ms\n"
		   "GET https://m.x/v2/a/manifests/t?ns=r.x | X-Who: m"
		   " | connect in 100 ms\n"
		   "GET https://r.x/v2/ | X-Who: r | connect in 3000 ms\n"
		   "GET https://r.x/v2/a/manifests/t | X-Who: r"
		   " | connect in 3000 ms");
}

static void headers_go_to_the_hosts_own_origin_alone(void **state)
{
	static const struct act acts[] = {
		{ .status = 401,
		  .headers = "WWW-Authenticate: Bearer "
			     "realm=\"https://m.x/token\"" },
		{ .body = "{\"token\":\"T1\"}" },
		{ .status = 401,
		  .headers = "WWW-Authenticate: Bearer "
			     "realm=\"https://t.x/token\"" },
		{ .body = "{\"token\":\"T2\"}" },
		{ .status = 307, .headers = "Location: https://e.x/m" },
		{ .body = "{}" },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 6 };

	(void)state;
	write_hosts("r.x", "[host.'https://m.x']\nheader = { X-Who = 'm' }\n");
	get_manifest(&s);
	assert_log(&s, "GET https://m.x/v2/?ns=r.x | X-Who: m\n"
		       "GET https://m.x/token?scope=repository%3Aa%3Apull"
		       " | X-Who: m\n"
		       "GET https://m.x/v2/a/manifests/t?ns=r.x"
		       " | Authorization: Bearer T1 | X-Who: m\n"
		       "GET https://t.x/token?scope=repository%3Aa%3Apull\n"
		       "GET https://m.x/v2/a/manifests/t?ns=r.x"
		       " | Authorization: Bearer T2 | X-Who: m\n"
		       "GET https://e.x/m");
}

static void what_a_request_says_itself_stands(void **state)
{
	static const struct act acts[] = {
		{ .status = 401,
		  .headers = "WWW-Authenticate: Bearer "
			     "realm=\"https://t.x/token\"" },
		{ .body = "{\"token\":\"T\"}" },
		{ .body = "{}" },
	};
	AUTO(script_release) struct script s = { .acts = acts, .n = 3 };

	(void)state;
	write_hosts("r.x", "header = { authorization = 'Basic eA==' }\n");
	get_manifest(&s);
	assert_log(
		&s,
		"GET https://r.x/v2/ | authorization: Basic eA==\n"
		"GET https://t.x/token?scope=repository%3Aa%3Apull\n"
		"GET https://r.x/v2/a/manifests/t | Authorization: Bearer T");
}

/* The file is often root's, and what it names, too. */
static void a_mirror_whose_files_cannot_be_read_is_passed_over(void **state)
{
	static const struct act acts[] = { { 0 }, { .body = "{}" } };
	AUTO(script_release) struct script s = { .acts = acts, .n = 2 };

	(void)state;
	write_hosts("r.x", "[host.'https://m.x']\nca = 'missing.pem'\n");
	get_manifest(&s);
	assert_log(&s, "GET https://r.x/v2/\nGET https://r.x/v2/a/manifests/t");
	assert_int_equal(s.told.len, 1);
	assert_non_null(strstr(s.told.items[0], "mirror m.x: "));
	assert_non_null(strstr(s.told.items[0], "r.x/missing.pem"));
}

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return mkdtemp(dir) ? setenv("XDG_CONFIG_HOME", dir, 1) : -1;
}

static int remove_dir(void **state)
{
	struct error err;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		TEST(mirrors_come_in_their_order_for_what_they_may),
		TEST(what_is_not_below_v2_is_no_mirror),
		TEST(docker_hub_is_no_mirror_of_itself),
		TEST(the_folder_with_the_port_comes_first_the_default_last),
		TEST(all_forms_of_settings_are_read),
		TEST(settings_are_those_of_the_server_they_name),
		TEST(a_wrong_setting_is_named),
		TEST(a_mirror_is_told_what_it_stands_in_for_the_registry_not),
		TEST(headers_go_to_the_hosts_own_origin_alone),
		TEST(what_a_request_says_itself_stands),
		TEST(a_mirror_whose_files_cannot_be_read_is_passed_over),
	};

	setenv("CONTAINERS_REGISTRIES_CONF", "/nonexistent", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
