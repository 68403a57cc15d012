#include "tests/unit/builder/sandbox_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "builder/sandbox/caps.h"
#include "store/base/io.h"

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
				    .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Assert one line of /proc/self/status in the output. */
#define assert_has(r, text)                                                    \
	do {                                                                   \
		if (!strstr((r)->output.data, text))                           \
			fail_msg("no '%s' in: %s %s", text, (r)->output.data,  \
				 (r)->message);                                \
	} while (0)

#define assert_lacks(r, text)                                                  \
	do {                                                                   \
		if (strstr((r)->output.data, text))                            \
			fail_msg("'%s' in: %s", text, (r)->output.data);       \
	} while (0)

static void the_exit_status_is_passed_on(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "exit 7");
	run_it(&r, p);
	assert_string_equal(r.message, "");
	assert_int_equal(r.status, 0);
	assert_int_equal(r.result.exit_code, 7);
	assert_int_equal(r.result.signal, 0);
}

static void death_by_signal_is_told(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "kill -9 $$");
	run_it(&r, p);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.result.signal, 9);
	assert_int_equal(r.result.exit_code, 137);
}

static void a_missing_program_is_named(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "");
	r.args[0] = "/no/such/program";
	run_it(&r, p);
	assert_int_equal(r.status, -1);
	assert_int_equal(r.err.kind, ERROR_COMMAND);
	assert_non_null(strstr(r.message, "'/no/such/program'"));
	assert_int_equal(count_names(r.upper), 0);
}

static void megabytes_of_output_arrive_whole(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "dd if=/dev/zero bs=64k count=128 2>/dev/null | tr '\\0' x; "
		 "seq 1 1000 >&2");
	run_it(&r, p);
	assert_ran(&r);
	assert_int_equal(r.output.len, 8 * 1024 * 1024 + 3893);
}

static void standard_input_is_empty(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "cat; echo end");
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "end\n");
}

static void orphans_are_reaped(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "for i in 1 2 3 4 5; do (sh -c 'true' &) ; done; sleep 0.3; "
		 "cat /proc/[0-9]*/status | grep -c 'State:.*Z'; true");
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "0\n");
}

static void background_processes_end_with_the_run(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	double start = now();

	run_init(&r, p, "sleep 98765.1 & sleep 98765.1 & exit 0");
	run_it(&r, p);
	assert_ran(&r);
	assert_true(now() - start < 5);
	assert_true(process_is_gone("98765.1", 0));
}

struct trigger {
	struct cancel *cancel;
	int after_ms;
};

static void *trigger_later(void *arg)
{
	const struct trigger *t = arg;

	pause_ms(t->after_ms);
	cancel_trigger(t->cancel, SIGINT);
	return NULL;
}

static void cancelling_ends_every_process_soon(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	AUTO(cancel_free) struct cancel *cancel = NULL;
	struct trigger t = { .after_ms = 300 };
	pthread_t thread;
	double start;

	run_init(&r, p,
		 "trap '' INT TERM HUP; sleep 98765.2 & "
		 "while :; do sleep 98765.2; done");
	assert_int_equal(cancel_new(&cancel, &r.err), 0);
	r.cancel = t.cancel = cancel;
	start = now();
	assert_int_equal(pthread_create(&thread, NULL, trigger_later, &t), 0);
	run_it(&r, p);
	assert_true(now() - start < 2.3);
	pthread_join(thread, NULL);
	assert_int_equal(r.status, -1);
	assert_int_equal(r.err.kind, ERROR_CANCELED);
	assert_int_equal(r.err.sys, SIGINT);
	assert_true(process_is_gone("98765.2", 0));
}

/* A builder of its own, with a spawner of its own, that waits for ever. */
static _Noreturn void be_builder(struct place *p)
{
	struct error err = ERROR_INIT;
	struct sandbox_result result;
	struct run r;

	run_init(&r, p,
		 "sleep 98765.3 & (setsid sleep 98765.3 &); sleep "
		 "98765.3");
	if (spawner_start(&p->spawner, &err) == 0)
		spawner_run(p->spawner, &r.sb, 2, NULL, &result, &err);
	_exit(1);
}

static void killing_the_builder_leaves_no_process(void **state)
{
	struct place *p = place_of(state);
	pid_t pid;

	p->runs++;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		be_builder(p);
	p->runs++;
	for (int i = 0; i < 500 && process_is_gone("98765.3", 0); i++)
		pause_ms(10);
	assert_false(process_is_gone("98765.3", 0));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(process_is_gone("98765.3", 2000));
}

static void only_three_descriptors_are_open(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	/* ls itself holds 3 to list the directory. */
	run_init(&r, p, "ls /proc/self/fd; ls -l /proc/1/fd /proc/1/exe");
	run_it(&r, p);
	assert_has(&r, "0\n1\n2\n3\n");
	assert_lacks(&r, "4\n");
	assert_lacks(&r, "->");
}

static void rights_are_the_default_ones(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	/* Without the shell, which ignores some signals itself. */
	run_init(&r, p, "");
	r.args[0] = "cat";
	r.args[1] = "/proc/self/status";
	r.args[2] = NULL;
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "CapInh:\t0000000000000000\n");
	assert_has(&r, "CapPrm:\t00000000a80425fb\n");
	assert_has(&r, "CapEff:\t00000000a80425fb\n");
	assert_has(&r, "CapBnd:\t00000000a80425fb\n");
	assert_has(&r, "CapAmb:\t0000000000000000\n");
	assert_has(&r, "NoNewPrivs:\t0\n");
	assert_has(&r, "Seccomp:\t2\n");
	assert_has(&r, "SigBlk:\t0000000000000000\n");
	assert_has(&r, "SigIgn:\t0000000000000000\n");
	assert_has(&r, "Umask:\t0022\n");
}

static void another_user_has_no_capabilities(void **state)
{
	static const uint32_t groups[] = { 1000, 44 };
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "cat /proc/self/status");
	r.sb.user = (struct sandbox_user){ 1000, 1000, groups, 2 };
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "Uid:\t1000\t1000\t1000\t1000\n");
	assert_has(&r, "Gid:\t1000\t1000\t1000\t1000\n");
	assert_has(&r, "Groups:\t44 1000 \n");
	assert_has(&r, "CapPrm:\t0000000000000000\n");
	assert_has(&r, "CapEff:\t0000000000000000\n");
	assert_has(&r, "CapInh:\t0000000000000000\n");
	assert_has(&r, "CapBnd:\t00000000a80425fb\n");
}

static void an_unmapped_user_is_refused_with_a_remedy(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "true");
	r.sb.user = (struct sandbox_user){ .uid = 4000000 };
	run_it(&r, p);
	assert_int_equal(r.status, -1);
	assert_non_null(strstr(r.message, "/etc/subuid"));
}

static void no_new_privs_is_set_when_asked(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "cat /proc/self/status");
	r.sb.no_new_privs = true;
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "NoNewPrivs:\t1\n");
}

static void a_run_that_does_nothing_leaves_nothing(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "true");
	run_it(&r, p);
	assert_ran(&r);
	assert_int_equal(count_names(r.upper), 0);
	assert_int_equal(count_names(r.scratch), 0);
}

static void the_environment_is_what_was_given(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "");
	r.args[0] = "env";
	r.args[1] = NULL;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "PATH=/bin\nONLY=this\n");
}

static void nothing_of_the_builder_can_be_read(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	/* The command line of this program names the test. */
	run_init(&r, p,
		 "cat /proc/1/cmdline /proc/[0-9]*/environ 2>/dev/null | "
		 "tr '\\0' '\\n'; cat /proc/1/maps /proc/1/mem");
	run_it(&r, p);
	assert_lacks(&r, "test_sandbox");
	assert_lacks(&r, "HOME=");
	assert_lacks(&r, "SHALE_CANARY");
}

static void init_ignores_its_children(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "kill -9 1; kill -STOP 1; sleep 0.1; exit 5");
	run_it(&r, p);
	assert_int_equal(r.result.exit_code, 5);
}

static void hosts_and_resolv_conf_are_given_read_only(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "cat /etc/hosts /etc/resolv.conf; "
		 "echo x >>/etc/hosts; echo x >/etc/resolv.conf; "
		 "rm -f /etc/hosts; hostname");
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "127.0.0.1\tlocalhost\nnameserver 192.0.2.1\n");
	assert_has(&r, "Read-only file system");
	assert_has(&r, "boxed\n");
	assert_int_equal(count_names(r.upper), 0);
}

static void changes_land_in_the_upper_directory_only(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char path[256];
	autofree char *text = NULL;

	run_init(&r, p,
		 "echo new >/etc/mine; echo x >/proc/self/comm; "
		 "touch /dev/shm/y /dev/z");
	run_it(&r, p);
	assert_ran(&r);
	assert_int_equal(count_names(r.upper), 1);
	snprintf(path, sizeof(path), "%s/etc", r.upper);
	assert_int_equal(count_names(path), 1);
	snprintf(path, sizeof(path), "%s/etc/mine", r.upper);
	text = read_text(path);
	assert_string_equal(text, "new\n");
}

static void a_hundred_layers_are_stacked(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	static char dirs[120][128];
	const char *lowers[121];
	char path[256];

	/* Top first: the file of layer 0 wins. */
	for (int i = 0; i < 120; i++) {
		snprintf(dirs[i], sizeof(dirs[i]), "%s/layer,%d:with\\signs",
			 p->dir, i);
		assert_int_equal(mkdir(dirs[i], 0755), 0);
		lowers[i] = dirs[i];
		snprintf(path, sizeof(path), "%s/own%d", dirs[i], i);
		write_text(path, "");
		snprintf(path, sizeof(path), "%s/who", dirs[i]);
		write_text(path, i ? "other\n" : "top\n");
	}
	lowers[120] = p->root;
	run_init(&r, p, "cat /who; ls / | grep -c own; cat /proc/mounts");
	r.sb.lowers = lowers;
	r.sb.n_lowers = 121;
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "top\n120\n");
	assert_lacks(&r, "layer");
}

/* A lower of its own on top of the busybox tree. */
static const char *add_lower(struct run *r, struct place *p, char *path,
			     size_t size)
{
	snprintf(path, size, "%s/extra-%d", p->dir, p->runs++);
	assert_int_equal(mkdir(path, 0755), 0);
	r->lowers[0] = path;
	r->lowers[1] = p->root;
	r->sb.n_lowers = 2;
	return path;
}

static void links_at_mount_points_stay_inside(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256], outside[128];

	snprintf(outside, sizeof(outside), "%s/outside-%d", p->dir, p->runs++);
	assert_int_equal(mkdir(outside, 0755), 0);
	run_init(&r, p, "cat /etc/hosts");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/etc", lower);
	assert_int_equal(symlink(outside, path), 0);
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "localhost");
	assert_int_equal(count_names(outside), 0);
	assert_int_equal(count_names(r.upper), 0);
}

static void a_linked_file_in_etc_stays_inside(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256], canary[128];
	autofree char *text = NULL;

	snprintf(canary, sizeof(canary), "%s/canary", p->dir);
	write_text(canary, "untouched");
	run_init(&r, p, "cat /etc/resolv.conf");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/etc", lower);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/etc/resolv.conf", lower);
	assert_int_equal(symlink(canary, path), 0);
	snprintf(path, sizeof(path), "%s/etc/hosts", lower);
	assert_int_equal(symlink("../../../../no/where/hosts", path), 0);
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "192.0.2.1");
	text = read_text(canary);
	assert_string_equal(text, "untouched");
	assert_int_equal(count_names(r.upper), 0);
}

static void system_directories_must_not_be_links(void **state)
{
	static const char *const names[] = { "proc", "sys", "dev" };
	struct place *p = place_of(state);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO(run_release) struct run r;
		char lower[128], path[256];

		run_init(&r, p, "true");
		add_lower(&r, p, lower, sizeof(lower));
		snprintf(path, sizeof(path), "%s/%s", lower, names[i]);
		assert_int_equal(symlink("/tmp", path), 0);
		run_it(&r, p);
		assert_int_equal(r.status, -1);
		assert_int_equal(r.err.kind, ERROR_REFUSED);
		assert_non_null(strstr(r.message, "symbolic link"));
	}
}

static void a_device_directory_full_of_links_is_covered(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256];

	run_init(&r, p,
		 "stat -c '%F' /dev/null /dev/pts /dev/shm; "
		 "echo x >/dev/null");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/dev", lower);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/dev/null", lower);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/dev/pts", lower);
	assert_int_equal(symlink("/", path), 0);
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "character special file\ndirectory\ndirectory\n");
}

static void secrets_of_the_kernel_are_masked(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "for f in /proc/kcore /proc/keys /proc/timer_list "
		 "/proc/sched_debug; do test ! -e $f || head -c1 $f; done; "
		 "ls /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | "
		 "grep -v : | grep .; "
		 "for f in /proc/sys/kernel/hostname /proc/sysrq-trigger "
		 "/sys/kernel/uevent_seqnum; do "
		 "if (echo x >$f) 2>/dev/null; then echo wrote $f; fi; done; "
		 "true");
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "");
}

static void filtered_calls_fail(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "mount -t tmpfs none /tmp && echo mounted; "
		 "mount -o remount,rw /proc/sys && echo remounted; "
		 "unshare -U true && echo unshared; true");
	run_it(&r, p);
	assert_ran(&r);
	assert_lacks(&r, "mounted\n");
	assert_lacks(&r, "unshared\n");
}

static void the_working_directory_is_made_inside(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256], outside[128];

	snprintf(outside, sizeof(outside), "%s/outside-%d", p->dir, p->runs++);
	run_init(&r, p, "pwd; stat -c '%a %u' .");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/srv", lower);
	assert_int_equal(symlink(outside, path), 0);
	r.sb.cwd = "/new/place";
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "/new/place\n755 0\n");
	assert_int_equal(access(outside, F_OK), -1);
}

static void no_descriptor_leads_out_as_working_directory(void **state)
{
	struct place *p = place_of(state);

	for (int fd = 3; fd < 40; fd++) {
		AUTO(run_release) struct run r;
		char cwd[64];

		run_init(&r, p, "ls ../.. ../../..");
		snprintf(cwd, sizeof(cwd), "/proc/%s/fd/%d",
			 fd % 2 ? "self" : "1", fd);
		r.sb.cwd = cwd;
		run_it(&r, p);
		assert_lacks(&r, "boot");
		assert_lacks(&r, "-upper");
	}
}

/* The mount points of the image's tree stay as they are. */
static void mounts_do_what_they_say(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char source[128], path[256];
	struct sandbox_mount mounts[5];
	autofree char *kept = NULL;
	autofree char *cache = NULL;
	autofree char *file = NULL;
	autoclose int dir = -1;
	autoclose int fd = -1;

	snprintf(source, sizeof(source), "%s/source-%d", p->dir, p->runs++);
	assert_int_equal(mkdir(source, 0755), 0);
	snprintf(path, sizeof(path), "%s/file", source);
	write_text(path, "original");
	dir = open(source, O_PATH | O_CLOEXEC);
	fd = open(path, O_PATH | O_CLOEXEC);
	mounts[0] = (struct sandbox_mount){ .target = "/ro",
					    .source_fd = dir,
					    .source_is_dir = true,
					    .read_only = true };
	mounts[1] = (struct sandbox_mount){ .target = "/deep/er/rw",
					    .source_fd = dir,
					    .source_is_dir = true };
	mounts[2] = (struct sandbox_mount){ .target = "bin/../thrown",
					    .source_fd = dir,
					    .source_is_dir = true,
					    .discard = true };
	mounts[3] = (struct sandbox_mount){ .target = "/one/file",
					    .source_fd = fd,
					    .discard = true };
	mounts[4] = (struct sandbox_mount){ .kind = SANDBOX_MOUNT_TMPFS,
					    .target = "/scratch",
					    .size_bytes = 65536 };
	run_init(
		&r, p,
		"echo no >/ro/file; echo yes >/deep/er/rw/cache; "
		"echo lost >/thrown/file; touch /thrown/new; cat /thrown/file; "
		"echo lost2 >/one/file; cat /one/file; "
		"dd if=/dev/zero of=/scratch/x bs=1k count=100; true");
	r.sb.mounts = mounts;
	r.sb.n_mounts = 5;
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "/ro/file: Read-only file system");
	assert_has(&r, "\nlost\nlost2\n");
	assert_has(&r, "No space left");
	kept = read_text(path);
	assert_string_equal(kept, "original");
	snprintf(path, sizeof(path), "%s/cache", source);
	cache = read_text(path);
	assert_string_equal(cache, "yes\n");
	snprintf(path, sizeof(path), "%s/new", source);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(count_names(r.upper), 0);
}

static void mount_points_behind_links_leave_no_trace(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256], source[128];
	struct sandbox_mount mount = { .target = "/var/run/secrets/key",
				       .read_only = true };
	struct stat after;
	autoclose int fd = -1;

	snprintf(source, sizeof(source), "%s/key-%d", p->dir, p->runs++);
	write_text(source, "s3cret");
	fd = open(source, O_PATH | O_CLOEXEC);
	mount.source_fd = fd;
	run_init(&r, p, "cat /run/secrets/key; touch /tmp/mine");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/var", lower);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/run", lower);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/var/run", lower);
	assert_int_equal(symlink("/run", path), 0);
	r.sb.mounts = &mount;
	r.sb.n_mounts = 1;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "s3cret");
	/* Only what the run wrote itself. */
	assert_int_equal(count_names(r.upper), 1);
	snprintf(path, sizeof(path), "%s/run", r.upper);
	assert_int_equal(stat(path, &after), -1);
}

static void a_used_mount_point_parent_keeps_what_was_written(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256];
	struct sandbox_mount mount = { .kind = SANDBOX_MOUNT_TMPFS,
				       .target = "/link/inner/point" };

	run_init(&r, p, "echo x >/real/inner/mine");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/real", lower);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/link", lower);
	assert_int_equal(symlink("real", path), 0);
	r.sb.mounts = &mount;
	r.sb.n_mounts = 1;
	run_it(&r, p);
	assert_ran(&r);
	snprintf(path, sizeof(path), "%s/real/inner", r.upper);
	assert_int_equal(count_names(path), 1);
}

static void a_mount_point_swapped_for_a_link_harms_nobody(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256], outside[128];
	struct sandbox_mount mount = { .kind = SANDBOX_MOUNT_TMPFS,
				       .target = "/link/a/point" };
	char script[512];

	snprintf(outside, sizeof(outside), "%s/outside-%d", p->dir, p->runs++);
	snprintf(path, sizeof(path), "%s/a", outside);
	mkdir(outside, 0755);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/a/point", outside);
	mkdir(path, 0755);
	snprintf(script, sizeof(script),
		 "mv /real/a /real/b; ln -s %s/a /real/a; true", outside);
	run_init(&r, p, script);
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/real", lower);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/link", lower);
	assert_int_equal(symlink("real", path), 0);
	r.sb.mounts = &mount;
	r.sb.n_mounts = 1;
	run_it(&r, p);
	assert_ran(&r);
	snprintf(path, sizeof(path), "%s/a/point", outside);
	assert_int_equal(access(path, F_OK), 0);
}

static void a_private_network_has_only_loopback(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "grep -c : /proc/net/dev; grep -c lo: /proc/net/dev; "
		 "cat /sys/class/net/lo/flags");
	r.sb.network = SANDBOX_NETWORK_NONE;
	run_it(&r, p);
	assert_ran(&r);
	/* IFF_UP is 1, IFF_LOOPBACK 8. */
	assert_string_equal(r.output.data, "1\n1\n0x9\n");
}

static void the_builder_does_not_run_inside(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256];

	run_init(&r, p, "");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/evil", lower);
	write_text(path, "#! /proc/self/exe\n");
	chmod(path, 0755);
	snprintf(path, sizeof(path), "%s/twice", lower);
	write_text(path, "#!/evil x\n");
	chmod(path, 0755);
	snprintf(path, sizeof(path), "%s/link", lower);
	assert_int_equal(symlink("/proc/self/exe", path), 0);
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "/evil", "/twice", "/link",
						     "/proc/self/exe" };

		AUTO(run_release) struct run again;

		run_init(&again, p, "");
		again.sb.lowers = r.lowers;
		again.sb.n_lowers = 2;
		again.args[0] = names[i];
		run_it(&again, p);
		assert_int_equal(again.status, -1);
		assert_int_equal(again.err.sys, EPERM);
	}
}

static void programs_are_found_in_the_given_path(void **state)
{
	static const char *const env[] = { "A=PATH=/x", "PATH=/no:/other:/bin",
					   NULL };
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char lower[128], path[256];

	run_init(&r, p, "");
	add_lower(&r, p, lower, sizeof(lower));
	snprintf(path, sizeof(path), "%s/other", lower);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/other/tool", lower);
	write_text(path, "#!/bin/sh\necho found $1\n");
	chmod(path, 0755);
	r.args[0] = "tool";
	r.args[1] = "it";
	r.args[2] = NULL;
	r.sb.env = env;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "found it\n");
}

static void what_cannot_be_had_is_refused(void **state)
{
	const struct sandbox_mount on_root = { .kind = SANDBOX_MOUNT_TMPFS,
					       .target = "/x/.." };
	struct place *p = place_of(state);
	AUTO(run_release) struct run limited;
	AUTO(run_release) struct run covered;

	run_init(&limited, p, "true");
	limited.sb.limits.memory_bytes = 1 << 20;
	run_it(&limited, p);
	assert_int_equal(limited.err.kind, ERROR_REFUSED);
	run_init(&covered, p, "true");
	covered.sb.mounts = &on_root;
	covered.sb.n_mounts = 1;
	run_it(&covered, p);
	assert_int_equal(covered.err.kind, ERROR_REFUSED);
}

struct worker {
	struct place *p;
	struct run runs[6];
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (size_t i = 0; i < ARRAY_LEN(w->runs); i++)
		run_it(&w->runs[i], w->p);
	return NULL;
}

static void many_run_at_a_time(void **state)
{
	struct place *p = place_of(state);
	static struct worker workers[8];

	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		workers[i].p = p;
		for (size_t j = 0; j < ARRAY_LEN(workers[i].runs); j++)
			run_init(&workers[i].runs[j], p, "sleep 0.05; pwd");
	}
	for (size_t i = 0; i < ARRAY_LEN(workers); i++)
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
						&workers[i]),
				 0);
	for (size_t i = 0; i < ARRAY_LEN(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		for (size_t j = 0; j < ARRAY_LEN(workers[i].runs); j++) {
			assert_ran(&workers[i].runs[j]);
			assert_string_equal(workers[i].runs[j].output.data,
					    "/\n");
			run_release(&workers[i].runs[j]);
		}
	}
}

static void rlimits_are_set(void **state)
{
	static const struct sandbox_rlimit limits[] = {
		{ .resource = 7 /* RLIMIT_NOFILE */, .soft = 77, .hard = 88 },
	};
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "ulimit -Sn; ulimit -Hn");
	r.sb.rlimits = limits;
	r.sb.n_rlimits = 1;
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "77\n88\n");
}

static void owners_are_kept(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char path[256];
	struct stat st;

	run_init(&r, p, "touch /f; chown 1234:60000 /f");
	run_it(&r, p);
	assert_ran(&r);
	snprintf(path, sizeof(path), "%s/f", r.upper);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 60000);
}

static void usage_is_measured(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "i=0; while test $i -lt 3000; do i=$((i+1)); done");
	run_it(&r, p);
	assert_ran(&r);
	assert_true(r.result.cpu_time_us > 0);
	assert_true(r.result.peak_memory_bytes > 100000);
}

/* For which identities a case has a meaning. */
#define ROOT	    (1U << IDENTITY_ROOT)
#define USER	    (1U << IDENTITY_USER)
#define SINGLE	    (1U << IDENTITY_SINGLE)
#define ALL	    (ROOT | USER | SINGLE)
#define SEVERAL_IDS (ROOT | USER)
#define NO_ROOT	    (USER | SINGLE)
#define CASE(name, identities)                                                 \
	{                                                                      \
#name, name, identities                                        \
	}

static const struct {
	const char *name;
	CMUnitTestFunction function;
	unsigned identities;
} cases[] = {
	CASE(the_exit_status_is_passed_on, ALL),
	CASE(death_by_signal_is_told, ALL),
	CASE(a_missing_program_is_named, ALL),
	CASE(megabytes_of_output_arrive_whole, ALL),
	CASE(standard_input_is_empty, ALL),
	CASE(orphans_are_reaped, ALL),
	CASE(background_processes_end_with_the_run, ALL),
	CASE(cancelling_ends_every_process_soon, ALL),
	CASE(killing_the_builder_leaves_no_process, ALL),
	CASE(only_three_descriptors_are_open, ALL),
	CASE(rights_are_the_default_ones, ALL),
	CASE(another_user_has_no_capabilities, SEVERAL_IDS),
	CASE(an_unmapped_user_is_refused_with_a_remedy, NO_ROOT),
	CASE(no_new_privs_is_set_when_asked, ALL),
	CASE(a_run_that_does_nothing_leaves_nothing, ALL),
	CASE(the_environment_is_what_was_given, ALL),
	CASE(nothing_of_the_builder_can_be_read, ALL),
	CASE(init_ignores_its_children, ALL),
	CASE(hosts_and_resolv_conf_are_given_read_only, ALL),
	CASE(changes_land_in_the_upper_directory_only, ALL),
	CASE(a_hundred_layers_are_stacked, ALL),
	CASE(links_at_mount_points_stay_inside, ALL),
	CASE(a_linked_file_in_etc_stays_inside, ALL),
	CASE(system_directories_must_not_be_links, ALL),
	CASE(a_device_directory_full_of_links_is_covered, ALL),
	CASE(secrets_of_the_kernel_are_masked, ALL),
	CASE(filtered_calls_fail, ALL),
	CASE(the_working_directory_is_made_inside, ALL),
	CASE(no_descriptor_leads_out_as_working_directory, ALL),
	CASE(mounts_do_what_they_say, ALL),
	CASE(mount_points_behind_links_leave_no_trace, ALL),
	CASE(a_used_mount_point_parent_keeps_what_was_written, ALL),
	CASE(a_mount_point_swapped_for_a_link_harms_nobody, ALL),
	CASE(a_private_network_has_only_loopback, ALL),
	CASE(the_builder_does_not_run_inside, ALL),
	CASE(programs_are_found_in_the_given_path, ALL),
	CASE(what_cannot_be_had_is_refused, ALL),
	CASE(many_run_at_a_time, ALL),
	CASE(rlimits_are_set, ALL),
	CASE(owners_are_kept, SEVERAL_IDS),
	CASE(usage_is_measured, ALL),
};

int sandbox_cases_run(const char *group, enum identity identity)
{
	struct CMUnitTest tests[ARRAY_LEN(cases)];
	struct place *p;
	size_t n = 0;
	int failed;

	setenv("SHALE_CANARY", "must not be seen", 1);
	p = place_new(identity);
	if (!p)
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (cases[i].identities & 1U << identity)
			tests[n++] = (struct CMUnitTest){
				.name = cases[i].name,
				.test_func = cases[i].function,
				.initial_state = p,
			};
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	place_free(p);
	return failed;
}
