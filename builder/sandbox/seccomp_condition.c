#include "builder/sandbox/seccomp_condition.h"

#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/caps_names.h"

int seccomp_check_list(json_t *object, const char *key, json_type type,
		       struct error *err)
{
	json_t *list = json_object_get(object, key);
	json_t *item;
	size_t i;

	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return error_set(err, ERROR_USAGE, "\"%s\" is no list", key);
	json_array_foreach(list, i, item) {
		if (json_typeof(item) != type)
			return error_set(
				err, ERROR_USAGE, "\"%s\"[%zu] is no %s", key,
				i, type == JSON_STRING ? "string" : "object");
	}
	return 0;
}

static int check_condition(json_t *rule, const char *key, struct error *err)
{
	json_t *condition = json_object_get(rule, key);
	json_t *since = json_object_get(condition, "minKernel");
	unsigned version[2];

	if (condition && !json_is_object(condition) && !json_is_null(condition))
		return error_set(err, ERROR_USAGE, "\"%s\" is no object", key);
	if (since &&
	    (!json_is_string(since) || sscanf(json_string_value(since), "%u.%u",
					      &version[0], &version[1]) != 2))
		return error_set(err, ERROR_USAGE,
				 "\"minKernel\" is no version like 4.8");
	if (seccomp_check_list(condition, "caps", JSON_STRING, err) < 0)
		return -1;
	return seccomp_check_list(condition, "arches", JSON_STRING, err);
}

/* The name of this machine's architecture in includes and excludes. */
static const char *own_arch(void)
{
	switch (seccomp_arch_native()) {
	case SCMP_ARCH_X86_64:
		return "amd64";
	case SCMP_ARCH_AARCH64:
		return "arm64";
	case SCMP_ARCH_PPC64LE:
		return "ppc64le";
	case SCMP_ARCH_S390X:
		return "s390x";
	default:
		return "riscv64";
	}
}

/* "4.8" against the running kernel. */
static bool kernel_is_at_least(const char *wanted)
{
	unsigned want[2] = { 0 }, have[2] = { 0 };
	struct utsname uts;

	if (sscanf(wanted, "%u.%u", &want[0], &want[1]) < 1 ||
	    uname(&uts) < 0 ||
	    sscanf(uts.release, "%u.%u", &have[0], &have[1]) != 2)
		return false;
	return have[0] != want[0] ? have[0] > want[0] : have[1] >= want[1];
}

static bool has_cap(uint64_t caps, const char *name)
{
	int cap = name ? caps_number(name) : -1;

	return cap >= 0 && caps & CAPS_BIT(cap);
}

static bool lists_own_arch(json_t *list)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		const char *name = json_string_value(item);

		if (name && !strcmp(name, own_arch()))
			return true;
	}
	return false;
}

/* All that "includes" names must hold, nothing of what "excludes" names. */
static bool applies(json_t *rule, uint64_t caps)
{
	json_t *in = json_object_get(rule, "includes");
	json_t *out = json_object_get(rule, "excludes");
	json_t *arches = json_object_get(in, "arches");
	const char *since = json_string_value(json_object_get(in, "minKernel"));
	const char *until =
		json_string_value(json_object_get(out, "minKernel"));
	json_t *cap;
	size_t i;

	if (lists_own_arch(json_object_get(out, "arches")) ||
	    (json_array_size(arches) && !lists_own_arch(arches)) ||
	    (until && kernel_is_at_least(until)) ||
	    (since && !kernel_is_at_least(since)))
		return false;
	json_array_foreach(json_object_get(out, "caps"), i, cap) {
		if (has_cap(caps, json_string_value(cap)))
			return false;
	}
	json_array_foreach(json_object_get(in, "caps"), i, cap) {
		if (!has_cap(caps, json_string_value(cap)))
			return false;
	}
	return true;
}

int seccomp_condition_holds(json_t *rule, uint64_t caps, bool *ret,
			    struct error *err)
{
	if (check_condition(rule, "includes", err) < 0 ||
	    check_condition(rule, "excludes", err) < 0)
		return -1;
	*ret = applies(rule, caps);
	return 0;
}
