#include "builder/sandbox/network_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/descriptors.h"
#include "builder/sandbox/userns.h"
#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/io.h"

#define ARGS_MAX     40
#define MESSAGES_MAX ((size_t)64 << 10)

/* Where a program's child finds what it says "ready" through. */
#define READY_FD   3
#define READY_TEXT "3"

/*
 * No port is forwarded, in either direction, and no address stands for the
 * host's loopback. As real root it would become "nobody", who may not enter
 * the namespace. It goes to the background once it is ready.
 */
static const char *const pasta_args[] = {
	"--quiet",	 "--config-net", "--tcp-ports",	  "none",
	"--udp-ports",	 "none",	 "--tcp-ns",	  "none",
	"--udp-ns",	 "none",	 "--no-map-gw",	  "--ns-ifname",
	"eth0",		 "--address",	 NETWORK_ADDRESS, "--netmask",
	"255.255.255.0", "--gateway",	 NETWORK_GATEWAY,
};

static const char *const pasta_root_args[] = { "--runas", "0:0" };
static const char *const pasta_ns_args[] = { "--netns" };

static const char *const slirp_args[] = {
	"--configure",
	"--disable-host-loopback",
	"--disable-dns",
	"--enable-sandbox",
	"--enable-seccomp",
	("--cidr=" NETWORK_SUBNET),
	("--ready-fd=" READY_TEXT),
	"--netns-type=path",
};

static const struct {
	const char *name;
	bool detaches; /* when ready; else it says so through READY_FD */
} programs[NETWORK_PROGRAMS] = {
	{ "pasta", true },
	{ "slirp4netns", false },
};

const char *network_program_name(size_t i)
{
	return programs[i].name;
}

struct args {
	const char *items[ARGS_MAX];
	size_t n;
};

static void add(struct args *a, const char *const *items, size_t n)
{
	memcpy(a->items + a->n, items, n * sizeof(*items));
	a->n += n;
}

static void make_args(size_t i, const char *ns, struct args *a)
{
	add(a, &programs[i].name, 1);
	if (!programs[i].detaches) {
		add(a, slirp_args, ARRAY_LEN(slirp_args));
		add(a, &ns, 1);
		add(a, (const char *const[]){ "eth0" }, 1);
		return;
	}
	add(a, pasta_args, ARRAY_LEN(pasta_args));
	if (userns_is_initial())
		add(a, pasta_root_args, ARRAY_LEN(pasta_root_args));
	add(a, pasta_ns_args, ARRAY_LEN(pasta_ns_args));
	add(a, &ns, 1);
}

static _Noreturn void be_program(const char *path, const struct args *a,
				 int messages, int ready)
{
	static const char *const env[] = { NULL };
	struct error err = ERROR_INIT;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(messages, 2) >= 0 && dup2(ready, READY_FD) >= 0 &&
	    descriptors_close(READY_FD + 1, ~0U, &err) == 0)
		execve(path, (char *const *)a->items, (char *const *)env);
	dprintf(2, "cannot be run: %s\n", strerror(errno));
	_exit(127);
}

/* The last line that says something, in place. */
static char *last_line(char *text)
{
	static const char noise[] = "Failed to send ";
	char *found = NULL;

	for (char *line = strtok_r(text, "\n", &text); line;
	     line = strtok_r(NULL, "\n", &text))
		if (strncmp(line, noise, strlen(noise)) != 0)
			found = line;
	return found;
}

static int program_failed(size_t i, int messages, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	char *line = NULL;

	if (lseek(messages, 0, SEEK_SET) == 0 &&
	    io_read_all(messages, MESSAGES_MAX, "a program's messages", &text,
			err) == 0 &&
	    text.len)
		line = last_line(text.data);
	return error_set(err, ERROR_SYSTEM, "%s: %s", programs[i].name,
			 line ? line : "ended without a word");
}

/* Its end is the end of the pipe, too: nobody else has the other side. */
static bool says_ready(int pipe)
{
	char byte;
	ssize_t r;

	do
		r = read(pipe, &byte, 1);
	while (r < 0 && errno == EINTR);
	return r == 1;
}

static bool has_detached(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int network_program_start(size_t i, const char *path, const char *ns,
			  struct error *err)
{
	autoclose int messages = memfd_create("messages", MFD_CLOEXEC);
	struct args args = { .n = 0 };
	autoclose int ready = -1;
	int pair[2];
	pid_t pid;

	if (messages < 0 || pipe2(pair, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot start %s",
				 programs[i].name);
	ready = pair[0];
	make_args(i, ns, &args);
	pid = fork();
	if (pid == 0)
		be_program(path, &args, messages, pair[1]);
	close(pair[1]);
	if (pid < 0)
		return error_sys(err, errno, "cannot start %s",
				 programs[i].name);
	if (programs[i].detaches ? has_detached(pid) : says_ready(ready))
		return 0;
	return program_failed(i, messages, err);
}
