#include "builder/cli/security.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/caps_names.h"
#include "builder/sandbox/oci_seccomp.h"
#include "builder/sandbox/seccomp_json.h"
#include "store/base/io.h"

#define PROFILE_MAX    (4U << 20)
#define HOSTNAME_MAX   64
#define APPARMOR_STATE "/sys/module/apparmor/parameters/enabled"
#define SELINUX_STATE  "/sys/fs/selinux/enforce"

void security_options_release(struct security_options *o)
{
	struct strv *lists[] = { &o->cap_add,	  &o->cap_drop, &o->security,
				 &o->devices,	  &o->dns,	&o->dns_search,
				 &o->dns_options, &o->targets };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strv_release(lists[i]);
	for (size_t i = 0; i < o->n_mounts; i++)
		close(o->mounts[i].source_fd);
	free(o->mounts);
	seccomp_program_release(&o->seccomp);
	free(o->seccomp_rules);
}

static int bad_value(const char *option, const char *text, struct error *err)
{
	return error_set(err, ERROR_USAGE, "--%s: \"%s\" is not a valid value",
			 option, text);
}

static int read_caps(const char *option, const struct strv *names,
		     uint64_t *ret, struct error *err)
{
	*ret = 0;
	for (size_t i = 0; i < names->len; i++) {
		int number = caps_number(names->items[i]);

		if (!strcasecmp(names->items[i], "all"))
			*ret = CAPS_ALL;
		else if (number < 0)
			return bad_value(option, names->items[i], err);
		else
			*ret |= CAPS_BIT(number);
	}
	return 0;
}

/* As docker: ALL added and some dropped is all but those; and the reverse. */
static int apply_caps(const struct security_options *o,
		      struct solve_options *so, struct error *err)
{
	uint64_t add, drop;

	if (read_caps("cap-add", &o->cap_add, &add, err) < 0 ||
	    read_caps("cap-drop", &o->cap_drop, &drop, err) < 0)
		return -1;
	if (drop == CAPS_ALL)
		so->capabilities = add == CAPS_ALL ? CAPS_ALL : add;
	else
		so->capabilities = (so->capabilities | add) & ~drop;
	return 0;
}

static int read_profile(struct security_options *o, const char *path,
			struct solve_options *so, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	seccomp_program_release(&o->seccomp);
	free(steal_pointer(&o->seccomp_rules));
	if (io_read_file(AT_FDCWD, path, PROFILE_MAX, &text, err) < 0 ||
	    seccomp_json_compile(text.data ? text.data : "", text.len,
				 so->capabilities, &o->seccomp, err) < 0 ||
	    oci_seccomp_from_profile(text.data ? text.data : "", text.len,
				     so->capabilities, &o->seccomp_rules,
				     err) < 0)
		return error_wrap(err, "--security-opt seccomp=%s", path);
	so->seccomp = &o->seccomp;
	so->seccomp_rules = o->seccomp_rules;
	return 0;
}

static int apply_seccomp(struct security_options *o, const char *value,
			 struct solve_options *so, struct error *err)
{
	so->no_seccomp = !strcmp(value, "unconfined");
	so->seccomp = NULL;
	if (so->no_seccomp || !strcmp(value, "builtin"))
		return 0;
	return read_profile(o, value, so, err);
}

static int apply_apparmor(struct security_options *o, const char *value,
			  struct solve_options *so, struct error *err)
{
	(void)o;
	so->apparmor = NULL;
	if (!strcmp(value, "unconfined"))
		return 0;
	if (access(APPARMOR_STATE, F_OK) < 0)
		return error_set(err, ERROR_REFUSED,
				 "--security-opt apparmor=%s: this kernel has "
				 "no AppArmor",
				 value);
	so->apparmor = value;
	return 0;
}

static int apply_label(struct security_options *o, const char *value,
		       struct solve_options *so, struct error *err)
{
	(void)o;
	(void)so;
	if (!strcmp(value, "disable"))
		return 0;
	return error_set(err, ERROR_REFUSED, "--security-opt label=%s: %s",
			 value,
			 access(SELINUX_STATE, F_OK) < 0
				 ? "this kernel has no SELinux"
				 : "labels cannot be set; only label=disable "
				   "is supported");
}

static int apply_no_new_privs(struct security_options *o, const char *value,
			      struct solve_options *so, struct error *err)
{
	(void)o;
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return bad_value("security-opt no-new-privileges", value, err);
	so->no_new_privs = *value == 't';
	return 0;
}

/* "NAME=VALUE", with docker's old "NAME:VALUE"; a bare NAME is true. */
static int apply_security(struct security_options *o, const char *text,
			  struct solve_options *so, struct error *err)
{
	static const struct {
		const char *name;
		int (*apply)(struct security_options *o, const char *value,
			     struct solve_options *so, struct error *err);
	} table[] = {
		{ "seccomp", apply_seccomp },
		{ "apparmor", apply_apparmor },
		{ "label", apply_label },
		{ "no-new-privileges", apply_no_new_privs },
	};
	size_t len = strcspn(text, "=:");

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strlen(table[i].name) == len &&
		    !strncmp(table[i].name, text, len))
			return table[i].apply(
				o, text[len] ? text + len + 1 : "true", so,
				err);
	return error_set(err, ERROR_USAGE,
			 "--security-opt %s is not supported; use seccomp=, "
			 "apparmor=, label= or no-new-privileges",
			 text);
}

/* "HOST[:CONTAINER[:rwm]]" */
static int add_device(struct security_options *o, const char *text,
		      struct error *err)
{
	struct sandbox_mount *m = &o->mounts[o->n_mounts];
	autofree char *host = strdup(text);
	char *rest = host;
	const char *target, *rights;
	autoclose int fd = -1;
	struct stat st;

	if (!host)
		return error_nomem(err, "--device");
	strsep(&rest, ":");
	target = strsep(&rest, ":");
	rights = rest;
	if (*host != '/' || (target && *target != '/'))
		return bad_value("device", text, err);
	if (rights && strcmp(rights, "rwm") != 0 && strcmp(rights, "rw") != 0)
		return error_set(err, ERROR_USAGE,
				 "--device %s: only rwm is supported", text);
	fd = open(host, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "--device: cannot open '%s'",
				 host);
	if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(err, ERROR_USAGE,
				 "--device: '%s' is not a device", host);
	strv_append(&o->targets, target ? target : host);
	if (strv_check(&o->targets, "--device", err) < 0)
		return -1;
	*m = (struct sandbox_mount){
		.kind = SANDBOX_MOUNT_BIND,
		.target = o->targets.items[o->n_mounts++],
		.is_device = true,
	};
	m->source_fd = steal_fd(&fd);
	return 0;
}

static int apply_devices(struct security_options *o, struct solve_options *so,
			 struct error *err)
{
	if (!o->devices.len)
		return 0;
	o->mounts = calloc(o->devices.len, sizeof(*o->mounts));
	if (!o->mounts)
		return error_nomem(err, "--device");
	for (size_t i = 0; i < o->devices.len; i++)
		if (add_device(o, o->devices.items[i], err) < 0)
			return -1;
	so->devices = o->mounts;
	so->n_devices = o->n_mounts;
	return 0;
}

static int apply_hostname(const struct security_options *o,
			  struct solve_options *so, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-._";
	const char *name = o->hostname;

	if (name && (!*name || strlen(name) > HOSTNAME_MAX ||
		     name[strspn(name, letters)]))
		return bad_value("hostname", name, err);
	so->hostname = name;
	return 0;
}

/* A line break in any of them would be a line of its own. */
static int check_words(const char *option, const struct strv *words,
		       struct error *err)
{
	for (size_t i = 0; i < words->len; i++)
		if (!*words->items[i] || strpbrk(words->items[i], " \t\r\n"))
			return bad_value(option, words->items[i], err);
	return 0;
}

static int apply_dns(const struct security_options *o, struct solve_options *so,
		     struct error *err)
{
	unsigned char ip[sizeof(struct in6_addr)];

	for (size_t i = 0; i < o->dns.len; i++)
		if (inet_pton(AF_INET, o->dns.items[i], ip) != 1 &&
		    inet_pton(AF_INET6, o->dns.items[i], ip) != 1)
			return bad_value("dns", o->dns.items[i], err);
	if (check_words("dns-search", &o->dns_search, err) < 0 ||
	    check_words("dns-option", &o->dns_options, err) < 0)
		return -1;
	so->dns.servers = (const char *const *)o->dns.items;
	so->dns.search = (const char *const *)o->dns_search.items;
	so->dns.options = (const char *const *)o->dns_options.items;
	return 0;
}

int security_options_apply(struct security_options *o, struct solve_options *so,
			   struct error *err)
{
	so->capabilities = CAPS_DEFAULT;
	/* A profile's rules depend on the capabilities. */
	if (apply_caps(o, so, err) < 0)
		return -1;
	for (size_t i = 0; i < o->security.len; i++)
		if (apply_security(o, o->security.items[i], so, err) < 0)
			return -1;
	if (apply_devices(o, so, err) < 0 || apply_hostname(o, so, err) < 0)
		return -1;
	return apply_dns(o, so, err);
}
