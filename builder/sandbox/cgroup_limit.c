/* Limits as values of a control group's files, of v1 and of v2. */
#include "builder/sandbox/cgroup_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "store/base/buf.h"

#define SHARES_MIN	2
#define SHARES_RANGE	262142
#define WEIGHTS_RANGE	9999
#define IO_WEIGHT_MIN	10
#define IO_WEIGHT_RANGE 990

unsigned cgroup_limits_wanted(const struct sandbox_limits *l)
{
	unsigned wanted = 0;

	if (l->memory_bytes || l->memory_swap_bytes)
		wanted |= 1U << CGROUP_MEMORY;
	if (l->cpu_quota_us || l->cpu_period_us || l->cpu_shares)
		wanted |= 1U << CGROUP_CPU;
	if (l->cpuset_cpus)
		wanted |= 1U << CGROUP_CPUSET;
	if (l->blkio_weight || l->n_device_rates)
		wanted |= 1U << CGROUP_IO;
	if (l->pids)
		wanted |= 1U << CGROUP_PIDS;
	return wanted;
}

/* A setting; `is_optional`: its absence is the kernel's way to say no. */
static int set(const struct cgroup_part *p, const char *file, const char *text,
	       bool is_optional, struct error *err)
{
	if (cgroup_write(p->dir, file, text) == 0 ||
	    (is_optional && errno == ENOENT))
		return 0;
	return error_sys(err, errno, "cannot set %s to '%s' in '%s'", file,
			 text, p->path);
}

static int set_number(const struct cgroup_part *p, const char *file,
		      int64_t value, bool is_optional, struct error *err)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return set(p, file, value < 0 && p->is_v2 ? "max" : text, is_optional,
		   err);
}

/*
 * As docker has it: memory and swap together are twice the memory when not
 * said. Without accounting of swap, only what was asked for is an error.
 */
static int limit_memory(const struct cgroup_part *p,
			const struct sandbox_limits *l, struct error *err)
{
	int64_t memory = l->memory_bytes;
	int64_t total = l->memory_swap_bytes;
	bool is_asked = total != 0;

	if (memory <= 0 || (total > 0 && total < memory))
		return error_set(err, ERROR_USAGE,
				 "--memory-swap is memory and swap together: "
				 "it needs a --memory that is not larger");
	if (!is_asked)
		total = memory > INT64_MAX / 2 ? -1 : 2 * memory;
	if (!p->is_v2)
		return set_number(p, "memory.limit_in_bytes", memory, false,
				  err) < 0
			       ? -1
			       : set_number(p, "memory.memsw.limit_in_bytes",
					    total, !is_asked, err);
	if (set_number(p, "memory.max", memory, false, err) < 0)
		return -1;
	return set_number(p, "memory.swap.max", total < 0 ? -1 : total - memory,
			  !is_asked, err);
}

static int limit_cpu_v1(const struct cgroup_part *p,
			const struct sandbox_limits *l, struct error *err)
{
	if (l->cpu_period_us && set_number(p, "cpu.cfs_period_us",
					   l->cpu_period_us, false, err) < 0)
		return -1;
	if (l->cpu_quota_us &&
	    set_number(p, "cpu.cfs_quota_us", l->cpu_quota_us, false, err) < 0)
		return -1;
	if (!l->cpu_shares)
		return 0;
	return set_number(p, "cpu.shares", l->cpu_shares, false, err);
}

static int limit_cpu(const struct cgroup_part *p,
		     const struct sandbox_limits *l, struct error *err)
{
	int64_t shares = l->cpu_shares;
	char text[64];

	if (!p->is_v2)
		return limit_cpu_v1(p, l, err);
	if (l->cpu_quota_us > 0)
		snprintf(text, sizeof(text), "%lld",
			 (long long)l->cpu_quota_us);
	else
		snprintf(text, sizeof(text), "max");
	if (l->cpu_period_us)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 " %lld", (long long)l->cpu_period_us);
	if ((l->cpu_quota_us || l->cpu_period_us) &&
	    set(p, "cpu.max", text, false, err) < 0)
		return -1;
	if (!shares)
		return 0;
	/* 2..262144 shares are 1..10000 of weight. */
	shares = shares < SHARES_MIN ? 0 : shares - SHARES_MIN;
	if (shares > SHARES_RANGE)
		shares = SHARES_RANGE;
	return set_number(p, "cpu.weight",
			  1 + shares * WEIGHTS_RANGE / SHARES_RANGE, false,
			  err);
}

/* A v1 group starts without memory nodes and takes no process then. */
static int inherit_nodes(const struct cgroup_part *p, struct error *err)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	autofree char *nodes = NULL;

	buf_printf(&path, "%s/cpuset.mems", p->parent);
	if (buf_check(&path, "a path", err) < 0)
		return -1;
	nodes = cgroup_read(AT_FDCWD, path.data);
	return set(p, "cpuset.mems", nodes ? nodes : "0", false, err);
}

static int limit_cpuset(const struct cgroup_part *p,
			const struct sandbox_limits *l, struct error *err)
{
	if (!p->is_v2 && inherit_nodes(p, err) < 0)
		return -1;
	return set(p, "cpuset.cpus", l->cpuset_cpus, false, err);
}

static int limit_pids(const struct cgroup_part *p,
		      const struct sandbox_limits *l, struct error *err)
{
	char text[32] = "max";

	if (l->pids > 0)
		snprintf(text, sizeof(text), "%lld", (long long)l->pids);
	return set(p, "pids.max", text, false, err);
}

/*
 * The scheduler that knows weights has the same scale in both; the other way,
 * on v2, is 1..10000 for docker's 10..1000.
 */
static int weigh_io(const struct cgroup_part *p, int64_t weight,
		    struct error *err)
{
	const char *file = p->is_v2 ? "io.bfq.weight" : "blkio.bfq.weight";
	int64_t scaled =
		1 + (weight - IO_WEIGHT_MIN) * WEIGHTS_RANGE / IO_WEIGHT_RANGE;
	char text[32];

	if (!weight)
		return 0;
	snprintf(text, sizeof(text), "%lld", (long long)weight);
	if (cgroup_write(p->dir, file, text) == 0)
		return 0;
	if (errno != ENOENT)
		return set(p, file, text, false, err);
	if (!p->is_v2)
		return set(p, "blkio.weight", text, false, err);
	snprintf(text, sizeof(text), "default %lld", (long long)scaled);
	return set(p, "io.weight", text, false, err);
}

static int limit_io(const struct cgroup_part *p, const struct sandbox_limits *l,
		    struct error *err)
{
	static const struct {
		const char *v1, *v2;
	} files[] = {
		[SANDBOX_READ_BPS] = { "blkio.throttle.read_bps_device",
				       "rbps" },
		[SANDBOX_WRITE_BPS] = { "blkio.throttle.write_bps_device",
					"wbps" },
		[SANDBOX_READ_IOPS] = { "blkio.throttle.read_iops_device",
					"riops" },
		[SANDBOX_WRITE_IOPS] = { "blkio.throttle.write_iops_device",
					 "wiops" },
	};

	for (size_t i = 0; i < l->n_device_rates; i++) {
		const struct sandbox_device_rate *r = &l->device_rates[i];
		char text[80];

		snprintf(text, sizeof(text), "%u:%u %s%s%llu", major(r->device),
			 minor(r->device), p->is_v2 ? files[r->kind].v2 : "",
			 p->is_v2 ? "=" : "", (unsigned long long)r->rate);
		if (set(p, p->is_v2 ? "io.max" : files[r->kind].v1, text, false,
			err) < 0)
			return -1;
	}
	return weigh_io(p, l->blkio_weight, err);
}

static int (*const limiters[CGROUP_CONTROLLERS])(const struct cgroup_part *,
						 const struct sandbox_limits *,
						 struct error *) = {
	[CGROUP_MEMORY] = limit_memory, [CGROUP_CPU] = limit_cpu,
	[CGROUP_CPUSET] = limit_cpuset, [CGROUP_PIDS] = limit_pids,
	[CGROUP_IO] = limit_io,
};

int cgroup_limit(const struct cgroup_part *p, enum cgroup_controller which,
		 const struct sandbox_limits *limits, struct error *err)
{
	return limiters[which](p, limits, err);
}
