/* Configuration of mirrors, and the TOML it is written in. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "registry/mirrors.h"
#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/base/json.h"
#include "store/base/toml.h"

static char dir[] = "/tmp/shale-mirrors-XXXXXX";

static void toml_is_read_as_it_is_meant(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "", "{}" },
		{ "# only this", "{}" },
		{ "a = 'x'\nb=\"y\\n\\\"\" # c",
		  "{\"a\":\"x\",\"b\":\"y\\n\\\"\"}" },
		{ "a = true\r\nb = 12\r\n", "{\"a\":true,\"b\":12}" },
		{ "[t.\"a.b\"]\nk = [1,\n 2, # two\n]",
		  "{\"t\":{\"a.b\":{\"k\":[1,2]}}}" },
		{ "[[r]]\na=1\n[[r.m]]\nb=1\n[[r.m]]\nb=2\n[[r]]\na=2",
		  "{\"r\":[{\"a\":1,\"m\":[{\"b\":1},{\"b\":2}]},{\"a\":2}]}" },
		{ "t = { a = 'x', b.c = false }",
		  "{\"t\":{\"a\":\"x\",\"b\":{\"c\":false}}}" },
		{ "'' = 1", "{\"\":1}" },
		{ "a", NULL },
		{ "a = ", NULL },
		{ "a = 'x' b", NULL },
		{ "a = 'x", NULL },
		{ "a = \"\\q\"", NULL },
		{ "a = 1\na = 2", NULL },
		{ "a = 1\n[a]", NULL },
		{ "[a", NULL },
		{ "a = [1", NULL },
		{ "a = [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", NULL },
		{ "a = \"\"\"b\"\"\"", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = ERROR_INIT;
		AUTO(json_decref)
		json_t *doc = toml_parse(cases[i].text, strlen(cases[i].text),
					 "f", &err);
		autofree char *json = NULL;

		if (!cases[i].json) {
			if (doc)
				fail_msg("accepted: %s", cases[i].text);
			assert_int_equal(err.kind, ERROR_USAGE);
			continue;
		}
		if (!doc)
			fail_msg("%s: %s", cases[i].text, err.text);
		json = json_serialize(doc, NULL, &err);
		assert_string_equal(json, cases[i].json);
	}
}

static void an_error_names_the_line(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_null(toml_parse("a = 1\n\nb = ?\n", 14, "f.conf", &err));
	assert_non_null(strstr(err.text, "f.conf:3:"));
}

static struct mirrors *mirrors_of(const char *conf)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct error err = ERROR_INIT;
	struct mirrors *m = NULL;

	buf_printf(&path, "%s/registries.conf", dir);
	if (io_replace_file(AT_FDCWD, path.data, conf, strlen(conf), 0600,
			    false, &err) < 0)
		fail_msg("%s", err.text);
	setenv("CONTAINERS_REGISTRIES_CONF", path.data, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	if (mirrors_load(&m, &err) < 0)
		fail_msg("%s", err.text);
	return m;
}

static void assert_places(struct mirrors *m, const char *domain,
			  const char *path, bool by_digest,
			  const char *expected)
{
	AUTO(places_release) struct places places = { 0 };
	AUTO(buf_release) struct buf all = BUF_INIT;
	struct error err = ERROR_INIT;

	if (mirrors_find(m, domain, path, by_digest, &places, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < places.len; i++)
		buf_printf(&all, "%s%s/%s", i ? " " : "",
			   places.items[i].domain, places.items[i].path);
	assert_string_equal(all.data, expected);
}

static const char conf[] =
	"[[registry]]\nprefix = 'docker.io'\nlocation = 'docker.io'\n"
	"[[registry.mirror]]\nlocation = 'm.example/hub'\ninsecure = true\n"
	"[[registry.mirror]]\nlocation = 'tags.example'\n"
	"pull-from-mirror = 'tag-only'\n"
	"[[registry]]\nprefix = 'docker.io/team'\nlocation = 'own.example/t'\n"
	"[[registry]]\nprefix = '*.wild.example'\nlocation = 'w.example'\n"
	"[[registry]]\nlocation = 'bad.example'\nblocked = true\n";

static void mirrors_come_before_the_origin(void **state)
{
	AUTO(mirrors_free) struct mirrors *m = mirrors_of(conf);

	(void)state;
	assert_places(m, "docker.io", "library/a", true,
		      "m.example/hub/library/a docker.io/library/a");
	assert_places(m, "docker.io", "library/a", false,
		      "m.example/hub/library/a tags.example/library/a "
		      "docker.io/library/a");
	assert_true(mirrors_insecure(m, "m.example"));
	assert_false(mirrors_insecure(m, "tags.example"));
}

static void the_longest_prefix_decides(void **state)
{
	AUTO(mirrors_free) struct mirrors *m = mirrors_of(conf);

	(void)state;
	assert_places(m, "docker.io", "team/a", true, "own.example/t/a");
	assert_places(m, "docker.io", "teams/a", true,
		      "m.example/hub/teams/a docker.io/teams/a");
	assert_places(m, "x.wild.example", "a", true, "w.example/a");
	assert_places(m, "wild.example", "a", true, "wild.example/a");
	assert_places(m, "docker.io.evil.example", "a", true,
		      "docker.io.evil.example/a");
}

static void a_blocked_registry_is_refused(void **state)
{
	AUTO(mirrors_free) struct mirrors *m = mirrors_of(conf);
	AUTO(places_release) struct places places = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(
		mirrors_find(m, "bad.example", "a", true, &places, &err), -1);
	assert_int_equal(err.kind, ERROR_REFUSED);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct error err;

	(void)state;
	return io_remove_tree(AT_FDCWD, dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(toml_is_read_as_it_is_meant),
		cmocka_unit_test(an_error_names_the_line),
		cmocka_unit_test(mirrors_come_before_the_origin),
		cmocka_unit_test(the_longest_prefix_decides),
		cmocka_unit_test(a_blocked_registry_is_refused),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
