#include "registry/credential_helper.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "registry/printable.h"
#include "store/base/buf.h"
#include "store/base/json.h"
#include "store/base/spawn.h"

#define OUTPUT_MAX ((size_t)1 << 20)
#define TOKEN_USER "<token>" /* how helpers mark OAuth2 refresh tokens */

extern char **environ;

struct helper {
	pid_t pid;
	int output; /* read end of its stdout */
	const char *name;
	const struct cancel *cancel;
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The name becomes part of a program's name; it must not become a path. */
static int check_name(const char *name, struct error *err)
{
	if (*name && !strchr(name, '/') && strlen(name) < 128)
		return 0;
	return error_set(err, ERROR_AUTH, "bad credential helper name '%s'",
			 name);
}

static int spawn(const char *program, const char *verb, int input, int output,
		 pid_t *pid)
{
	char *argv[] = { (char *)program, (char *)verb, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int failed;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return ENOMEM;
	failed = posix_spawn_file_actions_adddup2(&actions, input, 0);
	if (!failed)
		failed = posix_spawn_file_actions_adddup2(&actions, output, 1);
	if (!failed)
		failed = spawn_attributes(&attr);
	if (!failed) {
		failed = posix_spawnp(pid, program, &actions, &attr, argv,
				      environ);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/*
 * A pipe that holds all of the helper's input, so that writing can neither
 * block nor meet a closed reader. Returns its read end. What does not fit into
 * a pipe is longer than any token.
 */
static int input_pipe(const char *text, struct error *err)
{
	size_t len = strlen(text);
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	n = write(ends[1], text, len);
	close(ends[1]);
	if (n == (ssize_t)len)
		return ends[0];
	close(ends[0]);
	return error_set(err, ERROR_AUTH, "cannot tell it %zu bytes", len);
}

static int helper_start(struct helper *h, const char *verb, const char *text,
			struct error *err)
{
	autoclose int input = -1;
	char program[160];
	int output[2], failed;

	if (check_name(h->name, err) < 0)
		return -1;
	snprintf(program, sizeof(program), "docker-credential-%s", h->name);
	input = input_pipe(text, err);
	if (input < 0)
		return -1;
	if (pipe2(output, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	failed = spawn(program, verb, input, output[1], &h->pid);
	close(output[1]);
	h->output = output[0];
	if (failed) {
		h->pid = -1;
		error_sys(err, failed, "cannot run '%s'", program);
		err->kind = ERROR_AUTH;
		return -1;
	}
	return 0;
}

static void helper_release(struct helper *h)
{
	if (h->output >= 0)
		close(h->output);
	if (h->pid > 0) {
		kill(-h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
}
DEFINE_RELEASE(struct helper, helper_release);

/* Wait until `fd` is readable; bounded by the deadline, ended by cancel. */
static int helper_wait(const struct helper *h, int fd, struct error *err)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = h->cancel ? cancel_fd(h->cancel) : -1,
		  .events = POLLIN },
	};
	int64_t left = h->deadline_ms - now_ms();
	int ready;

	if (left <= 0)
		return error_set(err, ERROR_AUTH, "it did not answer in time");
	ready = poll(fds, 2, left > 1000 ? 1000 : (int)left);
	if (ready < 0 && errno != EINTR)
		return error_sys(err, errno, "cannot wait for it");
	if (cancel_check(h->cancel, err) < 0)
		return -1;
	return ready > 0 && fds[0].revents;
}

static int helper_read(const struct helper *h, struct buf *output,
		       struct error *err)
{
	for (;;) {
		int ready = helper_wait(h, h->output, err);
		char *room = buf_reserve(output, 4096);
		ssize_t n;

		if (ready < 0)
			return -1;
		if (!room)
			return error_nomem(err, "asking a credential helper");
		if (!ready)
			continue;
		n = read(h->output, room, 4096);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot read its answer");
		if (n > 0)
			buf_commit(output, (size_t)n);
		if (output->len > OUTPUT_MAX)
			return error_set(err, ERROR_AUTH,
					 "it answered more than %zu bytes",
					 OUTPUT_MAX);
	}
}

/* It may live on after closing its output, but not forever. */
static int helper_exit(struct helper *h, bool *ok, struct error *err)
{
	autoclose int pidfd = (int)syscall(SYS_pidfd_open, h->pid, 0);
	int ready = 0, status = 0;

	if (pidfd < 0)
		return error_sys(err, errno, "cannot watch it");
	while (!ready)
		ready = helper_wait(h, pidfd, err);
	if (ready < 0)
		return -1;
	/* Whatever it left behind; it has exited, so its status stays. */
	kill(-h->pid, SIGKILL);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	h->pid = -1;
	*ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return 0;
}

/* One run of a helper: told `text`, `*ok` when it exited with 0. */
static int helper_run(const char *name, const char *verb, const char *text,
		      int64_t timeout_ms, const struct cancel *cancel,
		      struct buf *output, bool *ok, struct error *err)
{
	AUTO(helper_release)
	struct helper h = {
		.pid = -1,
		.output = -1,
		.name = name,
		.cancel = cancel,
		.deadline_ms = now_ms() + timeout_ms,
	};

	if (helper_start(&h, verb, text, err) < 0 ||
	    helper_read(&h, output, err) < 0)
		return -1;
	return helper_exit(&h, ok, err);
}

int credential_helper_get(const char *name, const char *server,
			  int64_t timeout_ms, const struct cancel *cancel,
			  struct credential *ret, struct error *err)
{
	AUTO(buf_release) struct buf output = BUF_INIT;
	bool ok = false;
	int failed = helper_run(name, "get", server, timeout_ms, cancel,
				&output, &ok, err);

	if (!failed)
		failed = credential_helper_parse(output.data ? output.data : "",
						 output.len, ok, ret, err);
	if (output.data)
		OPENSSL_cleanse(output.data, output.capacity);
	return failed ? error_wrap(err, "credential helper '%s'", name) : 0;
}

/* A failing helper prints its reason; one reason is not a failure. */
static int parse_failure(const char *output, size_t len, struct error *err)
{
	char reason[256];

	printable(reason, sizeof(reason), output, len);
	if (strstr(reason, "credentials not found in native keychain"))
		return 0;
	return error_set(err, ERROR_AUTH, "%s",
			 *reason ? reason : "it failed without a reason");
}

int credential_helper_parse(const char *output, size_t len, bool ok,
			    struct credential *ret, struct error *err)
{
	AUTO(credential_release) struct credential found = { 0 };
	AUTO(json_decref) json_t *answer = NULL;
	const char *username, *secret;
	char **kept;

	if (!ok)
		return parse_failure(output, len, err);
	answer = json_parse(output, len, "its answer", err);
	if (!answer) {
		if (err->kind == ERROR_INTEGRITY)
			error_set(err, ERROR_AUTH,
				  "its answer is not valid JSON");
		return -1;
	}
	username = json_get_string(answer, "Username");
	secret = json_get_string(answer, "Secret");
	if (!username || !secret)
		return error_set(err, ERROR_AUTH,
				 "its answer lacks Username or Secret");
	kept = strcmp(username, TOKEN_USER) == 0 ? &found.identity_token
						 : &found.password;
	*kept = strdup(secret);
	if (kept == &found.password)
		found.username = strdup(username);
	if (!*kept || (kept == &found.password && !found.username))
		return error_nomem(err, "reading credentials");
	*ret = found;
	found = (struct credential){ 0 };
	return 0;
}

/* Have a helper change something; its reason when it fails is the error. */
static int helper_change(const char *name, const char *verb, const char *text,
			 int64_t timeout_ms, const struct cancel *cancel,
			 struct error *err)
{
	AUTO(buf_release) struct buf output = BUF_INIT;
	bool ok = false;
	int failed = helper_run(name, verb, text, timeout_ms, cancel, &output,
				&ok, err);

	if (!failed && !ok)
		failed = parse_failure(output.data ? output.data : "",
				       output.len, err);
	return failed ? error_wrap(err, "credential helper '%s'", name) : 0;
}

int credential_helper_store(const char *name, const char *server,
			    const struct credential *c, int64_t timeout_ms,
			    const struct cancel *cancel, struct error *err)
{
	AUTO(json_decref)
	json_t *request = json_pack(
		"{s:s, s:s, s:s}", "ServerURL", server, "Username",
		c->identity_token ? TOKEN_USER : c->username, "Secret",
		c->identity_token ? c->identity_token : c->password);
	autofree char *text = NULL;
	int failed;

	if (!request)
		return error_set(err, ERROR_USAGE,
				 "the credentials are not valid UTF-8");
	text = json_serialize(request, NULL, err);
	if (!text)
		return -1;
	failed = helper_change(name, "store", text, timeout_ms, cancel, err);
	OPENSSL_cleanse(text, strlen(text));
	return failed;
}

int credential_helper_erase(const char *name, const char *server,
			    int64_t timeout_ms, const struct cancel *cancel,
			    struct error *err)
{
	return helper_change(name, "erase", server, timeout_ms, cancel, err);
}
