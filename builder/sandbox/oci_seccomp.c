#include "builder/sandbox/oci_seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/seccomp_condition.h"
#include "builder/sandbox/seccomp_profile.h"

/* This machine's ABIs, its own first. */
static const char *const arches[] = {
#if defined(__x86_64__)
	"SCMP_ARCH_X86_64",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X32",
#elif defined(__aarch64__)
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
#elif defined(__s390x__)
	"SCMP_ARCH_S390X",
	"SCMP_ARCH_S390",
#elif defined(__powerpc64__)
	"SCMP_ARCH_PPC64LE",
#elif defined(__riscv)
	"SCMP_ARCH_RISCV64",
#endif
};

static json_t *own_arches(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		json_array_append_new(list, json_string(arches[i]));
	return list;
}

/* Append the blank-separated `names` to an array. */
static void append_names(json_t *list, const char *names)
{
	while (*names) {
		size_t len = strcspn(names, " ");

		if (len)
			json_array_append_new(list, json_stringn(names, len));
		names += len;
		names += strspn(names, " ");
	}
}

static bool has_name(const json_t *list, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (!strcmp(json_string_value(item), name))
			return true;
	}
	return false;
}

/* What needs no look at arguments; runtimes skip names they do not know. */
static json_t *allowed_names(uint64_t caps)
{
	json_t *list = json_array();

	append_names(list, seccomp_allowed);
	for (size_t i = 0; i < n_seccomp_numbered; i++)
		if (seccomp_numbered[i].cap < 0 ||
		    caps & CAPS_BIT(seccomp_numbered[i].cap))
			append_names(list, seccomp_numbered[i].name);
	for (size_t i = 0; i < n_seccomp_cap_rules; i++)
		if (caps & CAPS_BIT(seccomp_cap_rules[i].cap))
			append_names(list, seccomp_cap_rules[i].names);
	return list;
}

static json_t *test_of(const struct arg_test *t)
{
	static const char *const ops[] = {
		[ARG_TEST_LESS] = "SCMP_CMP_LT",
		[ARG_TEST_EQUAL] = "SCMP_CMP_EQ",
		[ARG_TEST_GREATER] = "SCMP_CMP_GT",
		[ARG_TEST_MASKED_EQUAL] = "SCMP_CMP_MASKED_EQ",
	};
	bool is_masked = t->op == ARG_TEST_MASKED_EQUAL;

	/* A masked comparison has the mask first. */
	return json_pack("{s:i, s:I, s:I, s:s}", "index", (int)t->arg, "value",
			 (json_int_t)(is_masked ? t->mask : t->value),
			 "valueTwo", (json_int_t)(is_masked ? t->value : 0),
			 "op", ops[t->op]);
}

static void append_test(json_t *rules, const char *name,
			const struct arg_test *t)
{
	json_array_append_new(rules, json_pack("{s:[s], s:s, s:[o]}", "names",
					       name, "action", "SCMP_ACT_ALLOW",
					       "args", test_of(t)));
}

/* Families of sockets, of which greater ones are asked for, end below. */
#define GREATEST 63

/*
 * Runtimes compare 64 bits, of which the kernel takes 32: with a bit above, a
 * value that is not allowed would be greater than one that is. What is greater
 * is said value by value.
 */
static void append_greater(json_t *rules, const char *name,
			   const struct arg_test *t)
{
	for (uint32_t value = t->value + 1; value <= GREATEST; value++)
		append_test(rules, name,
			    &(struct arg_test){ t->arg, ARG_TEST_MASKED_EQUAL,
						value, UINT32_MAX });
}

/* Tests are alternatives, so each is a rule. */
static void append_conditional(json_t *rules,
			       const struct seccomp_conditional *c)
{
	const struct verdict *v = &c->verdict;

	if (!v->n_tests)
		json_array_append_new(
			rules, json_pack("{s:[s], s:s, s:i}", "names", c->name,
					 "action", "SCMP_ACT_ERRNO", "errnoRet",
					 (int)(v->action & SECCOMP_RET_DATA)));
	for (size_t i = 0; i < v->n_tests; i++)
		if (v->tests[i].op == ARG_TEST_GREATER)
			append_greater(rules, c->name, &v->tests[i]);
		else
			append_test(rules, c->name, &v->tests[i]);
}

json_t *oci_seccomp_default(uint64_t caps)
{
	json_t *names = allowed_names(caps);
	json_t *rules = json_array();

	for (size_t i = 0; i < n_seccomp_conditional; i++)
		if (!has_name(names, seccomp_conditional[i].name))
			append_conditional(rules, &seccomp_conditional[i]);
	json_array_append_new(rules, json_pack("{s:o, s:s}", "names", names,
					       "action", "SCMP_ACT_ALLOW"));
	return json_pack("{s:s, s:i, s:o, s:o}", "defaultAction",
			 "SCMP_ACT_ERRNO", "defaultErrnoRet", EPERM,
			 "architectures", own_arches(), "syscalls", rules);
}

/* The plain list, and this machine's entry of "archMap". */
static json_t *profile_arches(const json_t *profile)
{
	json_t *list =
		json_deep_copy(json_object_get(profile, "architectures"));
	json_t *entry;
	size_t i;

	if (!json_is_array(list)) {
		json_decref(list);
		list = json_array();
	}
	json_array_foreach(json_object_get(profile, "archMap"), i, entry)
	{
		const char *name = json_get_string(entry, "architecture");

		if (!name || strcmp(name, arches[0]) != 0)
			continue;
		json_array_append_new(list, json_string(name));
		json_array_extend(list,
				  json_object_get(entry, "subArchitectures"));
	}
	return list;
}

/* Without its conditions, and with the old form's one name as a list. */
static json_t *plain_rule(const json_t *rule)
{
	json_t *plain = json_deep_copy(rule);
	const char *old_name = json_get_string(rule, "name");

	json_object_del(plain, "includes");
	json_object_del(plain, "excludes");
	json_object_del(plain, "comment");
	json_object_del(plain, "name");
	if (json_is_null(json_object_get(plain, "args")))
		json_object_del(plain, "args");
	if (old_name)
		json_object_set_new(plain, "names", json_pack("[s]", old_name));
	return plain;
}

/* The rules that hold here, appended to `ret`. */
static int plain_rules(json_t *profile, uint64_t caps, json_t *ret,
		       struct error *err)
{
	json_t *rule;
	size_t i;

	json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
	{
		bool holds;

		if (seccomp_condition_holds(rule, caps, &holds, err) < 0)
			return error_wrap(err, "syscalls[%zu]", i);
		if (holds)
			json_array_append_new(ret, plain_rule(rule));
	}
	return 0;
}

int oci_seccomp_from_profile(const char *text, size_t len, uint64_t caps,
			     char **ret, struct error *err)
{
	AUTO(json_decref)
	json_t *profile = json_parse(text, len, "a seccomp profile", err);
	AUTO(json_decref) json_t *rules = json_array();
	AUTO(json_decref) json_t *out = NULL;

	if (!profile || plain_rules(profile, caps, rules, err) < 0)
		return -1;
	out = json_pack(
		"{s:O?, s:O*, s:o, s:O}", "defaultAction",
		json_object_get(profile, "defaultAction"), "defaultErrnoRet",
		json_object_get(profile, "defaultErrnoRet"), "architectures",
		profile_arches(profile), "syscalls", rules);
	if (!out)
		return error_nomem(err, "a seccomp profile");
	*ret = json_serialize(out, NULL, err);
	return *ret ? 0 : -1;
}
