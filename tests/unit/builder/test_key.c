#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "builder/key.h"
#include "store/base/json.h"
#include "tests/unit/store/place.h"

/* A RUN to be varied one field at a time. */
struct sample {
	struct plan plan;
	struct stage stage;
	struct run_mount mounts[2];
	struct inline_file script;
	struct step step;
	struct digest parent;
	struct digest inputs[2];
	size_t n_inputs;
};

static void sample_init(struct sample *s)
{
	struct run_args *run = &s->step.u.run;

	*s = (struct sample){ .n_inputs = 1 };
	s->stage.platform = platform_host();
	s->step.kind = STEP_RUN;
	s->step.stage = &s->stage;
	strv_append(&run->argv, "/bin/sh");
	strv_append(&run->argv, "-c");
	strv_append(&run->argv, "make");
	strv_append(&run->env, "A=1");
	run->user = strdup("ann");
	run->cwd = strdup("/w");
	run->network = strdup("default");
	run->mounts = s->mounts;
	run->n_mounts = 1;
	s->mounts[0].spec.type = MOUNT_CACHE;
	s->mounts[0].spec.target = strdup("/cache");
	run->scripts = &s->script;
	s->script.name = strdup("EOF");
	s->script.content = strdup("#!x");
	s->script.len = 3;
	digest_bytes("parent", 6, &s->parent);
	digest_bytes("input", 5, &s->inputs[0]);
}

static void sample_release(struct sample *s)
{
	struct run_args *run = &s->step.u.run;

	strv_release(&run->argv);
	strv_release(&run->env);
	strv_release(&run->quiet_env);
	free(run->user);
	free(run->cwd);
	free(run->network);
	free(s->mounts[0].spec.target);
	free(s->mounts[0].spec.id);
	free(s->script.name);
	free(s->script.content);
}

static struct digest key_of(const struct sample *s, enum key_kind kind)
{
	struct digest key;
	struct error err = ERROR_INIT;

	expect_ok(step_key(&s->plan, &s->step, kind, &s->parent, s->inputs,
			   s->n_inputs, &key, NULL, &err),
		  &err);
	return key;
}

static void replace(char **text, const char *with)
{
	free(*text);
	*text = strdup(with);
}

static void move_argument(struct sample *s)
{
	/* The same bytes, cut elsewhere. */
	replace(&s->step.u.run.argv.items[1], "-cm");
	replace(&s->step.u.run.argv.items[2], "ake");
}

static void move_to_env(struct sample *s)
{
	free(strv_remove(&s->step.u.run.argv, 2));
	strv_append(&s->step.u.run.env, "make");
}

static void change_env(struct sample *s)
{
	strv_env_set(&s->step.u.run.env, "A", "2");
}

static void change_user(struct sample *s)
{
	replace(&s->step.u.run.user, "bob");
}

static void change_cwd(struct sample *s)
{
	replace(&s->step.u.run.cwd, "/");
}

static void change_network(struct sample *s)
{
	replace(&s->step.u.run.network, "none");
}

static void change_security(struct sample *s)
{
	s->step.u.run.insecure = true;
}

static void change_platform(struct sample *s)
{
	s->stage.platform.variant[0] = 'x';
}

static void change_target(struct sample *s)
{
	replace(&s->mounts[0].spec.target, "/other");
}

static void change_mount_id(struct sample *s)
{
	replace(&s->mounts[0].spec.id, "other");
}

static void change_mount_type(struct sample *s)
{
	s->mounts[0].spec.type = MOUNT_TMPFS;
}

static void drop_mount(struct sample *s)
{
	s->step.u.run.n_mounts = 0;
}

static void change_script(struct sample *s)
{
	s->script.content[2] = 'y';
}

static void name_script(struct sample *s)
{
	s->step.u.run.n_scripts = 1;
}

static void change_parent(struct sample *s)
{
	digest_bytes("other", 5, &s->parent);
}

static void change_input(struct sample *s)
{
	digest_bytes("other", 5, &s->inputs[0]);
}

static void drop_input(struct sample *s)
{
	s->n_inputs = 0;
}

static void every_field_makes_another_key(void **state)
{
	static void (*const changes[])(struct sample * s) = {
		move_argument,	 move_to_env,	    change_env,
		change_user,	 change_cwd,	    change_network,
		change_security, change_platform,   change_target,
		change_mount_id, change_mount_type, drop_mount,
		name_script,	 change_parent,	    change_input,
		drop_input,
	};
	struct digest keys[ARRAY_LEN(changes) + 2];
	size_t n = 0;
	struct sample s;

	(void)state;
	sample_init(&s);
	keys[n++] = key_of(&s, KEY_DEFINITION);
	keys[n++] = key_of(&s, KEY_CONTENT);
	sample_release(&s);
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		sample_init(&s);
		changes[i](&s);
		keys[n++] = key_of(&s, KEY_DEFINITION);
		sample_release(&s);
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (digest_equal(&keys[i], &keys[j]))
				fail_msg("%zu and %zu have the same key", i, j);
}

static void what_a_script_says_is_in_the_key(void **state)
{
	struct digest before, after;
	struct sample s;

	(void)state;
	sample_init(&s);
	name_script(&s);
	before = key_of(&s, KEY_DEFINITION);
	change_script(&s);
	after = key_of(&s, KEY_DEFINITION);
	assert_string_not_equal(before.text, after.text);
	sample_release(&s);
}

static void proxies_epoch_and_lines_are_in_no_key_of_a_run(void **state)
{
	char label[] = "other";
	struct digest before, after;
	struct sample s;

	(void)state;
	sample_init(&s);
	before = key_of(&s, KEY_DEFINITION);
	strv_append(&s.step.u.run.quiet_env, "http_proxy=http://x");
	s.plan.has_epoch = true;
	s.plan.epoch = 7;
	s.step.first_line = 12;
	s.step.label = label;
	s.step.no_cache = true;
	after = key_of(&s, KEY_DEFINITION);
	assert_string_equal(before.text, after.text);
	sample_release(&s);
}

static void the_parts_say_what_went_into_it(void **state)
{
	struct error err = ERROR_INIT;
	json_t *parts = NULL;
	struct digest key;
	struct sample s;

	(void)state;
	sample_init(&s);
	replace(&s.step.u.run.argv.items[2], "not \xff text");
	expect_ok(step_key(&s.plan, &s.step, KEY_DEFINITION, &s.parent,
			   s.inputs, 1, &key, &parts, &err),
		  &err);
	assert_string_equal(json_get_string(parts, "step"), "RUN");
	assert_string_equal(json_get_string(parts, "parent"), s.parent.text);
	assert_string_equal(json_get_string(parts, "user"), "ann");
	assert_string_equal(json_get_string(parts, "input.0.digest"),
			    s.inputs[0].text);
	assert_int_equal(json_array_size(json_object_get(parts, "argv")), 3);
	json_decref(parts);
	sample_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_makes_another_key),
		cmocka_unit_test(what_a_script_says_is_in_the_key),
		cmocka_unit_test(
			proxies_epoch_and_lines_are_in_no_key_of_a_run),
		cmocka_unit_test(the_parts_say_what_went_into_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
