#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "parser/mount.h"

static struct expand_env no_env(const struct strv *empty)
{
	return expand_env_from_strv(empty);
}

static struct mount_spec parse(const char *value)
{
	AUTO(strv_release) struct strv vars = STRV_INIT;
	struct mount_spec m = { 0 };
	struct error err = ERROR_INIT;
	struct expand_env env;

	strv_append(&vars, "DIR=/d,x");
	strv_append(&vars, "TYPE=cache");
	env = no_env(&vars);
	if (mount_spec_parse(value, '\\', &env, &m, &err) < 0)
		fail_msg("%s: %s", value, err.text);
	return m;
}

static void assert_refused(const char *value, const char *message)
{
	struct strv empty = STRV_INIT;
	struct expand_env env = no_env(&empty);
	struct mount_spec m = { 0 };
	struct error err = ERROR_INIT;

	if (mount_spec_parse(value, '\\', &env, &m, &err) == 0)
		fail_msg("%s was accepted", value);
	assert_int_equal(err.kind, ERROR_DOCKERFILE);
	assert_string_equal(err.text, message);
}

static void a_bind_is_the_default_and_read_only(void **state)
{
	AUTO(mount_spec_release) struct mount_spec m = { 0 };

	(void)state;
	m = parse("target=/x");
	assert_int_equal(m.type, MOUNT_BIND);
	assert_true(m.readonly);
	assert_null(m.source);
	assert_null(m.from);
	mount_spec_release(&m);
	m = parse("type=bind,from=b,src=/s,dst=x,rw");
	assert_string_equal(m.from, "b");
	assert_string_equal(m.source, "/s");
	assert_string_equal(m.target, "x");
	assert_false(m.readonly);
}

static void a_cache_has_its_defaults(void **state)
{
	AUTO(mount_spec_release) struct mount_spec m = { 0 };

	(void)state;
	m = parse("type=cache,destination=/c");
	assert_int_equal(m.type, MOUNT_CACHE);
	assert_false(m.readonly);
	assert_int_equal(m.sharing, SHARING_SHARED);
	assert_int_equal(m.mode, 0755);
	assert_int_equal(m.uid, 0);
	assert_null(m.id);
	mount_spec_release(&m);
	m = parse("TYPE=cache,target=/c,sharing=locked,mode=0700,uid=5,gid=6,"
		  "id=i,readonly=true");
	assert_int_equal(m.sharing, SHARING_LOCKED);
	assert_int_equal(m.mode, 0700);
	assert_int_equal(m.uid, 5);
	assert_int_equal(m.gid, 6);
	assert_string_equal(m.id, "i");
	assert_true(m.readonly);
}

static void a_tmpfs_has_a_size(void **state)
{
	static const struct {
		const char *value;
		uint64_t bytes;
	} rows[] = {
		{ "type=tmpfs,target=/t", 0 },
		{ "type=tmpfs,target=/t,size=64m", 64 << 20 },
		{ "type=tmpfs,target=/t,size=4096", 4096 },
		{ "type=tmpfs,target=/t,size=1.5K", 1536 },
		{ "type=tmpfs,target=/t,size=2GiB", 2ULL << 30 },
		{ "type=tmpfs,target=/t,size=10b", 10 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(mount_spec_release)
		struct mount_spec m = parse(rows[i].value);

		assert_int_equal(m.size_bytes, rows[i].bytes);
	}
}

static void a_secrets_id_and_target_follow_from_each_other(void **state)
{
	static const struct {
		const char *value;
		const char *id;
		const char *target;
		const char *env;
	} rows[] = {
		{ "type=secret,id=a/b", "a/b", "/run/secrets/b", NULL },
		{ "type=secret,source=k", "k", "/run/secrets/k", NULL },
		{ "type=secret,target=/x/y", "y", "/x/y", NULL },
		{ "type=secret,id=a,env=V", "a", NULL, "V" },
		{ "type=secret,id=a,env=V,target=/t", "a", "/t", "V" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(mount_spec_release)
		struct mount_spec m = parse(rows[i].value);

		assert_string_equal(m.id, rows[i].id);
		if (rows[i].target)
			assert_string_equal(m.target, rows[i].target);
		else
			assert_null(m.target);
		if (rows[i].env)
			assert_string_equal(m.env, rows[i].env);
		assert_int_equal(m.mode, 0400);
		assert_false(m.required);
	}
}

static void ssh_needs_nothing(void **state)
{
	AUTO(mount_spec_release) struct mount_spec m = parse("type=ssh");

	(void)state;
	assert_int_equal(m.type, MOUNT_SSH);
	assert_string_equal(m.id, "default");
	assert_null(m.target);
	assert_int_equal(m.mode, 0600);
	mount_spec_release(&m);
	m = parse("type=ssh,required");
	assert_true(m.required);
}

static void commas_in_values_do_not_split(void **state)
{
	AUTO(mount_spec_release) struct mount_spec m = { 0 };

	(void)state;
	m = parse("type=$TYPE,target=$DIR");
	assert_int_equal(m.type, MOUNT_CACHE);
	assert_string_equal(m.target, "/d,x");
	mount_spec_release(&m);
	m = parse("\"target=/a,b\",ro");
	assert_string_equal(m.target, "/a,b");
}

static void bad_fields_are_refused(void **state)
{
	(void)state;
	assert_refused("typ=tmpfs",
		       "unexpected key 'typ' in 'typ=tmpfs' (did you mean "
		       "type?)");
	assert_refused("x", "invalid field 'x' must be a key=value pair");
	assert_refused("target",
		       "invalid field 'target' must be a key=value pair");
	assert_refused("type=tmp",
		       "unsupported mount type \"tmp\" (did you mean tmpfs?)");
	assert_refused("target=/x,mode=1",
		       "mode not allowed for \"bind\" type mounts");
	assert_refused("target=/x,sharing=locked",
		       "sharing not allowed for \"bind\" type mounts");
	assert_refused("type=cache,target=/x,required",
		       "required not allowed for \"cache\" type mounts");
	assert_refused("type=cache,target=/x,bind-propagation=shared",
		       "unexpected key 'bind-propagation' in "
		       "'bind-propagation=shared'");
	assert_refused("type=cache,target=/x,sharing=lock",
		       "unsupported sharing value \"lock\" (did you mean "
		       "locked?)");
	assert_refused("type=cache,target=/x,mode=9",
		       "invalid value for mode: \"9\"");
	assert_refused("type=cache,target=/x,uid=-1",
		       "invalid value for uid: \"-1\"");
	assert_refused("type=cache,target=/x,gid=4294967296",
		       "invalid value for gid: \"4294967296\"");
	assert_refused("type=tmpfs,target=/x,size=1z",
		       "invalid value for size: \"1z\"");
	assert_refused("target=/x,ro=maybe", "invalid value for ro: \"maybe\"");
	assert_refused("type=secret,id=",
		       "invalid secret mount. one of source, target required");
	assert_refused("target=", "target is required for \"bind\" type "
				  "mounts");
	assert_refused("target=/x,from=$F",
		       "'from' doesn't support variable expansion, define "
		       "alias stage instead");
	assert_refused("target=/\"x\"",
		       "parse error on line 1, column 9: bare \" in non-quoted "
		       "field");
}

/* Ahead of time only what no variable decides is judged. */
static void values_with_variables_are_left_for_later(void **state)
{
	static const char *const good[] = {
		"type=$T,mode=0700",
		"type=cache,target=$X",
		"type=secret,id=$X",
		"type=cache,target=/x,mode=$M",
	};
	static const char *const bad[] = {
		"type=$T,foo=1",
		"type=bind,mode=$M,target=/x",
		"type=cache,target=/",
		"type=tmpfs,target=/$X,from=$Y",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(good); i++) {
		AUTO(mount_spec_release) struct mount_spec m = { 0 };
		struct error err = ERROR_INIT;

		if (mount_spec_parse(good[i], '\\', NULL, &m, &err) < 0)
			fail_msg("%s: %s", good[i], err.text);
	}
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct mount_spec m = { 0 };
		struct error err = ERROR_INIT;

		if (mount_spec_parse(bad[i], '\\', NULL, &m, &err) == 0)
			fail_msg("%s was accepted", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bind_is_the_default_and_read_only),
		cmocka_unit_test(a_cache_has_its_defaults),
		cmocka_unit_test(a_tmpfs_has_a_size),
		cmocka_unit_test(
			a_secrets_id_and_target_follow_from_each_other),
		cmocka_unit_test(ssh_needs_nothing),
		cmocka_unit_test(commas_in_values_do_not_split),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(values_with_variables_are_left_for_later),
	};

	return cmocka_run_group_tests_name("mount", tests, NULL, NULL);
}
