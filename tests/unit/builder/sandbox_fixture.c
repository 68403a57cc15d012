#include "tests/unit/builder/sandbox_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/oci_runtime.h"
#include "builder/sandbox/userns.h"
#include "store/base/io.h"

#define NOBODY 65534

static const char *const applets[] = {
	"sh",	 "ls",	  "cat",   "true",  "mount",	"ps",	"id",
	"env",	 "sleep", "kill",  "dd",    "grep",	"echo", "wc",
	"mkdir", "touch", "chmod", "chown", "hostname", "rm",	"ln",
	"stat",	 "pwd",	  "head",  "mknod", "unshare",	"test", "tr",
	"mv",	 "find",  "sort",  "seq",
};

/* Our own view of the files that newuidmap reads. */
static int pretend_subids(const char *dir, const char *text)
{
	static const char *const files[] = { "/etc/subuid", "/etc/subgid" };
	char path[128];

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/subids", dir);
	write_text(path, text);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (mount(path, files[i], NULL, MS_BIND, NULL) < 0)
			return -1;
	return 0;
}

static const char *become(struct place *p)
{
	bool single = p->identity == IDENTITY_SINGLE;
	struct error err = ERROR_INIT;
	enum userns_kind kind;
	const char *why;

	if (p->identity == IDENTITY_ROOT)
		return geteuid() == 0 ? NULL : "not root";
	if (geteuid() == 0) {
		if (pretend_subids(p->dir,
				   single ? "" : "nobody:200000:65536\n") < 0 ||
		    chown(p->dir, NOBODY, NOBODY) < 0 ||
		    setgroups(0, NULL) < 0 ||
		    setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) < 0)
			return "cannot become nobody";
		/* Changing ids made our own files in /proc root's. */
		prctl(PR_SET_DUMPABLE, 1);
	}
	if (userns_enter(&kind, &why, &err) < 0)
		return "no user namespace";
	if (kind != (single ? USERNS_SINGLE : USERNS_RANGES))
		return single ? "this user has subordinate ids"
			      : "this user has no subordinate ids";
	return NULL;
}

static int make_tree(const char *root)
{
	struct error err = ERROR_INIT;
	char path[256];
	int in, out;

	if (mkdir(root, 0755) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/bin", root);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/tmp", root);
	mkdir(path, 01777);
	chmod(path, 01777);
	snprintf(path, sizeof(path), "%s/bin/busybox", root);
	in = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	out = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	if (in < 0 || out < 0 || io_copy(in, out, UINT64_MAX, path, &err) < 0)
		return -1;
	close(in);
	close(out);
	for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
		snprintf(path, sizeof(path), "%s/bin/%s", root, applets[i]);
		if (symlink("busybox", path) < 0)
			return -1;
	}
	return 0;
}

struct place *place_new(enum identity identity, const char *runtime)
{
	struct place *p = calloc(1, sizeof(*p));
	struct error err = ERROR_INIT;
	char message[2400];

	if (!p)
		return NULL;
	umask(022);
	p->identity = identity;
	snprintf(p->dir, sizeof(p->dir), "/tmp/shale-sandbox-XXXXXX");
	if (!mkdtemp(p->dir)) {
		p->missing = "no place under /tmp";
		return p;
	}
	snprintf(p->root, sizeof(p->root), "%s/root", p->dir);
	if (runtime && oci_runtime_find(runtime, &p->runtime, &err) < 0) {
		p->missing = "the OCI runtime is not installed";
		return p;
	}
	p->missing = become(p);
	if (p->missing)
		return p;
	chmod(p->dir, 0755);
	if (make_tree(p->root) < 0) {
		p->missing = "no static busybox in /bin";
		return p;
	}
	if (spawner_start(&p->spawner, &err) < 0) {
		p->missing = "the spawner cannot be started";
		print_message("%s\n",
			      error_message(&err, message, sizeof(message)));
	}
	return p;
}

void place_free(struct place *p)
{
	struct error err = ERROR_INIT;

	if (!p)
		return;
	spawner_stop(p->spawner);
	io_remove_tree(AT_FDCWD, p->dir, &err);
	free(p->runtime);
	free(p);
}

struct place *place_of(void **state)
{
	struct place *p = *state;

	if (p->missing) {
		print_message("%s\n", p->missing);
		skip();
	}
	return p;
}

void run_init(struct run *r, struct place *p, const char *script)
{
	static const char *const env[] = { "PATH=/bin", "ONLY=this", NULL };
	char base[96];

	memset(r, 0, sizeof(*r));
	snprintf(base, sizeof(base), "%s/%d", p->dir, p->runs++);
	snprintf(r->upper, sizeof(r->upper), "%s-upper", base);
	snprintf(r->work, sizeof(r->work), "%s-work", base);
	snprintf(r->scratch, sizeof(r->scratch), "%s-scratch", base);
	assert_int_equal(mkdir(r->upper, 0755), 0);
	assert_int_equal(mkdir(r->work, 0700), 0);
	assert_int_equal(mkdir(r->scratch, 0700), 0);
	r->lowers[0] = p->root;
	r->args[0] = "sh";
	r->args[1] = "-c";
	r->args[2] = script;
	r->sb = (struct sandbox){
		.isolation = p->runtime ? SANDBOX_ISOLATION_OCI
					: SANDBOX_ISOLATION_NAMESPACES,
		.runtime = p->runtime,
		.lowers = r->lowers,
		.n_lowers = 1,
		.upper = r->upper,
		.work = r->work,
		.scratch = r->scratch,
		.args = r->args,
		.env = env,
		.cwd = "/",
		.hostname = "boxed",
		.hosts = "127.0.0.1\tlocalhost\n",
		.resolv_conf = "nameserver 192.0.2.1\n",
		.capabilities = CAPS_DEFAULT,
	};
}

void add_lower(struct run *r, struct place *p, char *path, size_t size)
{
	snprintf(path, size, "%s/extra-%d", p->dir, p->runs++);
	assert_int_equal(mkdir(path, 0755), 0);
	r->lowers[0] = path;
	r->lowers[1] = p->root;
	r->sb.n_lowers = 2;
}

struct reader {
	int fd;
	struct buf *out;
};

static void *read_output(void *arg)
{
	struct reader *r = arg;
	struct error err = ERROR_INIT;

	io_read_all(r->fd, 1U << 30, "output", r->out, &err);
	return NULL;
}

void run_it(struct run *r, struct place *p)
{
	struct reader reader = { .out = &r->output };
	pthread_t thread;
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	reader.fd = pair[0];
	assert_int_equal(pthread_create(&thread, NULL, read_output, &reader),
			 0);
	r->status = spawner_run(p->spawner, &r->sb, pair[1], r->cancel,
				&r->result, &r->err);
	close(pair[1]);
	pthread_join(thread, NULL);
	close(pair[0]);
	error_message(&r->err, r->message, sizeof(r->message));
	if (!r->output.data)
		buf_append_str(&r->output, "");
}

void run_release(struct run *r)
{
	struct error err = ERROR_INIT;

	buf_release(&r->output);
	if (!r->upper[0])
		return;
	io_remove_tree(AT_FDCWD, r->upper, &err);
	io_remove_tree(AT_FDCWD, r->work, &err);
	io_remove_tree(AT_FDCWD, r->scratch, &err);
}

void assert_ran(const struct run *r)
{
	if (r->status < 0)
		fail_msg("%s", r->message);
	if (r->result.exit_code != 0)
		fail_msg("exit code %d: %s", r->result.exit_code,
			 r->output.data);
}

static bool has_argument(const char *pid, const char *text)
{
	AUTO(buf_release) struct buf args = BUF_INIT;
	struct error err = ERROR_INIT;
	char path[300];
	autoclose int fd = -1;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || io_read_all(fd, 1U << 22, path, &args, &err) < 0)
		return false;
	return args.len && memmem(args.data, args.len, text, strlen(text));
}

static bool is_running(const char *text)
{
	autodir DIR *dir = opendir("/proc");
	struct dirent *d;

	assert_non_null(dir);
	while ((d = readdir(dir)))
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
		    has_argument(d->d_name, text))
			return true;
	return false;
}

bool process_is_gone(const char *text, int ms)
{
	for (; ms >= 0; ms -= 10) {
		const struct timespec pause = { .tv_nsec = 10000000 };

		if (!is_running(text))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

int count_names(const char *path)
{
	autodir DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		return -1;
	for (struct dirent *d; (d = readdir(dir));)
		n += strcmp(d->d_name, ".") != 0 &&
		     strcmp(d->d_name, "..") != 0;
	return n;
}

char *text_of_file(const char *path)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct error err = ERROR_INIT;

	if (io_read_file(AT_FDCWD, path, 1U << 20, &text, &err) < 0)
		buf_clear(&text);
	return buf_steal(&text);
}

void write_text(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}
