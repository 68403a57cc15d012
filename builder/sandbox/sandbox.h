/*
 * A container to run one process in, in the terms of the OCI runtime spec:
 * root, mounts, process, limits, network, security. Engines turn the
 * description into processes.
 *
 * A process with threads must not do real work between fork and exec, so a
 * single-threaded spawner is forked before any thread starts; descriptions go
 * to it over a socket and it makes the containers. It dies with its parent,
 * and every container dies with it.
 */
#ifndef BUILDER_SANDBOX_SANDBOX_H
#define BUILDER_SANDBOX_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/cancel.h"
#include "store/base/error.h"
#include "store/base/strv.h"

/* The engines; see container.c for what each of them does. */
enum sandbox_isolation {
	SANDBOX_ISOLATION_NAMESPACES, /* all by ourselves */
	SANDBOX_ISOLATION_OCI,	      /* the last part by an OCI runtime */
};

enum sandbox_network {
	SANDBOX_NETWORK_HOST,
	SANDBOX_NETWORK_NONE,	 /* loopback only */
	SANDBOX_NETWORK_PRIVATE, /* own stack, way out through a program */
	SANDBOX_NETWORK_BRIDGE,	 /* own stack, routed by the host's kernel */
};

/* Is its namespace one of a pool (network.h), and not made with it? */
static inline bool sandbox_network_is_pooled(enum sandbox_network network)
{
	return network == SANDBOX_NETWORK_PRIVATE ||
	       network == SANDBOX_NETWORK_BRIDGE;
}

enum sandbox_mount_kind {
	SANDBOX_MOUNT_BIND,
	SANDBOX_MOUNT_TMPFS,
	SANDBOX_MOUNT_FILE, /* a copy in memory of what source_fd holds */
};

/*
 * A mount of the user's. `target` is a path in the container, followed inside
 * its root only; where it does not exist it is provided without leaving a
 * trace in the upper directory.
 */
struct sandbox_mount {
	enum sandbox_mount_kind kind;
	const char *target;
	/*
	 * bind: O_PATH descriptor of the source; file: a descriptor whose
	 * contents can be read from the start (a memfd). Borrowed.
	 */
	int source_fd;
	bool source_is_dir;
	bool read_only;
	bool discard; /* bind: writable, writes are thrown away */
	bool no_exec;
	bool is_device;	     /* bind: a device that may be used */
	uint64_t size_bytes; /* tmpfs: 0 for the kernel's default */
	mode_t mode;	     /* tmpfs: 0 for 01777; file */
	uint32_t uid;	     /* file */
	uint32_t gid;	     /* file */
};

struct sandbox_user {
	uint32_t uid;
	uint32_t gid;
	const uint32_t *groups; /* supplementary */
	size_t n_groups;
};

enum sandbox_rate {
	SANDBOX_READ_BPS,
	SANDBOX_WRITE_BPS,
	SANDBOX_READ_IOPS,
	SANDBOX_WRITE_IOPS,
};

struct sandbox_device_rate {
	enum sandbox_rate kind;
	dev_t device; /* a block device */
	uint64_t rate;
};

/* Of all processes of the container together, by a control group. */
struct sandbox_limits {
	int64_t memory_bytes;	   /* 0: none; likewise below */
	int64_t memory_swap_bytes; /* total; 0: twice memory; -1: unlimited */
	int64_t cpu_quota_us;
	int64_t cpu_period_us;
	int64_t cpu_shares;
	int64_t pids;		 /* -1: unlimited */
	const char *cpuset_cpus; /* NULL: none */
	int64_t blkio_weight;	 /* 10..1000 */
	const struct sandbox_device_rate *device_rates;
	size_t n_device_rates;
	const char *cgroup_parent; /* "/..", exists; NULL: by our own group */
};

struct sandbox_rlimit {
	int resource; /* RLIMIT_* */
	uint64_t soft;
	uint64_t hard;
};

struct sandbox {
	enum sandbox_isolation isolation;
	const char *runtime; /* OCI: absolute path of the program */

	/*
	 * Root: overlay of `lowers` (absolute paths, top first). Where
	 * `pending` has another path for one, it may still be there, to be
	 * renamed any time: that is looked at first. `upper` is empty; after
	 * the run it holds what has changed. `work` is an empty directory on
	 * the same file system, removed by the caller.
	 */
	const char *const *lowers;
	const char *const *pending; /* as many, NULLs among them; or NULL */
	size_t n_lowers;
	const char *upper;
	const char *work;
	/*
	 * Empty directory of the caller's for what `discard` mounts throw
	 * away, on a file system like `upper`'s; NULL when there are none.
	 */
	const char *scratch;

	const struct sandbox_mount *mounts;
	size_t n_mounts;

	/* Process. Lists are NULL-terminated. */
	const char *const *args;
	const char *const *env;
	const char *cwd; /* made (0755, for the user) when missing */
	struct sandbox_user user;
	const char *hostname;
	const char *hosts;	 /* contents of /etc/hosts; NULL: leave alone */
	const char *resolv_conf; /* contents; NULL: leave alone */
	bool terminal;		 /* give it a pty; see spawner_run() */

	enum sandbox_network network;
	int network_fd; /* of a pooled one: its namespace; borrowed */
	struct sandbox_limits limits;
	const struct sandbox_rlimit *rlimits;
	size_t n_rlimits;
	uint64_t shm_size_bytes; /* 0: 64 MiB */
	int64_t timeout_ms;	 /* then all is killed; 0: never */

	/* Security. */
	uint64_t capabilities; /* bit per CAP_*; see caps.h for the default */
	bool no_new_privs;
	bool insecure;	 /* RUN --security=insecure: everything open */
	bool no_seccomp; /* else `seccomp`, or the default profile */
	const struct sock_filter *seccomp; /* NULL: the default one */
	size_t n_seccomp;
	/* OCI: the same rules as runtimes read them; NULL: the default ones */
	const char *seccomp_rules;
	const char *apparmor; /* profile to enter, or NULL */
};

struct sandbox_result {
	int exit_code; /* of the process, or 128 + signal */
	int signal;    /* that ended it, or 0 */
	bool timed_out;
	bool out_of_memory; /* a process was killed at the memory limit */
	/* Of all together with a memory limit, else of the largest process. */
	uint64_t peak_memory_bytes;
	uint64_t cpu_time_us;
};

struct spawner;

/*
 * Fork the spawner. Call from the main thread before any other exists (when
 * the thread ends that called, so does the spawner) and after the program has
 * entered its user namespace.
 */
int spawner_start(struct spawner **ret, struct error *err);

/* Ends it and waits; containers still running are killed. Accepts NULL. */
void spawner_stop(struct spawner *s);
DEFINE_CLEANUP(struct spawner *, spawner_stop);

/*
 * Run the container to its end; thread-safe, many at a time. stdin is
 * /dev/null; stdout and stderr go to `output_fd` (a pipe or socket, borrowed;
 * every byte has been written when this returns). With a terminal it has a pty
 * for all three, whose master comes over `output_fd`, a unix socket, by
 * pass_fd_send(). When `cancel` triggers, all
 * its processes are killed and ERROR_CANCELED returned. A process that ended
 * badly is success here: see `ret`. -1 means it could not be started: the
 * error says which step failed and what to do.
 */
int spawner_run(struct spawner *s, const struct sandbox *sb, int output_fd,
		struct cancel *cancel, struct sandbox_result *ret,
		struct error *err);

#endif
