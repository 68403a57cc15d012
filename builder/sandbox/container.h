/*
 * Containers from the inside: what runs in a container's first process, from
 * its clone() to the exec of the program. For the spawner, container_*.c and
 * oci_*.c only; the builder sees sandbox.h.
 *
 * The first process sets everything up, forks the program and stays as the
 * namespace's init. Nothing here returns to the spawner's code.
 */
#ifndef BUILDER_SANDBOX_CONTAINER_H
#define BUILDER_SANDBOX_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/stubs.h"

/* The root's folder in a runtime's bundle. */
#define BUNDLE_ROOT "rootfs"

struct seccomp_cache;

/* Facts about this process and kernel, found once per spawner. */
struct engine {
	bool is_initial_userns; /* overlay: trusted.*; else user.* xattrs */
	bool legacy_mounts;	/* no new mount API */
	bool single_id;		/* only one id is mapped */
	uint64_t permitted;	/* our own capabilities */
	dev_t own_dev;		/* the file we are running from */
	ino_t own_ino;
	struct seccomp_cache *seccomp;
};

/* One message a container sends to the spawner; smaller than PIPE_BUF. */
struct container_report {
	bool has_failed; /* never reached exec: see err */
	int wait_status; /* else of the program, as from waitpid() */
	struct error err;
};

/* Descriptors that come with the description, all close-on-exec. */
struct container_fds {
	int status; /* pipe to the spawner for one struct container_report */
	int output;
	int *sources; /* of bind mounts, in their order */
	size_t n_sources;
};

/* An empty directory in `own`, to be shown read-only. */
#define OWN_EMPTY "empty"

struct container {
	const struct engine *engine;
	const struct sandbox *sb;
	struct container_fds fds;
	int root; /* the overlay's root */
	int own;  /* tmpfs for files of ours */
	int dev;  /* roots of mounts in it */
	int cwd;
	int terminal;	 /* OCI: the socket it will come from */
	bool made_stubs; /* in the upper directory */
	struct stubs stubs;
};

/* Namespaces that `sb` wants, as clone flags. */
uint64_t container_clone_flags(const struct sandbox *sb);

/*
 * Be the first process of a container. `description` is from wire_encode().
 * Never returns.
 */
_Noreturn void container_main(const struct engine *engine,
			      const void *description, size_t len,
			      const struct container_fds *fds);

/* What of /proc is covered and what cannot be written, relative to it. */
struct proc_protection {
	const char *const *masked;
	size_t n_masked;
	const char *const *read_only;
	size_t n_read_only;
};

/* Nothing for an insecure one. */
struct proc_protection container_proc_protection(const struct sandbox *sb);

/* The capabilities that `sb` gives and we have. */
uint64_t container_caps(const struct container *c);

/* Steps of the set-up; each names itself in its errors. */
int container_isolate_mounts(struct container *c, struct error *err);
int container_mount_root(struct container *c, struct error *err);
int container_mount_proc(struct container *c, struct error *err);
int container_mount_sys(struct container *c, struct error *err);
int container_mount_dev(struct container *c, struct error *err);
int container_mount_files(struct container *c, struct error *err);
int container_mount_user(struct container *c, struct error *err);
int container_open_terminal(struct container *c, struct error *err);
int container_enter_root(struct container *c, struct error *err);
int container_join_network(struct container *c, struct error *err);

/* An overlay of three directories, by descriptor, on `target`. */
struct mount_target;
int container_stack(const struct container *c, int lower, int upper, int work,
		    uint64_t attrs, const struct mount_target *target,
		    struct error *err);

/*
 * Provide `path` in the root as something to mount on, a directory or a file.
 * What has to be made for it is taken away again after the run.
 */
int container_provide(struct container *c, const char *path, bool is_dir,
		      struct error *err);

/* The error for a user whose ids are not mapped; returns -1. */
int container_refuse_ids(const struct sandbox *sb, struct error *err);

/*
 * Start a process that runs `child` and does not return from here before it
 * has called exec or ended: it borrows our memory, so what it changes there
 * is changed. -1 is a failure to start it.
 */
pid_t container_start_process(int (*child)(void *), void *arg,
			      struct error *err);

/* In the started child: become the program. Returns on failure only. */
int container_exec(struct container *c, struct error *err);

/*
 * OCI: write the bundle around the root and have the runtime make the
 * container of it. Returns the program, which is our child, or -1.
 */
int oci_provide_proc(struct container *c, struct error *err);
int oci_prepare_host(struct container *c, struct error *err);
int oci_listen_console(struct container *c, struct error *err);
int oci_write_bundle(struct container *c, struct error *err);
pid_t oci_start(struct container *c, struct error *err);

/* The name of the socket, relative to the bundle; NULL: none is wanted. */
const char *oci_console_name(const struct container *c);

/* The runtime has made the terminal: pass its master on. */
int oci_pass_console(struct container *c, struct error *err);

/*
 * In the parent: reap children and pass signals on to `program` until it
 * ends. Returns its wait status.
 */
int container_init_loop(pid_t program);

#endif
