#include "builder/sandbox/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/subids.h"
#include "store/base/io.h"
#include "store/base/strv.h"

/* The kernel's fixed number for the file of the first user namespace. */
#define INITIAL_USERNS_INODE 0xEFFFFFFDU

#define SUBID_FILE_MAX (16U << 20)

/* What came of mapping subordinate ids. */
enum mapping {
	MAPPING_DONE,
	MAPPING_NO_RANGES,
	MAPPING_NO_PROGRAM,
	MAPPING_REFUSED,
	MAPPING_BROKEN, /* uids are mapped, gids failed: no way back */
};

static const char *const reasons[] = {
	[MAPPING_NO_RANGES] =
		"the user has no ranges in /etc/subuid and /etc/subgid; root "
		"gives free ones with 'usermod --add-subuids 100000-165535 "
		"--add-subgids 100000-165535 USER'",
	[MAPPING_NO_PROGRAM] =
		"newuidmap and newgidmap are not installed (package uidmap)",
	[MAPPING_REFUSED] =
		"newuidmap was refused; no_new_privs or a nosuid mount takes "
		"its rights away",
};

bool userns_is_initial(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 &&
	       st.st_ino == INITIAL_USERNS_INODE;
}

/* Run newuidmap or newgidmap; its exit status, 127 when there is none. */
static int run_map_tool(char *const *args)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return 126;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		/* Its complaint is not an error: see `reasons`. */
		if (null >= 0) {
			dup2(null, 1);
			dup2(null, 2);
		}
		execvp(args[0], args);
		_exit(errno == ENOENT ? 127 : 126);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static void append_number(struct strv *v, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	strv_append(v, text);
}

/* TOOL PID 0 OWN 1 1 START COUNT ...: inside, ids follow one another. */
static enum mapping map_ranges(const char *tool, pid_t pid, uint32_t own,
			       const struct subids *subids)
{
	AUTO(strv_release) struct strv args = STRV_INIT;
	uint64_t inside = 1;
	int status;

	strv_append(&args, tool);
	append_number(&args, (uint64_t)pid);
	append_number(&args, 0);
	append_number(&args, own);
	append_number(&args, 1);
	for (size_t i = 0; i < subids->n; i++) {
		append_number(&args, inside);
		append_number(&args, subids->ranges[i].start);
		append_number(&args, subids->ranges[i].count);
		inside += subids->ranges[i].count;
	}
	status = args.failed ? 126 : run_map_tool(args.items);
	if (status == 127)
		return MAPPING_NO_PROGRAM;
	return status == 0 ? MAPPING_DONE : MAPPING_REFUSED;
}

/* In both files a user is named, or given by uid; also for group ids. */
static void read_subids(const char *file, uint32_t own, struct subids *ret)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error ignored = ERROR_INIT;
	const struct passwd *user = getpwuid(getuid());

	if (io_read_file(AT_FDCWD, file, SUBID_FILE_MAX, &text, &ignored) == 0)
		subids_parse(text.data ? text.data : "",
			     user ? user->pw_name : NULL, getuid(), own, ret);
}

static enum mapping map_subordinate(pid_t pid)
{
	struct subids uids = { .n = 0 };
	struct subids gids = { .n = 0 };
	enum mapping m;

	read_subids("/etc/subuid", getuid(), &uids);
	read_subids("/etc/subgid", getgid(), &gids);
	if (!uids.n || !gids.n)
		return MAPPING_NO_RANGES;
	m = map_ranges("newuidmap", pid, getuid(), &uids);
	if (m != MAPPING_DONE)
		return m;
	m = map_ranges("newgidmap", pid, getgid(), &gids);
	return m == MAPPING_DONE ? m : MAPPING_BROKEN;
}

/* Every id we have ourselves, each as itself. */
static int map_identity(pid_t pid, const char *file, struct error *err)
{
	AUTO(buf_release) struct buf map = BUF_INIT;
	autofile FILE *own = NULL;
	uint64_t inside, outside, count;
	autoclose int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	own = fopen(path, "re");
	while (own && fscanf(own, "%" SCNu64 "%" SCNu64 "%" SCNu64, &inside,
			     &outside, &count) == 3)
		buf_printf(&map, "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			   inside, inside, count);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return io_write(fd, map.data, map.len, path, err);
}

/*
 * Root that may not mount but may set ids, as in a plain docker container
 * without a filter, needs neither ranges nor programs.
 */
static bool can_map_all(void)
{
	uint64_t need = CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SETGID);

	return geteuid() == 0 && (caps_effective() & need) == need;
}

/* In the helper, outside the new namespace. */
static enum mapping map_process(pid_t pid)
{
	struct error ignored = ERROR_INIT;

	if (!can_map_all())
		return map_subordinate(pid);
	if (map_identity(pid, "uid_map", &ignored) < 0)
		return MAPPING_REFUSED;
	return map_identity(pid, "gid_map", &ignored) < 0 ? MAPPING_BROKEN
							  : MAPPING_DONE;
}

/* Waits until we are in the namespace, then maps and answers. */
static _Noreturn void be_helper(int from, int to)
{
	enum mapping m;
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(from, &go, 1) != 1)
		_exit(0);
	m = map_process(getppid());
	if (write(to, &m, sizeof(m)) != (ssize_t)sizeof(m))
		_exit(1);
	_exit(0);
}

static int write_file(const char *path, const char *text, struct error *err)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	return io_write(fd, text, strlen(text), path, err);
}

/* What anyone may do: the own id as root. Group lists are given up for it. */
static int map_single(uid_t uid, gid_t gid, struct error *err)
{
	struct error ignored = ERROR_INIT;
	char map[32];

	/* Missing before Linux 3.19. */
	write_file("/proc/self/setgroups", "deny", &ignored);
	snprintf(map, sizeof(map), "0 %u 1\n", uid);
	if (write_file("/proc/self/uid_map", map, err) < 0)
		return err->sys == EPERM && uid == 0
			       ? error_wrap(err,
					    "root without CAP_SETFCAP can make "
					    "no user namespace of its own; run "
					    "as another user")
			       : -1;
	snprintf(map, sizeof(map), "0 %u 1\n", gid);
	return write_file("/proc/self/gid_map", map, err);
}

static int cannot_unshare(int sys, struct error *err)
{
	static const struct {
		int sys;
		const char *remedy;
	} remedies[] = {
		{ ENOSPC, "user.max_user_namespaces is used up or 0" },
		{ EPERM, "forbidden here: the administrator allows it with "
			 "'sysctl kernel.unprivileged_userns_clone=1' or "
			 "'sysctl kernel.apparmor_restrict_unprivileged_userns="
			 "0', and inside a container its seccomp and AppArmor "
			 "profiles must allow unshare, clone and mount" },
		{ EINVAL, "this kernel has no user namespaces" },
	};

	error_sys(err, sys, "cannot make a user namespace");
	for (size_t i = 0; i < ARRAY_LEN(remedies); i++)
		if (remedies[i].sys == sys)
			return error_wrap(err, "%s", remedies[i].remedy);
	return -1;
}

/* Go in and have the helper map us. */
static int unshare_and_map(int to_helper, int from_helper, enum mapping *ret,
			   struct error *err)
{
	ssize_t r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return cannot_unshare(errno, err);
	if (io_write(to_helper, "g", 1, "the id mapper", err) < 0)
		return -1;
	r = io_read(from_helper, ret, sizeof(*ret), "the id mapper", err);
	if (r < 0)
		return -1;
	if (r != (ssize_t)sizeof(*ret))
		*ret = MAPPING_REFUSED;
	return 0;
}

static int enter(enum mapping *ret, struct error *err)
{
	autoclose int in = -1;
	autoclose int out = -1;
	int go[2], answer[2];
	pid_t helper;
	int r;

	if (pipe2(go, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	in = go[0];
	out = go[1];
	if (pipe2(answer, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	helper = fork();
	if (helper == 0) {
		close(go[1]);
		close(answer[0]);
		be_helper(go[0], answer[1]);
	}
	close(answer[1]);
	r = helper < 0 ? error_sys(err, errno, "cannot start the id mapper")
		       : unshare_and_map(out, answer[0], ret, err);
	close(answer[0]);
	/* Ends a helper that still waits. */
	close(steal_fd(&out));
	while (helper > 0 && waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}

int userns_enter(enum userns_kind *ret, const char **why, struct error *err)
{
	enum mapping mapping = MAPPING_REFUSED;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	*why = NULL;
	if (uid == 0 && caps_effective() & CAPS_BIT(CAP_SYS_ADMIN)) {
		*ret = USERNS_NONE;
		return 0;
	}
	if (enter(&mapping, err) < 0)
		return -1;
	if (mapping == MAPPING_DONE) {
		*ret = USERNS_RANGES;
		return 0;
	}
	if (mapping == MAPPING_BROKEN)
		return error_set(err, ERROR_SYSTEM,
				 "newuidmap worked but newgidmap failed; is "
				 "/etc/subgid like /etc/subuid, and newgidmap "
				 "setuid?");
	*why = reasons[mapping];
	*ret = USERNS_SINGLE;
	return map_single(uid, gid, err);
}
