/* Limits that a control group sets for all processes of a container. */
#include "tests/unit/builder/sandbox_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/cgroup_place.h"

#define MIB (1 << 20)

static void skip_without_groups(void)
{
	char why[600];

	if (cgroup_available(why, sizeof(why)))
		return;
	print_message("%s\n", why);
	skip();
}

/* Groups of ours, as the program names them, in every hierarchy. */
static int count_groups(const char *prefix)
{
	AUTO(cgroup_places_release) struct cgroup_places places = { 0 };
	struct error err = ERROR_INIT;
	int n = 0;

	assert_int_equal(cgroup_places_find(NULL, &places, &err), 0);
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		autodir DIR *dir = opendir(places.of[i].path);

		for (struct dirent *d; dir && (d = readdir(dir));)
			n += !strncmp(d->d_name, prefix, strlen(prefix));
	}
	return n;
}

static pid_t only_child(void)
{
	char path[64];
	autofree char *text = NULL;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	text = text_of_file(path);
	assert_true(atoi(text) > 0);
	return atoi(text);
}

static void too_much_memory_is_named(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	skip_without_groups();
	run_init(&r, p, "dd if=/dev/zero of=/dev/null bs=512M count=1");
	r.sb.limits.memory_bytes = 256 * MIB;
	r.sb.limits.memory_swap_bytes = 256 * MIB;
	run_it(&r, p);
	assert_int_equal(r.status, 0);
	assert_int_equal(r.result.exit_code, 137);
	assert_true(r.result.out_of_memory);
	assert_true(r.result.peak_memory_bytes > 200 * MIB);
	assert_true(r.result.peak_memory_bytes <= 256 * MIB);
}

static void the_peak_is_of_all_processes(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	skip_without_groups();
	/* In memory at the same time, since none ends before the other. */
	run_init(&r, p,
		 "for i in 1 2; do (dd if=/dev/zero bs=40M count=1; sleep 1) "
		 "| { sleep 1; cat; } >/dev/null & done; wait");
	r.sb.limits.memory_bytes = 900LL * MIB;
	run_it(&r, p);
	assert_ran(&r);
	assert_false(r.result.out_of_memory);
	assert_true(r.result.peak_memory_bytes > 60 * MIB);
}

static void processes_are_counted(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	skip_without_groups();
	run_init(&r, p, "for i in $(seq 80); do sleep 1 & done");
	r.sb.limits.pids = 50;
	run_it(&r, p);
	assert_int_equal(r.status, 0);
	assert_true(r.result.exit_code != 0);
	assert_has(&r, "can't fork");
}

static void processors_are_rationed(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	skip_without_groups();
	run_init(&r, p,
		 "i=0; while test $i -lt 20000; do i=$((i+1)); done & sleep 1; "
		 "cat /proc/uptime; grep Cpus_allowed_list /proc/self/status; "
		 "kill -9 $!");
	r.sb.limits.cpu_period_us = 100000;
	r.sb.limits.cpu_quota_us = 2000;
	r.sb.limits.cpu_shares = 100;
	r.sb.limits.cpuset_cpus = "0";
	run_it(&r, p);
	assert_int_equal(r.status, 0);
	assert_has(&r, "Cpus_allowed_list:\t0\n");
	/* 2 % of some seconds. */
	assert_true(r.result.cpu_time_us < 1000000);
}

static void a_group_goes_with_its_container(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char prefix[32];

	skip_without_groups();
	run_init(&r, p, "sleep 100 & true");
	r.sb.limits.pids = 100;
	r.sb.limits.memory_bytes = 500LL * MIB;
	run_it(&r, p);
	assert_ran(&r);
	/* Named after the spawner, the only child of ours. */
	snprintf(prefix, sizeof(prefix), "shale-%d-", only_child());
	assert_int_equal(count_groups(prefix), 0);
}

static void what_a_killed_builder_left_is_swept(void **state)
{
	const struct sandbox_limits limits = { .pids = 5 };
	char prefix[32];
	pid_t pid;

	place_of(state);
	skip_without_groups();
	pid = fork();
	if (pid == 0) {
		struct error err = ERROR_INIT;
		struct cgroup *g = NULL;

		raise(cgroup_make(&limits, &g, &err) == 0 ? SIGKILL : SIGUSR1);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(prefix, sizeof(prefix), "shale-%d-", pid);
	assert_int_equal(count_groups(prefix), 1);
	cgroup_sweep(NULL);
	assert_int_equal(count_groups(prefix), 0);
}

static void what_a_living_builder_uses_is_left_alone(void **state)
{
	const struct sandbox_limits limits = { .pids = 5 };
	struct error err = ERROR_INIT;
	AUTO(cgroup_free) struct cgroup *g = NULL;
	char prefix[32];

	place_of(state);
	skip_without_groups();
	assert_int_equal(cgroup_make(&limits, &g, &err), 0);
	cgroup_sweep(NULL);
	snprintf(prefix, sizeof(prefix), "shale-%d-", getpid());
	assert_int_equal(count_groups(prefix), 1);
}

static void a_parent_must_exist(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	skip_without_groups();
	run_init(&r, p, "true");
	r.sb.limits.cgroup_parent = "/no-such-group";
	run_it(&r, p);
	assert_int_equal(r.status, -1);
	assert_non_null(strstr(r.message, "/no-such-group"));
}

static void a_parent_is_no_way_out(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;

	run_init(&r, p, "true");
	r.sb.limits.cgroup_parent = "/../../tmp";
	run_it(&r, p);
	assert_int_equal(r.status, -1);
	assert_non_null(strstr(r.message, "--cgroup-parent"));
}

static void a_user_without_groups_is_told_so(void **state)
{
	struct place *p = place_of(state);
	AUTO(run_release) struct run r;
	char why[600];

	if (cgroup_available(why, sizeof(why)))
		skip();
	run_init(&r, p, "true");
	r.sb.limits.pids = 10;
	run_it(&r, p);
	assert_int_equal(r.status, -1);
	assert_non_null(strstr(r.message, "no control group for pids"));
}

/* The text of `file` in the group that this process has made for disks. */
static char *text_of_group(const char *dir, const char *file)
{
	autodir DIR *d = opendir(dir);
	char prefix[32], path[600];

	assert_non_null(d);
	snprintf(prefix, sizeof(prefix), "shale-%d-", getpid());
	for (struct dirent *e; (e = readdir(d));)
		if (!strncmp(e->d_name, prefix, strlen(prefix))) {
			snprintf(path, sizeof(path), "%s/%s/%s", dir, e->d_name,
				 file);
			return text_of_file(path);
		}
	return NULL;
}

/* The device of a file system, as /proc/partitions has it. */
static dev_t some_disk(void)
{
	autofree char *text = text_of_file("/proc/partitions");
	const char *rows = strstr(text, "\n\n");
	unsigned major_number, minor_number;

	if (!rows || sscanf(rows, "%u %u", &major_number, &minor_number) != 2)
		return 0;
	return makedev(major_number, minor_number);
}

static void traffic_of_disks_is_limited(void **state)
{
	AUTO(cgroup_places_release) struct cgroup_places places = { 0 };
	AUTO(cgroup_free) struct cgroup *g = NULL;
	const struct cgroup_place *place = &places.of[CGROUP_IO];
	struct sandbox_device_rate rates[] = {
		{ .kind = SANDBOX_READ_BPS, .rate = 1048576 },
		{ .kind = SANDBOX_WRITE_IOPS, .rate = 77 },
	};
	struct sandbox_limits limits = { .blkio_weight = 300,
					 .device_rates = rates,
					 .n_device_rates = ARRAY_LEN(rates) };
	dev_t disk = some_disk();
	struct error err = ERROR_INIT;
	char wanted[80];

	place_of(state);
	assert_int_equal(cgroup_places_find(NULL, &places, &err), 0);
	if (!place->path || !disk) {
		print_message("%s\n", disk ? place->missing : "no disk");
		skip();
	}
	rates[0].device = rates[1].device = disk;
	if (cgroup_make(&limits, &g, &err) < 0)
		fail_msg("%s", err.text);
	if (place->is_v2) {
		autofree char *max = text_of_group(place->path, "io.max");

		snprintf(wanted, sizeof(wanted),
			 "%u:%u rbps=1048576 wbps=max riops=max wiops=77\n",
			 major(disk), minor(disk));
		assert_string_equal(max, wanted);
	} else {
		autofree char *bps = text_of_group(
			place->path, "blkio.throttle.read_bps_device");
		autofree char *iops = text_of_group(
			place->path, "blkio.throttle.write_iops_device");

		snprintf(wanted, sizeof(wanted), "%u:%u 1048576\n", major(disk),
			 minor(disk));
		assert_string_equal(bps, wanted);
		snprintf(wanted, sizeof(wanted), "%u:%u 77\n", major(disk),
			 minor(disk));
		assert_string_equal(iops, wanted);
	}
}

const struct sandbox_case sandbox_limits_cases[] = {
	SANDBOX_CASE(traffic_of_disks_is_limited, FOR_ROOT | NOT_BY_RUNTIME),
	SANDBOX_CASE(too_much_memory_is_named, FOR_ROOT),
	SANDBOX_CASE(the_peak_is_of_all_processes, FOR_ROOT),
	SANDBOX_CASE(processes_are_counted, FOR_ROOT),
	SANDBOX_CASE(processors_are_rationed, FOR_ROOT),
	SANDBOX_CASE(a_group_goes_with_its_container, FOR_ROOT),
	SANDBOX_CASE(what_a_killed_builder_left_is_swept, FOR_ROOT),
	SANDBOX_CASE(what_a_living_builder_uses_is_left_alone, FOR_ROOT),
	SANDBOX_CASE(a_parent_must_exist, FOR_ROOT),
	SANDBOX_CASE(a_parent_is_no_way_out, FOR_ALL),
	SANDBOX_CASE(a_user_without_groups_is_told_so, FOR_NO_ROOT),
	SANDBOX_CASE_END,
};
