#include "builder/sandbox/oci_seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/seccomp_condition.h"
#include "builder/sandbox/seccomp_profile.h"

/* Numbers of one ABI; none reaches this many. */
#define NUMBERS 1024
#define X32_BIT 0x40000000

/* The last address family there is, AF_MCTP; AF_MAX depends on headers. */
#define FAMILY_LAST 45

/* This machine's ABIs, its own first. */
static const struct {
	const char *name;
	uint32_t token;
} arches[] = {
#if defined(__x86_64__)
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86 },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32 },
#elif defined(__aarch64__)
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
#elif defined(__s390x__)
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X },
	{ "SCMP_ARCH_S390", SCMP_ARCH_S390 },
#elif defined(__powerpc64__)
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE },
#elif defined(__riscv)
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
#endif
};

static json_t *own_arches(void)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		json_array_append_new(list, json_string(arches[i].name));
	return list;
}

/* Put the blank-separated `names` into a set. */
static void add_names(json_t *set, const char *names)
{
	char name[SECCOMP_NAME_SIZE];

	while (seccomp_next_name(&names, name))
		json_object_set_new(set, name, json_null());
}

/* What needs no look at arguments; runtimes skip names they do not know. */
static json_t *allowed_names(uint64_t caps)
{
	json_t *set = json_object();

	add_names(set, seccomp_allowed);
	for (size_t i = 0; i < n_seccomp_numbered; i++)
		if (seccomp_numbered[i].cap < 0 ||
		    caps & CAPS_BIT(seccomp_numbered[i].cap))
			add_names(set, seccomp_numbered[i].name);
	for (size_t i = 0; i < n_seccomp_cap_rules; i++)
		if (caps & CAPS_BIT(seccomp_cap_rules[i].cap))
			add_names(set, seccomp_cap_rules[i].names);
	return set;
}

static bool is_conditional(const char *name)
{
	for (size_t i = 0; i < n_seccomp_conditional; i++)
		if (!strcmp(seccomp_conditional[i].name, name))
			return true;
	return false;
}

/*
 * All that is known and in no other list. What is in none does not exist, so
 * that libc falls back: runtimes differ in what they do with calls younger than
 * they are.
 */
static json_t *denied_names(const json_t *allowed)
{
	json_t *set = json_object();

	for (size_t i = 0; i < ARRAY_LEN(arches); i++)
		for (int n = 0; n < NUMBERS; n++) {
			uint32_t arch = arches[i].token;
			int number = arch == SCMP_ARCH_X32 ? n | X32_BIT : n;
			autofree char *name =
				seccomp_syscall_resolve_num_arch(arch, number);

			if (name && !json_object_get(allowed, name) &&
			    !is_conditional(name))
				json_object_set_new(set, name, json_null());
		}
	return set;
}

/* Takes both sets of values; `args` NULL: none. */
static json_t *rule(json_t *names, bool allows, int number, json_t *args)
{
	json_t *r = json_pack("{s:o, s:s, s:o*}", "names", names, "action",
			      allows ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO",
			      "args", args);

	if (!allows)
		json_object_set_new(r, "errnoRet", json_integer(number));
	return r;
}

static json_t *rule_for_set(const json_t *set, bool allows)
{
	json_t *names = json_array();
	const char *name;
	json_t *ignored;

	json_object_foreach((json_t *)set, name, ignored)
		json_array_append_new(names, json_string(name));
	return rule(names, allows, EPERM, NULL);
}

/*
 * Only a masked comparison looks at the 32 bits that the kernel looks at; the
 * others take in what an attacker put above.
 */
static void append_masked(json_t *rules, const char *name, unsigned arg,
			  uint32_t mask, uint32_t value, bool allows)
{
	json_t *args = json_pack("[{s:i, s:I, s:I, s:s}]", "index", (int)arg,
				 "value", (json_int_t)mask, "valueTwo",
				 (json_int_t)value, "op", "SCMP_CMP_MASKED_EQ");

	json_array_append_new(
		rules, rule(json_pack("[s]", name), allows, EPERM, args));
}

/* A masked comparison's opposite: any bit that was to be 0 is 1. */
static void append_opposite(json_t *rules, const char *name,
			    const struct arg_test *t)
{
	for (uint32_t bit = 1; bit; bit <<= 1)
		if (t->mask & bit)
			append_masked(rules, name, t->arg, bit, bit, false);
}

/* Ordered comparisons are of families, of which there are few. */
static void append_test(json_t *rules, const char *name,
			const struct arg_test *t)
{
	uint32_t first = t->op == ARG_TEST_GREATER ? t->value + 1
			 : t->op == ARG_TEST_LESS  ? 0
						   : t->value;
	uint32_t last = t->op == ARG_TEST_GREATER ? FAMILY_LAST
			: t->op == ARG_TEST_LESS  ? t->value - 1
						  : t->value;

	if (t->op == ARG_TEST_MASKED_EQUAL) {
		append_masked(rules, name, t->arg, t->mask, t->value, true);
		append_opposite(rules, name, t);
		return;
	}
	for (uint32_t value = first; value <= last && value >= first; value++) {
		append_masked(rules, name, t->arg, UINT32_MAX, value, true);
		if (value == UINT32_MAX)
			return;
	}
}

/*
 * Tests are alternatives, so each is a rule. What none of them allows is
 * denied like a call that does not exist: libseccomp takes no second action
 * for a call that 32-bit programs make through another (socketcall).
 */
static void append_conditional(json_t *rules,
			       const struct seccomp_conditional *c)
{
	const struct verdict *v = &c->verdict;

	if (!v->n_tests)
		json_array_append_new(
			rules, rule(json_pack("[s]", c->name), false,
				    (int)(v->action & SECCOMP_RET_DATA), NULL));
	for (size_t i = 0; i < v->n_tests; i++)
		append_test(rules, c->name, &v->tests[i]);
}

json_t *oci_seccomp_default(uint64_t caps)
{
	AUTO(json_decref) json_t *allowed = allowed_names(caps);
	AUTO(json_decref) json_t *denied = denied_names(allowed);
	json_t *rules = json_array();

	for (size_t i = 0; i < n_seccomp_conditional; i++)
		if (!json_object_get(allowed, seccomp_conditional[i].name))
			append_conditional(rules, &seccomp_conditional[i]);
	json_array_append_new(rules, rule_for_set(allowed, true));
	json_array_append_new(rules, rule_for_set(denied, false));
	return json_pack("{s:s, s:i, s:o, s:o}", "defaultAction",
			 "SCMP_ACT_ERRNO", "defaultErrnoRet", ENOSYS,
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
	json_array_foreach(json_object_get(profile, "archMap"), i, entry) {
		const char *name = json_get_string(entry, "architecture");

		if (!name || strcmp(name, arches[0].name) != 0)
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

	json_array_foreach(json_object_get(profile, "syscalls"), i, rule) {
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
