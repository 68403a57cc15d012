/* From the forked child to the program: identity, rights, descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/container.h"
#include "builder/sandbox/descriptors.h"
#include "builder/sandbox/exec_fence.h"
#include "builder/sandbox/seccomp.h"
#include "store/base/buf.h"
#include "store/base/cleanup.h"

/* Where the report's pipe goes while everything above is closed. */
#define STATUS_FD 3

static int set_up_descriptors(struct container *c, struct error *err)
{
	int in = c->terminal >= 0
			 ? c->terminal
			 : openat(c->dev, "null", O_RDONLY | O_CLOEXEC);
	int out = c->terminal >= 0 ? c->terminal : c->fds.output;

	if (in < 0)
		return error_sys(err, errno, "cannot open /dev/null");
	/* Every source is above 3 (see container_main()), so none is lost. */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    dup3(c->fds.status, STATUS_FD, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot set up descriptors");
	c->fds.status = STATUS_FD;
	if (c->terminal >= 0 && ioctl(0, TIOCSCTTY, 0) < 0)
		return error_sys(err, errno, "cannot take the terminal");
	/* Nothing that opens the host survives: no directory, no pipe. */
	return descriptors_close(STATUS_FD + 1, ~0U, err);
}

static int set_rlimits(const struct sandbox *sb, struct error *err)
{
	for (size_t i = 0; i < sb->n_rlimits; i++) {
		const struct sandbox_rlimit *want = &sb->rlimits[i];
		struct rlimit limit = { want->soft, want->hard };
		struct rlimit now;

		if (setrlimit(want->resource, &limit) == 0)
			continue;
		/* Not allowed to raise the hard limit: as far as it goes. */
		if (errno != EPERM || getrlimit(want->resource, &now) < 0)
			return error_sys(err, errno, "cannot set rlimit %d",
					 want->resource);
		if (limit.rlim_max > now.rlim_max)
			limit.rlim_max = now.rlim_max;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		if (setrlimit(want->resource, &limit) < 0)
			return error_sys(err, errno, "cannot set rlimit %d",
					 want->resource);
	}
	return 0;
}

static int set_groups(const struct container *c, struct error *err)
{
	const struct sandbox_user *user = &c->sb->user;

	_Static_assert(sizeof(gid_t) == sizeof(*user->groups), "gid_t");
	if (setgroups(user->n_groups, user->groups) == 0)
		return 0;
	/* With one id mapped the kernel forbids it; the old ones stay. */
	if (c->engine->single_id)
		return 0;
	return error_sys(err, errno,
			 "cannot set the user's supplementary groups");
}

int container_refuse_ids(const struct sandbox *sb, struct error *err)
{
	return error_set(err, ERROR_REFUSED,
			 "cannot become user %u:%u: the id is not mapped here; "
			 "the calling user needs ranges in /etc/subuid and "
			 "/etc/subgid that reach this far",
			 sb->user.uid, sb->user.gid);
}

static int set_ids(const struct container *c, struct error *err)
{
	const struct sandbox_user *user = &c->sb->user;

	if (set_groups(c, err) < 0)
		return -1;
	if (setresgid(user->gid, user->gid, user->gid) == 0 &&
	    setresuid(user->uid, user->uid, user->uid) == 0)
		return 0;
	if (errno != EINVAL)
		return error_sys(err, errno, "cannot become user %u:%u",
				 user->uid, user->gid);
	return container_refuse_ids(c->sb, err);
}

uint64_t container_caps(const struct container *c)
{
	uint64_t wanted = c->sb->insecure ? CAPS_ALL : c->sb->capabilities;

	return wanted & c->engine->permitted;
}

static int load_filter(const struct container *c, uint64_t caps,
		       struct error *err)
{
	const struct seccomp_program own = {
		.code = (struct sock_filter *)c->sb->seccomp,
		.n = c->sb->n_seccomp,
	};

	if (c->sb->insecure || c->sb->no_seccomp)
		return 0;
	return own.n ? seccomp_program_load(&own, err)
		     : seccomp_cache_load(c->engine->seccomp, caps, err);
}

/*
 * From the exec on. The file must be the kernel's: a mount on /proc could
 * offer one that takes the profile and does nothing.
 */
static int choose_apparmor(const struct sandbox *sb, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	autoclose int fd = -1;
	struct statfs fs;

	if (!sb->apparmor || sb->insecure)
		return 0;
	fd = open("/proc/self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		fd = open("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC);
	buf_printf(&text, "exec %s", sb->apparmor);
	if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC ||
	    text.failed || write(fd, text.data, text.len) < 0)
		return error_sys(err, errno,
				 "cannot enter the AppArmor profile '%s'",
				 sb->apparmor);
	return 0;
}

/*
 * The order is the point. The bounding set needs CAP_SETPCAP; a filter
 * without no_new_privs needs CAP_SYS_ADMIN; ids need CAP_SETUID and
 * CAP_SETGID, and leaving uid 0 empties the sets by itself. The filter itself
 * allows what follows it. Inheritable stays empty, or a file could carry
 * capabilities over an exec.
 */
static int drop_rights(struct container *c, struct error *err)
{
	uint64_t caps = container_caps(c);

	if (caps_limit_bounding(caps, err) < 0)
		return -1;
	if (c->sb->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "cannot set no_new_privs");
	if (load_filter(c, caps, err) < 0)
		return -1;
	if (set_ids(c, err) < 0)
		return -1;
	return caps_set(c->sb->user.uid == 0 ? caps : 0, 0, err);
}

/* "#!INTERPRETER ..." in `line`: a pointer to its name, or NULL. */
static char *interpreter_of(char *line)
{
	char *name = line + 2;

	if (line[0] != '#' || line[1] != '!')
		return NULL;
	name += strspn(name, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	return *name ? name : NULL;
}

/*
 * Is it ourselves (EPERM), or may another file be tried (ENOENT)? As
 * "/proc/self/exe", for one, an image could start the builder's own file in
 * here, also as an interpreter, and get hold of it.
 */
static int look_at_file(const struct container *c, const char *file)
{
	const struct engine *e = c->engine;
	char line[256];

	/* The kernel follows no more interpreters than this. */
	for (int depth = 0; file && depth < 6; depth++) {
		autoclose int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY |
						      O_CLOEXEC);
		struct stat st;
		ssize_t len;

		if (fd < 0 || fstat(fd, &st) < 0)
			return ENOENT;
		if (st.st_dev == e->own_dev && st.st_ino == e->own_ino)
			return EPERM;
		len = read(fd, line, sizeof(line) - 1);
		if (len < 0)
			return ENOENT;
		line[len] = '\0';
		file = interpreter_of(line);
	}
	return ENOENT;
}

/* Returns on failure only, with the reason. */
static int exec_file(const struct container *c, const char *file)
{
	/* execve() takes them without const and leaves them alone. */
	char *const *args = (char *const *)c->sb->args;
	char *const *env = (char *const *)c->sb->env;

	execve(file, args, env);
	return errno;
}

typedef int try_fn(const struct container *c, const char *file);

/* "DIR/NAME" for each DIR of PATH; an empty one is the current directory. */
static int try_in_path(const struct container *c, const char *path, try_fn *try)
{
	int result = ENOENT;

	while (path) {
		const char *end = strchrnul(path, ':');
		AUTO(buf_release) struct buf file = BUF_INIT;
		int sys;

		buf_printf(&file, "%.*s%s%s", (int)(end - path), path,
			   end > path ? "/" : "", c->sb->args[0]);
		if (file.failed)
			return ENOMEM;
		sys = try(c, file.data);
		/* Keep looking, as a shell does, but remember a refusal. */
		if (sys == EACCES)
			result = EACCES;
		else if (sys != ENOENT && sys != ENOTDIR)
			return sys;
		path = *end ? end + 1 : NULL;
	}
	return result;
}

static const char *path_of(const struct sandbox *sb)
{
	for (size_t i = 0; sb->env && sb->env[i]; i++)
		if (strncmp(sb->env[i], "PATH=", 5) == 0)
			return sb->env[i] + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* With each file that the command may mean, until one settles the matter. */
static int try_files(const struct container *c, try_fn *try)
{
	const char *name = c->sb->args[0];

	return strchr(name, '/') ? try(c, name)
				 : try_in_path(c, path_of(c->sb), try);
}

static int cannot_run(const struct container *c, int sys, struct error *err)
{
	error_sys(err, sys, "cannot run '%s'", c->sb->args[0]);
	err->kind = ERROR_COMMAND;
	return -1;
}

/* With all our rights: its user may be one who can run it but not read it. */
static int refuse_own_file(const struct container *c, struct error *err)
{
	return try_files(c, look_at_file) == EPERM ? cannot_run(c, EPERM, err)
						   : 0;
}

/* Who may mount, or gets no filter of ours, is left as free as they asked. */
static int fence_exec(const struct container *c, struct error *err)
{
	const struct sandbox *sb = c->sb;

	if (sb->insecure || sb->no_seccomp || sb->n_seccomp ||
	    container_caps(c) & CAPS_BIT(CAP_SYS_ADMIN))
		return 0;
	return exec_fence_put_up(c->root, err);
}

int container_exec(struct container *c, struct error *err)
{
	sigset_t none;

	/* A session of its own has no terminal to push characters into. */
	if (setsid() < 0)
		return error_sys(err, errno, "cannot start a session");
	if (fchdir(c->cwd) < 0)
		return error_sys(err, errno, "cannot enter '%s'", c->sb->cwd);
	/* While the root is still held. */
	if (refuse_own_file(c, err) < 0 || fence_exec(c, err) < 0)
		return -1;
	if (set_up_descriptors(c, err) < 0 || set_rlimits(c->sb, err) < 0)
		return -1;
	umask(022);
	/* Quotas may forbid it; keyctl() is filtered anyway. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	if (choose_apparmor(c->sb, err) < 0 || drop_rights(c, err) < 0)
		return -1;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		return error_sys(err, errno, "cannot unblock signals");
	return cannot_run(c, try_files(c, exec_file), err);
}
