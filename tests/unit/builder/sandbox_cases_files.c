/* The root of a container, what is mounted in it and what is left of it. */
#include "tests/unit/builder/sandbox_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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
	text = text_of_file(path);
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

static void a_layer_is_found_before_and_after_it_is_renamed(void **state)
{
	struct place *p = place_of(state);

	for (int renamed = 0; renamed < 2; renamed++) {
		const char *pending[2] = { NULL, NULL };
		AUTO(run_release) struct run r;
		char lower[128], gone[256], path[256];

		run_init(&r, p, "cat /who");
		add_lower(&r, p, lower, sizeof(lower));
		snprintf(gone, sizeof(gone), "%s/gone", lower);
		snprintf(path, sizeof(path), "%s/who", lower);
		write_text(path, "found\n");
		pending[0] = renamed ? gone : lower;
		r.lowers[0] = renamed ? lower : gone;
		r.sb.pending = pending;
		run_it(&r, p);
		assert_ran(&r);
		assert_has(&r, "found\n");
	}
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
	text = text_of_file(canary);
	assert_string_equal(text, "untouched");
	assert_int_equal(count_names(r.upper), 0);
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

/* The mount points of the image's tree stay as they are. */
static void mounts_do_what_they_say(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char source[128], path[256];
	struct sandbox_mount mounts[5];
	autofree char *kept = NULL;
	autofree char *cache = NULL;
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
	kept = text_of_file(path);
	assert_string_equal(kept, "original");
	snprintf(path, sizeof(path), "%s/cache", source);
	cache = text_of_file(path);
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

const struct sandbox_case sandbox_files_cases[] = {
	SANDBOX_CASE(a_run_that_does_nothing_leaves_nothing, FOR_ALL),
	SANDBOX_CASE(hosts_and_resolv_conf_are_given_read_only, FOR_ALL),
	SANDBOX_CASE(changes_land_in_the_upper_directory_only, FOR_ALL),
	SANDBOX_CASE(a_hundred_layers_are_stacked, FOR_ALL),
	SANDBOX_CASE(a_layer_is_found_before_and_after_it_is_renamed, FOR_ALL),
	SANDBOX_CASE(links_at_mount_points_stay_inside, FOR_ALL),
	SANDBOX_CASE(a_linked_file_in_etc_stays_inside, FOR_ALL),
	SANDBOX_CASE(the_working_directory_is_made_inside, FOR_ALL),
	SANDBOX_CASE(mounts_do_what_they_say, FOR_ALL),
	SANDBOX_CASE(mount_points_behind_links_leave_no_trace, FOR_ALL),
	SANDBOX_CASE(a_used_mount_point_parent_keeps_what_was_written, FOR_ALL),
	SANDBOX_CASE(a_mount_point_swapped_for_a_link_harms_nobody, FOR_ALL),
	SANDBOX_CASE_END,
};
