#include "builder/sandbox/seccomp_json.h"

#include <errno.h>
#include <jansson.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "builder/sandbox/seccomp_condition.h"
#include "store/base/buf.h"
#include "store/base/io.h"

#define ARGS_MAX    6
#define PROGRAM_MAX (BPF_MAXINSNS * sizeof(struct sock_filter))
#define X32_BIT	    0x40000000

DEFINE_CLEANUP(json_t *, json_decref);
DEFINE_CLEANUP(scmp_filter_ctx, seccomp_release);

/* A profile on its way into a filter. */
struct profile {
	json_t *json;
	uint64_t caps;
	scmp_filter_ctx filter;
	uint32_t default_action;
	uint32_t default_errno;
	int newest; /* native number of the youngest call named */
};

static int bad(struct error *err, const char *what, const char *value)
{
	return error_set(err, ERROR_USAGE, "%s \"%s\" is not known", what,
			 value ? value : "");
}

static int find_action(const char *name, uint32_t number, uint32_t *ret,
		       struct error *err)
{
	const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
		{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(number) },
		{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
		{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
		{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
		{ "SCMP_ACT_TRACE", SCMP_ACT_TRACE(number) },
		{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	};

	for (size_t i = 0; name && i < ARRAY_LEN(actions); i++)
		if (!strcmp(actions[i].name, name)) {
			*ret = actions[i].action;
			return 0;
		}
	return bad(err, "action", name);
}

static int find_op(const char *name, enum scmp_compare *ret, struct error *err)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{ "SCMP_CMP_NE", SCMP_CMP_NE },
		{ "SCMP_CMP_LT", SCMP_CMP_LT },
		{ "SCMP_CMP_LE", SCMP_CMP_LE },
		{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
		{ "SCMP_CMP_GE", SCMP_CMP_GE },
		{ "SCMP_CMP_GT", SCMP_CMP_GT },
		{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	};

	for (size_t i = 0; name && i < ARRAY_LEN(ops); i++)
		if (!strcmp(ops[i].name, name)) {
			*ret = ops[i].op;
			return 0;
		}
	return bad(err, "comparison", name);
}

static int read_args(json_t *rule, struct scmp_arg_cmp args[ARGS_MAX],
		     unsigned *n, struct error *err)
{
	json_t *list = json_object_get(rule, "args");
	json_t *item;
	size_t i;

	*n = 0;
	if (json_array_size(list) > ARGS_MAX)
		return error_set(err, ERROR_USAGE,
				 "a rule has more than %d arguments", ARGS_MAX);
	json_array_foreach(list, i, item) {
		struct scmp_arg_cmp *a = &args[(*n)++];
		json_int_t index =
			json_integer_value(json_object_get(item, "index"));

		if (index < 0 || index >= ARGS_MAX)
			return error_set(err, ERROR_USAGE,
					 "a system call has no argument %lld",
					 (long long)index);
		a->arg = (unsigned)index;
		a->datum_a = (scmp_datum_t)json_integer_value(
			json_object_get(item, "value"));
		a->datum_b = (scmp_datum_t)json_integer_value(
			json_object_get(item, "valueTwo"));
		if (find_op(json_string_value(json_object_get(item, "op")),
			    &a->op, err) < 0)
			return -1;
	}
	return 0;
}

/* libseccomp takes one test of an argument a rule: more of them are rules. */
static bool repeats_an_argument(const struct scmp_arg_cmp *args, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			if (args[i].arg == args[j].arg)
				return true;
	return false;
}

static int add_call(struct profile *p, const char *name, uint32_t action,
		    const struct scmp_arg_cmp *args, unsigned n,
		    struct error *err)
{
	int call = seccomp_syscall_resolve_name(name);
	int rc = 0;

	if (call == __NR_SCMP_ERROR)
		return 0;
	if (call > p->newest && !(call & X32_BIT))
		p->newest = call;
	if (!repeats_an_argument(args, n))
		rc = seccomp_rule_add_array(p->filter, action, call, n, args);
	else
		for (unsigned i = 0; i < n && rc == 0; i++)
			rc = seccomp_rule_add_array(p->filter, action, call, 1,
						    &args[i]);
	/* Of two equal rules the first stays. */
	if (rc < 0 && rc != -EEXIST)
		return error_sys(err, -rc, "cannot filter '%s'", name);
	return 0;
}

static uint32_t errno_of(json_t *object, const char *key, uint32_t otherwise)
{
	json_t *value = json_object_get(object, key);

	return json_is_integer(value)
		       ? (uint32_t)json_integer_value(value) & SECCOMP_RET_DATA
		       : otherwise;
}

static int add_rule(struct profile *p, json_t *rule, struct error *err)
{
	const char *old_name = json_string_value(json_object_get(rule, "name"));
	struct scmp_arg_cmp args[ARGS_MAX];
	uint32_t action;
	bool applies;
	json_t *item;
	unsigned n;
	size_t i;

	if (seccomp_check_list(rule, "names", JSON_STRING, err) < 0 ||
	    seccomp_check_list(rule, "args", JSON_OBJECT, err) < 0 ||
	    seccomp_condition_holds(rule, p->caps, &applies, err) < 0)
		return -1;
	if (!applies)
		return 0;
	if (find_action(json_string_value(json_object_get(rule, "action")),
			errno_of(rule, "errnoRet", p->default_errno), &action,
			err) < 0 ||
	    read_args(rule, args, &n, err) < 0)
		return -1;
	/* What happens anyway is no rule to libseccomp. */
	if (action == p->default_action)
		return 0;
	if (old_name && add_call(p, old_name, action, args, n, err) < 0)
		return -1;
	json_array_foreach(json_object_get(rule, "names"), i, item) {
		const char *name = json_string_value(item);

		if (name && add_call(p, name, action, args, n, err) < 0)
			return -1;
	}
	return 0;
}

/* libseccomp's token for "SCMP_ARCH_X86_64", which it knows as "x86_64". */
static int find_arch(const char *name, uint32_t *ret, struct error *err)
{
	static const char prefix[] = "SCMP_ARCH_";
	char lower[32];
	size_t i = 0;

	if (!name || strncmp(name, prefix, strlen(prefix)) != 0)
		return bad(err, "architecture", name);
	name += strlen(prefix);
	for (; i < sizeof(lower) - 1 && name[i]; i++)
		lower[i] = name[i] >= 'A' && name[i] <= 'Z'
				   ? (char)(name[i] | 0x20)
				   : name[i];
	lower[i] = '\0';
	*ret = seccomp_arch_resolve_name(lower);
	return *ret ? 0 : bad(err, "architecture", name);
}

static int add_arches(struct profile *p, json_t *list, struct error *err)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		uint32_t token = 0;
		int rc;

		if (find_arch(json_string_value(item), &token, err) < 0)
			return -1;
		rc = seccomp_arch_add(p->filter, token);
		/* Of another byte order: it cannot run here. */
		if (rc < 0 && rc != -EEXIST && rc != -EDOM)
			return error_sys(err, -rc,
					 "cannot add an architecture");
	}
	return 0;
}

/* "archMap": the entry of this machine brings its others with it. */
static int add_arch_map(struct profile *p, json_t *map, struct error *err)
{
	json_t *entry;
	size_t i;

	json_array_foreach(map, i, entry) {
		json_t *name = json_object_get(entry, "architecture");
		json_t *others = json_object_get(entry, "subArchitectures");
		uint32_t token;

		if (find_arch(json_string_value(name), &token, err) < 0 ||
		    seccomp_check_list(entry, "subArchitectures", JSON_STRING,
				       err) < 0)
			return -1;
		if (token == seccomp_arch_native())
			return add_arches(p, others, err);
	}
	return 0;
}

static int fill(struct profile *p, struct error *err)
{
	json_t *rules = json_object_get(p->json, "syscalls");
	json_t *rule;
	size_t i;

	if (seccomp_check_list(p->json, "architectures", JSON_STRING, err) <
		    0 ||
	    seccomp_check_list(p->json, "archMap", JSON_OBJECT, err) < 0 ||
	    seccomp_check_list(p->json, "syscalls", JSON_OBJECT, err) < 0 ||
	    add_arches(p, json_object_get(p->json, "architectures"), err) < 0 ||
	    add_arch_map(p, json_object_get(p->json, "archMap"), err) < 0)
		return -1;
	json_array_foreach(rules, i, rule) {
		if (add_rule(p, rule, err) < 0)
			return error_wrap(err, "syscalls[%zu]", i);
	}
	return 0;
}

/*
 * Before the rest: a call of the native ABI that the profile's author cannot
 * have known does not exist, so that libc falls back to an older one.
 */
static void put_prologue(const struct profile *p, struct buf *code)
{
	const struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0,
			 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)p->newest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};

	if (p->newest && p->default_action != SCMP_ACT_ALLOW &&
	    p->default_action != SCMP_ACT_LOG)
		buf_append(code, insns, sizeof(insns));
}

static int export(const struct profile *p, struct seccomp_program *ret,
		  struct error *err)
{
	AUTO(buf_release) struct buf code = BUF_INIT;
	autoclose int fd = memfd_create("seccomp", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return error_sys(err, errno, "cannot keep a seccomp filter");
	rc = seccomp_export_bpf(p->filter, fd);
	if (rc < 0)
		return error_sys(err, -rc, "cannot compile the filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(err, errno, "cannot read a seccomp filter");
	put_prologue(p, &code);
	if (io_read_all(fd, PROGRAM_MAX, "a seccomp filter", &code, err) < 0)
		return -1;
	ret->n = code.len / sizeof(struct sock_filter);
	if (ret->n > BPF_MAXINSNS)
		return error_set(err, ERROR_USAGE, "the filter is too long");
	ret->code = (struct sock_filter *)buf_steal_checked(
		&code, "a seccomp filter", err);
	return ret->code ? 0 : -1;
}

int seccomp_json_compile(const char *text, size_t len, uint64_t caps,
			 struct seccomp_program *ret, struct error *err)
{
	json_error_t why;
	AUTO(json_decref) json_t *json = json_loadb(text, len, 0, &why);
	AUTO(seccomp_release) scmp_filter_ctx filter = NULL;
	struct profile p = { .json = json, .caps = caps };

	if (!json)
		return error_set(err, ERROR_USAGE, "line %d: %s", why.line,
				 why.text);
	if (!json_is_object(json))
		return error_set(err, ERROR_USAGE, "the profile is no object");
	p.default_errno = errno_of(json, "defaultErrnoRet", EPERM);
	if (find_action(
		    json_string_value(json_object_get(json, "defaultAction")),
		    p.default_errno, &p.default_action, err) < 0)
		return error_wrap(err, "defaultAction");
	filter = seccomp_init(p.default_action);
	if (!filter)
		return error_nomem(err, "a seccomp filter");
	p.filter = filter;
	/* As a binary tree; without it only slower. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (fill(&p, err) < 0)
		return -1;
	return export(&p, ret, err);
}
