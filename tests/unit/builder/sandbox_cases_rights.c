/* What a program in a container must not be able to do. */
#include "tests/unit/builder/sandbox_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void only_three_descriptors_are_open(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	/* ls itself holds 3 to list the directory. */
	run_init(&r, p, "echo begin $(ls /proc/self/fd) end");
	run_it(&r, p);
	assert_has(&r, "begin 0 1 2 3 end\n");
}

static void the_init_process_shows_nothing(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "ls -l /proc/1/fd /proc/1/exe");
	run_it(&r, p);
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

static void an_insecure_run_has_all_there_is(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "cat /proc/self/status; mount -t tmpfs none /tmp && "
		 "grep -c ' /tmp tmpfs' /proc/mounts");
	r.sb.insecure = true;
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "Seccomp:\t0\n");
	assert_has(&r, "CapInh:\t0000000000000000\n");
	assert_lacks(&r, "CapEff:\t00000000a80425fb\n");
	assert_has(&r, "\n1\n");
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

/* What covers a masked file is a node of the host's. */
static void the_cover_of_a_masked_file_cannot_be_changed(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "for f in /proc/kcore /proc/keys /proc/timer_list; do "
		 "test -c $f || continue; echo x >$f || exit 1; "
		 "chmod 666 $f && exit 2; chown 0:0 $f && exit 3; done; "
		 "echo done");
	run_it(&r, p);
	assert_ran(&r);
	assert_has(&r, "done\n");
}

/* Not the new mount API alone does so for what is mounted below. */
static void nothing_below_sys_can_be_written(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p,
		 "grep ' /sys/' /proc/self/mountinfo | grep -v ' ro,'; "
		 "grep -c ' /sys ro,' /proc/self/mountinfo");
	run_it(&r, p);
	assert_ran(&r);
	assert_string_equal(r.output.data, "1\n");
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

static void what_cannot_be_had_is_refused(void **state)
{
	const struct sandbox_mount on_root = { .kind = SANDBOX_MOUNT_TMPFS,
					       .target = "/x/.." };
	struct place *p = place_of(state);
	AUTO(run_release) struct run covered;

	run_init(&covered, p, "true");
	covered.sb.mounts = &on_root;
	covered.sb.n_mounts = 1;
	run_it(&covered, p);
	assert_int_equal(covered.err.kind, ERROR_REFUSED);
}

static void a_device_node_opens_nothing(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char cache[160];
	autoclose int source = -1;
	struct sandbox_mount mount = { .kind = SANDBOX_MOUNT_BIND,
				       .target = "/cache",
				       .source_is_dir = true };

	run_init(&r, p,
		 "for dir in / /dev /dev/shm /tmp /cache; do "
		 "mknod $dir/zero-too c 1 5 || exit 1; "
		 "if head -c 1 $dir/zero-too; then exit 2; fi; done; "
		 "head -c 1 /dev/zero >/dev/null");
	snprintf(cache, sizeof(cache), "%s/cache", r.scratch);
	assert_int_equal(mkdir(cache, 0755), 0);
	source = open(cache, O_PATH | O_CLOEXEC);
	mount.source_fd = source;
	r.sb.mounts = &mount;
	r.sb.n_mounts = 1;
	run_it(&r, p);
	assert_ran(&r);
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

const struct sandbox_case sandbox_rights_cases[] = {
	SANDBOX_CASE(only_three_descriptors_are_open, FOR_ALL),
	SANDBOX_CASE(the_init_process_shows_nothing, FOR_ALL | NOT_BY_RUNTIME),
	SANDBOX_CASE(rights_are_the_default_ones, FOR_ALL),
	SANDBOX_CASE(another_user_has_no_capabilities, FOR_SEVERAL_IDS),
	SANDBOX_CASE(an_unmapped_user_is_refused_with_a_remedy, FOR_NO_ROOT),
	SANDBOX_CASE(no_new_privs_is_set_when_asked, FOR_ALL),
	SANDBOX_CASE(an_insecure_run_has_all_there_is, FOR_ALL),
	SANDBOX_CASE(nothing_of_the_builder_can_be_read,
		     FOR_ALL | NOT_BY_RUNTIME),
	SANDBOX_CASE(system_directories_must_not_be_links, FOR_ALL),
	SANDBOX_CASE(a_device_directory_full_of_links_is_covered, FOR_ALL),
	SANDBOX_CASE(secrets_of_the_kernel_are_masked, FOR_ALL),
	SANDBOX_CASE(the_cover_of_a_masked_file_cannot_be_changed,
		     FOR_ALL | NOT_BY_RUNTIME),
	SANDBOX_CASE(nothing_below_sys_can_be_written, FOR_ALL),
	SANDBOX_CASE(filtered_calls_fail, FOR_ALL),
	SANDBOX_CASE(no_descriptor_leads_out_as_working_directory, FOR_ALL),
	SANDBOX_CASE(a_private_network_has_only_loopback, FOR_ALL),
	SANDBOX_CASE(the_builder_does_not_run_inside, FOR_ALL | NOT_BY_RUNTIME),
	SANDBOX_CASE(what_cannot_be_had_is_refused, FOR_ALL),
	SANDBOX_CASE(a_device_node_opens_nothing, FOR_ROOT),
	SANDBOX_CASE(owners_are_kept, FOR_SEVERAL_IDS),
	SANDBOX_CASE_END,
};
