#include "builder/ssh_agents.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/program.h"
#include "store/base/buf.h"
#include "store/base/spawn.h"

/*
 * An agent that is given a command ends with it. This one lasts as long as
 * its stdin, a pipe of ours: it ends even when we are killed. It tells the
 * agent's number first, and by then the socket is there.
 */
#define KEEP_ALIVE "echo \"$SSH_AGENT_PID\"; exec cat >/dev/null"

/* An ssh-agent of our own. */
struct started {
	pid_t command; /* our child, the agent's parent */
	pid_t agent;
	int alive; /* the pipe */
};

struct agent {
	char *id;
	char *socket;
	struct started started; /* command 0: the user's own agent */
};

struct ssh_agents {
	struct batch *batch;
	struct agent *items;
	size_t n;
};

static void agent_release(struct agent *a)
{
	/* Its parent has not ended, so the number is still the agent's. */
	if (a->started.agent > 0)
		kill(a->started.agent, SIGTERM);
	if (a->started.command > 0) {
		close(a->started.alive);
		while (waitpid(a->started.command, NULL, 0) < 0 &&
		       errno == EINTR)
			;
		unlink(a->socket);
	}
	free(a->id);
	free(a->socket);
}

void ssh_agents_free(struct ssh_agents *a)
{
	if (!a)
		return;
	while (a->n)
		agent_release(&a->items[--a->n]);
	free(a->items);
	free(a);
}

const char *ssh_agents_socket(const struct ssh_agents *a, const char *id)
{
	for (size_t i = 0; a && i < a->n; i++)
		if (!strcmp(a->items[i].id, id))
			return a->items[i].socket;
	return NULL;
}

/* "ID[=PATH[,PATH]]" */
static int split(const char *spec, char **id, struct strv *paths,
		 struct error *err)
{
	const char *equals = strchrnul(spec, '=');

	*id = strndup(spec, (size_t)(equals - spec));
	for (const char *at = *equals ? equals + 1 : ""; *at;) {
		size_t len = strcspn(at, ",");

		if (len)
			strv_take(paths, strndup(at, len));
		at += len + (at[len] == ',');
	}
	if (!*id)
		return error_nomem(err, "--ssh");
	if (!**id || (*equals && !paths->len))
		return error_set(err, ERROR_USAGE,
				 "it must be ID or ID=SOCKET|KEY[,KEY]");
	return strv_check(paths, "--ssh", err);
}

static int use_own_of_user(struct agent *a, struct error *err)
{
	const char *path = getenv("SSH_AUTH_SOCK");

	if (!path || !*path)
		return error_set(err, ERROR_USAGE,
				 "SSH_AUTH_SOCK is not set: start an ssh-agent "
				 "and add a key, or name a socket or a key");
	a->socket = strdup(path);
	return a->socket ? 0 : error_nomem(err, "--ssh");
}

static bool is_socket(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* The number that the agent's command prints. */
static pid_t read_number(int fd)
{
	char text[32];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 &&
	       (n = read(fd, text + len, sizeof(text) - 1 - len)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		len += (size_t)n;
		if (memchr(text, '\n', len))
			break;
	}
	text[len] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

/* In the batch's folder and by a short name: paths of sockets are short. */
static int spawn(const struct ssh_agents *all, const char *name, int in,
		 int out, pid_t *ret)
{
	char *const argv[] = { (char *)"ssh-agent", (char *)"-a",
			       (char *)name,	    (char *)"sh",
			       (char *)"-c",	    (char *)KEEP_ALIVE,
			       NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int sys;

	/* Ctrl-C is ours to handle. */
	sys = spawn_attributes(&attr);
	if (sys)
		return sys;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addfchdir_np(&actions, batch_fd(all->batch));
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	sys = posix_spawnp(ret, "ssh-agent", &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return sys;
}

static int start_agent(const struct ssh_agents *all, const char *name,
		       struct started *ret, struct error *err)
{
	autoclose int in_read = -1, out_read = -1, out_write = -1;
	int in[2], out[2], sys;

	if (pipe2(in, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	ret->alive = in[1];
	in_read = in[0];
	if (pipe2(out, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	out_read = out[0];
	out_write = out[1];
	sys = spawn(all, name, in_read, out_write, &ret->command);
	if (sys) {
		ret->command = 0;
		close(ret->alive);
		return error_sys(err, sys,
				 "cannot run ssh-agent, which holds keys for a "
				 "build");
	}
	close(steal_fd(&out_write));
	ret->agent = read_number(out_read);
	if (ret->agent <= 1)
		return error_set(err, ERROR_SYSTEM, "ssh-agent did not start");
	return 0;
}

/* Nobody is asked for a passphrase. */
static int add_keys(const struct ssh_agents *all, const char *name,
		    const struct strv *keys, struct error *err)
{
	AUTO(strv_release) struct strv argv = STRV_INIT;
	AUTO(strv_release) struct strv env = STRV_INIT;
	const char *path = getenv("PATH");
	const struct program program = {
		.name = "ssh-add",
		.argv = &argv,
		.env = &env,
		.dir = batch_fd(all->batch),
		.output_max = 65536,
		.stall_ms = 60000,
	};

	strv_append(&argv, "ssh-add");
	strv_append(&argv, "-q");
	strv_append(&argv, "--");
	for (size_t i = 0; i < keys->len; i++) {
		char *full = realpath(keys->items[i], NULL);

		if (!full)
			return error_sys(err, errno, "cannot open '%s'",
					 keys->items[i]);
		strv_take(&argv, full);
	}
	strv_env_set(&env, "SSH_AUTH_SOCK", name);
	strv_env_set(&env, "SSH_ASKPASS_REQUIRE", "never");
	strv_env_set(&env, "PATH", path ? path : "/usr/bin:/bin");
	if (strv_check(&argv, "--ssh", err) < 0 ||
	    strv_check(&env, "--ssh", err) < 0)
		return -1;
	if (program_run(&program, NULL, err) == 0)
		return 0;
	err->kind = ERROR_REFUSED;
	return error_wrap(err, "a key cannot be used (one with a passphrase "
			       "must be in an agent of yours: ssh-add, then "
			       "--ssh default)");
}

static int hold_keys(const struct ssh_agents *all, struct agent *a,
		     const struct strv *keys, struct error *err)
{
	autofree char *name = batch_fresh_name(all->batch, "ssh", err);

	if (!name)
		return -1;
	if (asprintf(&a->socket, "%s/%s", batch_path(all->batch), name) < 0) {
		a->socket = NULL;
		return error_nomem(err, "--ssh");
	}
	if (start_agent(all, name, &a->started, err) < 0)
		return -1;
	return add_keys(all, name, keys, err);
}

static int open_agent(struct ssh_agents *all, const char *spec,
		      struct error *err)
{
	AUTO(strv_release) struct strv paths = STRV_INIT;
	struct agent *a = &all->items[all->n++];

	if (split(spec, &a->id, &paths, err) < 0)
		return -1;
	for (const struct agent *other = all->items; other < a; other++)
		if (!strcmp(other->id, a->id))
			return error_set(err, ERROR_USAGE,
					 "\"%s\" is given twice", a->id);
	if (!paths.len)
		return use_own_of_user(a, err);
	if (!is_socket(paths.items[0]))
		return hold_keys(all, a, &paths, err);
	if (paths.len > 1)
		return error_set(err, ERROR_USAGE,
				 "'%s' is a socket, which stands alone",
				 paths.items[0]);
	a->socket = realpath(paths.items[0], NULL);
	return a->socket ? 0
			 : error_sys(err, errno, "cannot open '%s'",
				     paths.items[0]);
}

int ssh_agents_open(const struct strv *specs, struct batch *batch,
		    struct ssh_agents **ret, struct error *err)
{
	AUTO(ssh_agents_free) struct ssh_agents *a = calloc(1, sizeof(*a));

	if (!a)
		return error_nomem(err, "--ssh");
	a->batch = batch;
	a->items = calloc(specs->len + 1, sizeof(*a->items));
	if (!a->items)
		return error_nomem(err, "--ssh");
	for (size_t i = 0; i < specs->len; i++)
		if (open_agent(a, specs->items[i], err) < 0)
			return error_wrap(err, "--ssh %s", specs->items[i]);
	*ret = steal_pointer(&a);
	return 0;
}
