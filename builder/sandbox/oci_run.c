/*
 * Have an OCI runtime make a container of the bundle, which lies in memory in
 * our own mount namespace: what a runtime keeps about it ends with us. So does
 * the container, since we are process 1 of a namespace that holds its own.
 *
 * The runtime's "create" ends and leaves the container to us, its reaper: the
 * program's end is seen as it is, a signal as a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/container.h"
#include "builder/sandbox/oci_runtime.h"
#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/base/json.h"

#define CONTAINER_ID "step"
#define LOG_FILE     "runtime.log"
#define PID_FILE     "pid"
#define LOG_MAX	     (1U << 20)
#define PID_MAX	     32U

/* One call of the runtime. */
struct call {
	const struct container *c;
	struct strv argv;
	struct strv env;
	int sys; /* why it could not be executed */
};

static void call_release(struct call *call)
{
	strv_release(&call->argv);
	strv_release(&call->env);
}
DEFINE_RELEASE(struct call, call_release);

static void append_all(struct strv *v, const char *const *items)
{
	for (; *items; items++)
		strv_append(v, *items);
}

static void append_path(struct strv *v, const char *option, const char *dir,
			const char *name)
{
	struct buf path = BUF_INIT;

	strv_append(v, option);
	buf_printf(&path, "%s/%s", dir, name);
	strv_take(v, buf_steal(&path));
}

/* What runtimes keep about themselves goes to the bundle, too. */
static void set_env(struct call *call)
{
	struct buf dir = BUF_INIT;

	strv_append(&call->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
				"/usr/bin:/sbin:/bin");
	buf_printf(&dir, "XDG_RUNTIME_DIR=%s", call->c->sb->work);
	strv_take(&call->env, buf_steal(&dir));
}

/* "RUNTIME --root DIR --log FILE COMMAND ... ID" */
static int make_call(struct call *call, const char *command, struct error *err)
{
	const struct sandbox *sb = call->c->sb;
	struct oci_runtime_flags flags = oci_runtime_flags(sb->runtime);
	struct strv *argv = &call->argv;

	strv_append(argv, sb->runtime);
	append_path(argv, "--root", sb->work, "state");
	append_path(argv, "--log", sb->work, LOG_FILE);
	append_all(argv, (const char *const[]){ "--log-format", "json", NULL });
	append_all(argv, flags.global);
	strv_append(argv, command);
	if (!strcmp(command, "create")) {
		append_all(argv, flags.create);
		strv_append(argv, "--bundle");
		strv_append(argv, sb->work);
		append_path(argv, "--pid-file", sb->work, PID_FILE);
		if (oci_console_name(call->c)) {
			strv_append(argv, "--console-socket");
			strv_append(argv, oci_console_name(call->c));
		}
	}
	strv_append(argv, CONTAINER_ID);
	set_env(call);
	if (strv_check(argv, "a command", err) < 0)
		return -1;
	return strv_check(&call->env, "an environment", err);
}

/* In the child; what is left open closes with the exec. */
static int be_runtime(void *arg)
{
	struct call *call = arg;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int output = call->c->fds.output;
	sigset_t none;

	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	sigemptyset(&none);
	umask(022);
	if (fchdir(call->c->own) == 0 && null >= 0 && dup2(null, 0) == 0 &&
	    dup2(output, 1) == 1 && dup2(output, 2) == 2 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0)
		execve(call->argv.items[0], call->argv.items, call->env.items);
	call->sys = errno;
	return 127;
}

/* The last thing that the runtime had to say; NULL when it was silent. */
static char *last_words(const struct container *c)
{
	AUTO(buf_release) struct buf log = BUF_INIT;
	struct error ignored = ERROR_INIT;
	char *found = NULL;
	char *rest;

	if (io_read_file(c->own, LOG_FILE, LOG_MAX, &log, &ignored) < 0)
		return NULL;
	rest = log.data;
	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		AUTO(json_decref) json_t *json = NULL;
		const char *msg;

		json = json_parse(line, strlen(line), "a log", &ignored);
		msg = json_get_string(json, "msg");
		if (!msg)
			continue;
		free(found);
		found = strdup(msg);
	}
	return found;
}

static int failed(const struct call *call, const char *command, int status,
		  struct error *err)
{
	const char *runtime = call->c->sb->runtime;
	autofree char *why = NULL;

	if (call->sys)
		return error_sys(err, call->sys, "cannot run '%s'", runtime);
	why = last_words(call->c);
	if (why)
		return error_set(err, ERROR_COMMAND, "%s: %s", runtime, why);
	return error_set(err, ERROR_COMMAND, "'%s %s' ended with status %d",
			 runtime, command,
			 WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					     : WEXITSTATUS(status));
}

static int run_runtime(struct container *c, const char *command,
		       struct error *err)
{
	AUTO(call_release) struct call call = { .c = c };
	int status;
	pid_t pid;

	if (make_call(&call, command, err) < 0)
		return -1;
	pid = container_start_process(be_runtime, &call, err);
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_sys(err, errno, "cannot wait");
	return status ? failed(&call, command, status, err) : 0;
}

static pid_t read_pid(const struct container *c, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	long pid;

	if (io_read_file(c->own, PID_FILE, PID_MAX, &text, err) < 0)
		return -1;
	pid = text.len ? strtol(text.data, NULL, 10) : 0;
	if (pid <= 1)
		return error_set(err, ERROR_SYSTEM,
				 "'%s' did not tell the container's process",
				 c->sb->runtime);
	return (pid_t)pid;
}

/* The container, from outside, before its program runs. */
struct visit {
	pid_t pid;
	int failed; /* errno */
};

static int be_visitor(void *arg)
{
	struct visit *v = arg;
	char path[48];
	int ns;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)v->pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL) < 0)
		v->failed = errno;
	return 0;
}

/*
 * A runtime counts on a device control group and may mount the root anew,
 * with devices. In a user namespace the kernel opens none anyway.
 */
static int close_devices(const struct container *c, pid_t pid,
			 struct error *err)
{
	struct visit v = { .pid = pid };
	pid_t visitor;

	if (c->sb->insecure || !c->engine->is_initial_userns)
		return 0;
	visitor = container_start_process(be_visitor, &v, err);
	if (visitor < 0)
		return -1;
	while (waitpid(visitor, NULL, 0) < 0 && errno == EINTR)
		;
	return v.failed ? error_sys(err, v.failed,
				    "cannot keep devices out of the root")
			: 0;
}

pid_t oci_start(struct container *c, struct error *err)
{
	pid_t pid;

	if (run_runtime(c, "create", err) < 0)
		return -1;
	pid = oci_pass_console(c, err) < 0 ? -1 : read_pid(c, err);
	if (pid < 0 || close_devices(c, pid, err) < 0 ||
	    run_runtime(c, "start", err) < 0)
		return -1;
	return pid;
}
