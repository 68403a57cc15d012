/*
 * What a program in a RUN may try beyond what a shell can say. Linked
 * statically and run there; it names each attempt that got through and fails.
 *
 *   hostile CANARY [runtime]   a file outside; in an OCI runtime's container,
 *                              whose process 1 is no program of the builder's
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

static int failures;

static void got_through(const char *what)
{
	printf("got through: %s\n", what);
	failures++;
}

/* The call has to fail, with `sys` unless that is 0. */
static void refused(const char *what, long result, int sys)
{
	if (result < 0 && (!sys || errno == sys))
		return;
	if (result < 0)
		printf("%s: %s\n", what, strerror(errno));
	got_through(what);
}

static void try_namespaces(void)
{
	struct clone_args args = { .flags = CLONE_NEWUSER,
				   .exit_signal = SIGCHLD };

	refused("unshare", unshare(CLONE_NEWUSER), EPERM);
	refused("clone",
		syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
	refused("clone3", syscall(SYS_clone3, &args, sizeof(args)), ENOSYS);
	refused("setns", setns(0, CLONE_NEWNS), EPERM);
	refused("mount", mount("none", "/tmp", "tmpfs", 0, ""), EPERM);
	refused("mount proc", mount("none", "/tmp", "proc", 0, ""), EPERM);
	refused("umount", umount2("/proc/sys", MNT_DETACH), EPERM);
	refused("pivot_root", syscall(SYS_pivot_root, "/", "/"), EPERM);
	refused("fsopen", syscall(SYS_fsopen, "proc", 0), EPERM);
	refused("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/", 1), EPERM);
}

static void try_kernel(int is_ours)
{
	/* Runtimes deny by arguments as if there were no such call. */
	int denied = is_ours ? EPERM : 0;

	refused("keyctl", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0), 0);
	refused("user keyring", syscall(SYS_keyctl, KEYCTL_READ, -4, 0, 0), 0);
	refused("add_key",
		syscall(SYS_add_key, "user", "canary", "x", 1L, -3), 0);
	refused("request_key",
		syscall(SYS_request_key, "user", "canary", 0, -3), 0);
	refused("bpf", syscall(SYS_bpf, 5, 0, 0), EPERM);
	refused("userfaultfd", syscall(SYS_userfaultfd, 0), EPERM);
	refused("io_uring", syscall(SYS_io_uring_setup, 1, 0), EPERM);
	refused("perf", syscall(SYS_perf_event_open, 0, 0, -1, -1, 0), EPERM);
	refused("kexec", syscall(SYS_kexec_load, 0, 0, 0, 0), EPERM);
	refused("module", syscall(SYS_init_module, 0, 0, ""), EPERM);
	refused("swapon", syscall(SYS_swapon, "/x", 0), EPERM);
	refused("reboot", syscall(SYS_reboot, 0, 0, 0, 0), EPERM);
	refused("clock", syscall(SYS_clock_settime, 0, 0), EPERM);
	refused("host name", sethostname("owned", 5), EPERM);
	refused("syslog", syscall(SYS_syslog, 3, 0, 0), EPERM);
	refused("personality", personality(0x0400000), denied);
	refused("AF_ALG", socket(38, SOCK_SEQPACKET, 0), denied);
	refused("AF_VSOCK", socket(40, SOCK_STREAM, 0), denied);
	refused("AF_ALG with bits above",
		syscall(SYS_socket, 0x100000026, SOCK_SEQPACKET, 0), denied);
	refused("io privileges", syscall(SYS_iopl, 3), 0);
}

/* Init is the builder's own program. */
static void try_init(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)0x400000, 1 };

	refused("namespaces of init", open("/proc/1/ns/mnt", O_RDONLY), 0);
	refused("ptrace of init", ptrace(PTRACE_SEIZE, 1, 0, 0), EPERM);
	refused("memory of init", process_vm_readv(1, &here, 1, &there, 1, 0),
		EPERM);
	refused("descriptor of init",
		syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, 1, 0), 3, 0),
		0);
	if (kill(1, SIGKILL) == 0 && getpgid(1) < 0)
		got_through("killing init");
}

/* By handle, a file of the same file system could be had by its number. */
static void try_handles(void)
{
	struct {
		struct file_handle h;
		char space[MAX_HANDLE_SZ];
	} handle = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, "/", &handle.h, &mount_id, 0) < 0)
		handle.h = (struct file_handle){ 8, 1 };
	refused("open_by_handle_at",
		open_by_handle_at(AT_FDCWD, &handle.h, O_RDONLY), EPERM);
}

static void try_terminal(void)
{
	static const char text[] = "touch /owned\n";

	refused("/dev/tty", open("/dev/tty", O_RDWR), ENXIO);
	refused("/dev/console", open("/dev/console", O_RDWR), 0);
	for (int fd = 0; fd < 3; fd++)
		for (const char *c = text; *c; c++)
			refused("TIOCSTI", ioctl(fd, TIOCSTI, c), 0);
	if (getsid(0) != getpid() && getsid(0) == 0)
		got_through("a session of the builder's");
}

static void try_descriptors(void)
{
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			got_through("an open descriptor");
}

/* The way out of a chroot that is nothing but that. */
static void try_chroot(const char *canary)
{
	int top = open("/", O_RDONLY | O_DIRECTORY);
	struct stat root, now;

	if (stat("/", &root) < 0)
		return got_through("no root");
	mkdir("/tmp/jail", 0755);
	if (chroot("/tmp/jail") < 0 || fchdir(top) < 0)
		return;
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	if (chroot(".") < 0 || stat("/", &now) < 0 ||
	    now.st_ino != root.st_ino || now.st_dev != root.st_dev ||
	    access(canary, F_OK) == 0)
		got_through("a chroot");
}

/* Where nodes can be made at all, they open nothing. */
static void try_devices(void)
{
	static const struct {
		mode_t type;
		unsigned major;
		unsigned minor;
	} nodes[] = {
		{ S_IFCHR, 1, 1 },   { S_IFCHR, 1, 2 },	  { S_IFCHR, 1, 4 },
		{ S_IFCHR, 1, 11 },  { S_IFCHR, 10, 229 }, { S_IFCHR, 10, 200 },
		{ S_IFBLK, 8, 0 },   { S_IFBLK, 7, 0 },	  { S_IFBLK, 254, 0 },
		{ S_IFBLK, 259, 0 }, { S_IFCHR, 5, 1 },	  { S_IFCHR, 4, 0 },
	};
	static const char *const places[] = { "/tmp", "/dev", "/dev/shm",
					      "/dev/mqueue", "/mnt" };
	char path[64];

	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
		for (size_t p = 0; p < sizeof(places) / sizeof(*places); p++) {
			snprintf(path, sizeof(path), "%s/node", places[p]);
			if (mknod(path, nodes[i].type | 0666,
				  makedev(nodes[i].major, nodes[i].minor)) < 0)
				continue;
			refused("a device", open(path, O_RDONLY | O_NONBLOCK),
				EACCES);
			unlink(path);
		}
}

static void check_rights(void)
{
	if (prctl(PR_GET_SECUREBITS) != 0)
		got_through("secure bits of the builder's");
	if (prctl(PR_GET_DUMPABLE) != 1)
		got_through("not dumpable");
	if (prctl(PR_GET_KEEPCAPS) != 0)
		got_through("keepcaps");
}

int main(int argc, char **argv)
{
	int is_ours = argc < 3 || strcmp(argv[2], "runtime") != 0;

	/* So that libc falls back. */
	refused("a call of tomorrow", syscall(5000), ENOSYS);
	check_rights();
	try_descriptors();
	try_terminal();
	try_namespaces();
	try_kernel(is_ours);
	if (is_ours)
		try_init();
	try_handles();
	try_devices();
	try_chroot(argc > 1 ? argv[1] : "/nowhere");
	return failures > 0;
}
