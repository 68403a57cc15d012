#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "builder/sandbox/wire.h"

static const char *const lowers[] = { "/b", "/a" };
static const char *const pending[] = { NULL, "/tmp/a" };
static const char *const args[] = { "sh", "-c", "echo \"x\"\n", NULL };
static const char *const env[] = { "A=b", "", NULL };
static const uint32_t groups[] = { 5, 6, 7 };
static const struct sandbox_rlimit rlimits[] = { { 7, 1, 2 }, { 8, 3, 4 } };
static const struct sandbox_device_rate rates[] = {
	{ SANDBOX_READ_BPS, 1, 2 },
	{ SANDBOX_WRITE_IOPS, 3, 4 },
};
static const struct sandbox_mount mounts[] = {
	{ .kind = SANDBOX_MOUNT_BIND, .target = "/x", .source_fd = 9 },
	{ .kind = SANDBOX_MOUNT_TMPFS, .target = "/y", .size_bytes = 77 },
};

static const struct sandbox full = {
	.isolation = SANDBOX_ISOLATION_OCI,
	.runtime = "/bin/r",
	.seccomp_rules = "{}",
	.limits = { .device_rates = rates, .n_device_rates = 2 },
	.lowers = lowers,
	.pending = pending,
	.n_lowers = 2,
	.upper = "/u",
	.work = "/w",
	.mounts = mounts,
	.n_mounts = 2,
	.args = args,
	.env = env,
	.cwd = "/c",
	.user = { 1, 2, groups, 3 },
	.hostname = "h",
	.hosts = "",
	.network = SANDBOX_NETWORK_NONE,
	.rlimits = rlimits,
	.n_rlimits = 2,
	.capabilities = 42,
	.no_new_privs = true,
};

static void a_description_survives_the_way(void **state)
{
	AUTO(buf_release) struct buf buf = BUF_INIT;
	AUTO(wire_release) struct wire_sandbox w = { 0 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(wire_encode(&full, &buf, &err), 0);
	assert_int_equal(wire_decode(buf.data, buf.len, &w, &err), 0);
	assert_int_equal(w.sb.n_lowers, 2);
	assert_string_equal(w.sb.lowers[1], "/a");
	assert_null(w.sb.pending[0]);
	assert_string_equal(w.sb.pending[1], "/tmp/a");
	assert_string_equal(w.sb.upper, "/u");
	assert_null(w.sb.scratch);
	assert_string_equal(w.sb.args[2], "echo \"x\"\n");
	assert_null(w.sb.args[3]);
	assert_string_equal(w.sb.env[1], "");
	assert_null(w.sb.env[2]);
	assert_string_equal(w.sb.hosts, "");
	assert_null(w.sb.resolv_conf);
	assert_int_equal(w.sb.user.groups[2], 7);
	assert_int_equal(w.sb.rlimits[1].hard, 4);
	assert_int_equal(w.sb.limits.device_rates[1].rate, 4);
	assert_int_equal(w.sb.isolation, SANDBOX_ISOLATION_OCI);
	assert_string_equal(w.sb.runtime, "/bin/r");
	assert_string_equal(w.sb.seccomp_rules, "{}");
	assert_string_equal(w.sb.mounts[1].target, "/y");
	assert_int_equal(w.sb.mounts[1].size_bytes, 77);
	assert_int_equal(w.sb.mounts[0].source_fd, -1);
	assert_int_equal(w.sb.capabilities, 42);
	assert_true(w.sb.no_new_privs);
}

static void every_cut_of_a_description_is_refused(void **state)
{
	AUTO(buf_release) struct buf buf = BUF_INIT;
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(wire_encode(&full, &buf, &err), 0);
	for (size_t len = 0; len < buf.len; len++) {
		AUTO(wire_release) struct wire_sandbox w = { 0 };
		/* Of that length exactly, for the address sanitizer. */
		autofree char *cut = malloc(len ? len : 1);

		assert_non_null(cut);
		memcpy(cut, buf.data, len);
		assert_int_equal(wire_decode(cut, len, &w, &err), -1);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_description_survives_the_way),
		cmocka_unit_test(every_cut_of_a_description_is_refused),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
