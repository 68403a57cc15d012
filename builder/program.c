#include "builder/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "registry/printable.h"
#include "store/base/spawn.h"
#include "store/base/timefmt.h"

#define READ_SIZE ((size_t)16 << 10)

/* What is kept of stderr: enough for its last lines. */
#define ERRORS_MAX  ((size_t)64 << 10)
#define ERRORS_KEEP ((size_t)8 << 10)

#define TICK_MS 1000

/* Of a shell that did not find what it should run. */
#define STATUS_NOT_FOUND 127

struct running {
	const struct program *program;
	pid_t pid;
	int out; /* read ends; -1 once at their end */
	int err;
	struct buf *output;
	struct buf errors;
	int64_t heard_ms; /* when something was last said */
};

/* Whatever it has started goes with it. */
static void running_release(struct running *r)
{
	if (r->out >= 0)
		close(r->out);
	if (r->err >= 0)
		close(r->err);
	buf_release(&r->errors);
	if (r->pid > 0) {
		kill(-r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}
DEFINE_RELEASE(struct running, running_release);

static int set_actions(posix_spawn_file_actions_t *actions, int dir, int out,
		       int err)
{
	if (posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY,
					     0) != 0 ||
	    posix_spawn_file_actions_adddup2(actions, out, 1) != 0 ||
	    posix_spawn_file_actions_adddup2(actions, err, 2) != 0)
		return -1;
	return posix_spawn_file_actions_addfchdir_np(actions, dir);
}

/* An errno value, 0 for success. */
static int spawn(const struct program *p, int out, int err, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int failed = ENOMEM;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	if (set_actions(&actions, p->dir, out, err) == 0 &&
	    spawn_attributes(&attr) == 0) {
		failed = posix_spawnp(pid, p->argv->items[0], &actions, &attr,
				      p->argv->items, p->env->items);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

static int start(struct running *r, struct error *err)
{
	autoclose int out_end = -1;
	autoclose int err_end = -1;
	int out[2], errors[2], failed;

	if (pipe2(out, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	r->out = out[0];
	out_end = out[1];
	if (pipe2(errors, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	r->err = errors[0];
	err_end = errors[1];
	failed = spawn(r->program, out_end, err_end, &r->pid);
	if (!failed)
		return 0;
	r->pid = -1;
	error_sys(err, failed, "cannot run '%s'", r->program->name);
	if (failed == ENOENT)
		err->kind = ERROR_NOT_FOUND;
	return -1;
}

static int check_stall(struct running *r, bool heard, struct error *err)
{
	int64_t now = time_monotonic_ms();

	if (heard)
		r->heard_ms = now;
	if (!r->program->stall_ms || now - r->heard_ms < r->program->stall_ms)
		return 0;
	return error_set(err, ERROR_NETWORK,
			 "%s: nothing happened for %lld seconds, giving up",
			 r->program->name,
			 (long long)(r->program->stall_ms / 1000));
}

/* Read some of `*fd`; it becomes -1 at its end. `to` NULL: drop it. */
static int take(int *fd, struct buf *to, struct error *err)
{
	char data[READ_SIZE];
	ssize_t n = read(*fd, data, sizeof(data));

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0)
		return error_sys(err, errno, "cannot read from a program");
	if (n == 0) {
		close(*fd);
		*fd = -1;
	} else if (to) {
		buf_append(to, data, (size_t)n);
	}
	return to ? buf_check(to, "reading from a program", err) : 0;
}

static int take_errors(struct running *r, struct error *err)
{
	if (take(&r->err, &r->errors, err) < 0)
		return -1;
	if (r->errors.len > ERRORS_MAX) {
		memmove(r->errors.data,
			r->errors.data + r->errors.len - ERRORS_KEEP,
			ERRORS_KEEP);
		buf_truncate(&r->errors, ERRORS_KEEP);
	}
	return 0;
}

static int take_output(struct running *r, struct error *err)
{
	if (take(&r->out, r->output, err) < 0)
		return -1;
	if (r->output && r->output->len > r->program->output_max)
		return error_set(err, ERROR_REFUSED,
				 "'%s' answers with more than %zu bytes",
				 r->program->name, r->program->output_max);
	return 0;
}

/* Until both pipes are at their end. */
static int converse(struct running *r, struct error *err)
{
	const struct cancel *cancel = r->program->cancel;

	while (r->out >= 0 || r->err >= 0) {
		struct pollfd fds[] = {
			{ .fd = r->out, .events = POLLIN },
			{ .fd = r->err, .events = POLLIN },
			{ .fd = cancel ? cancel_fd(cancel) : -1,
			  .events = POLLIN },
		};
		int ready = poll(fds, ARRAY_LEN(fds), TICK_MS);

		if (ready < 0 && errno != EINTR)
			return error_sys(err, errno,
					 "cannot wait for a program");
		if (cancel_check(cancel, err) < 0 ||
		    check_stall(r, ready > 0, err) < 0)
			return -1;
		/* Interrupted: what the events say is not known. */
		if (ready <= 0)
			continue;
		if (fds[0].revents && take_output(r, err) < 0)
			return -1;
		if (fds[1].revents && take_errors(r, err) < 0)
			return -1;
	}
	return 0;
}

/* The last line that says something. */
static void last_line(const struct buf *text, char *ret, size_t size)
{
	size_t end = text->len, start;

	while (end > 0 && strchr(" \t\r\n", text->data[end - 1]))
		end--;
	for (start = end; start > 0 && text->data[start - 1] != '\n';)
		start--;
	printable(ret, size, text->data ? text->data + start : "", end - start);
}

/*
 * The first line that begins with `mark`, and the one before unless it shows
 * progress ("10%"), which a carriage return may end; false: there is none.
 */
static bool marked_lines(const struct buf *text, const char *mark, char *ret,
			 size_t size)
{
	const char *line = text->data ? text->data : "", *before = line;

	while (strncmp(line, mark, strlen(mark)) != 0) {
		size_t len = strcspn(line, "\r\n");

		if (!line[len])
			return false;
		before = memchr(line, '%', len) ? line + len + 1 : line;
		line += len + 1;
	}
	printable(ret, size, before,
		  (size_t)(line - before) + strcspn(line, "\r\n"));
	return true;
}

static void describe_failure(const struct running *r, char *ret, size_t size)
{
	const char *mark = r->program->failure_mark;

	if (!mark || !marked_lines(&r->errors, mark, ret, size))
		last_line(&r->errors, ret, size);
}

static int finish(struct running *r, struct error *err)
{
	const char *name = r->program->name;
	char line[512];
	int status = 0;

	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	r->pid = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND,
				 "cannot run '%s': it is not installed", name);
	describe_failure(r, line, sizeof(line));
	if (*line)
		return error_set(err, ERROR_COMMAND, "%s: %s", name, line);
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_COMMAND, "%s: killed by signal %d",
				 name, WTERMSIG(status));
	return error_set(err, ERROR_COMMAND, "%s: exit status %d", name,
			 WEXITSTATUS(status));
}

int program_run(const struct program *p, struct buf *output, struct error *err)
{
	AUTO(running_release)
	struct running r = {
		.program = p,
		.pid = -1,
		.out = -1,
		.err = -1,
		.output = output,
		.heard_ms = time_monotonic_ms(),
	};

	if (start(&r, err) < 0 || converse(&r, err) < 0)
		return -1;
	return finish(&r, err);
}
