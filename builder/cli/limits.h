/* Options that limit what a RUN may use, in docker's spelling. */
#ifndef BUILDER_CLI_LIMITS_H
#define BUILDER_CLI_LIMITS_H

#include "builder/cli/options.h"
#include "builder/solve.h"

struct limit_options {
	const char *memory, *memory_swap, *cpu_shares, *cpu_period, *cpu_quota;
	const char *cpus, *cpuset_cpus, *pids, *cgroup_parent, *shm_size;
	const char *timeout, *step_timeout;
	int64_t timeout_ms; /* of the whole build, made likewise */
	struct strv ulimits;
	const char *blkio_weight;
	struct strv read_bps, write_bps, read_iops, write_iops;
	/* Made by limit_options_apply(). */
	struct sandbox_rlimit *rlimits;
	struct sandbox_device_rate *device_rates;
};

#define LIMIT_OPTIONS(o)                                                           \
	{ "memory",    'm',	OPTION_STRING,                                     \
	  &(o).memory, "BYTES", "memory limit of a RUN (b, k, m, g)" },            \
		{ "memory-swap", 0,                                                \
		  OPTION_STRING, &(o).memory_swap,                                 \
		  "BYTES",	 "memory and swap together; -1: unlimited" },      \
		{ "cpu-shares",	   'c', OPTION_STRING,                             \
		  &(o).cpu_shares, "N", "relative weight" },                       \
		{ "cpu-period",	  0,                                               \
		  OPTION_STRING,  &(o).cpu_period,                                 \
		  "MICROSECONDS", "length of a scheduling period" },               \
		{ "cpu-quota",	  0,                                               \
		  OPTION_STRING,  &(o).cpu_quota,                                  \
		  "MICROSECONDS", "processor time in each period" },               \
		{ "cpus",    0,	  OPTION_STRING,                                   \
		  &(o).cpus, "N", "number of processors" },                        \
		{ "cpuset-cpus",    0,	    OPTION_STRING,                         \
		  &(o).cpuset_cpus, "LIST", "processors to use, \"0-3,5\"" },      \
		{ "pids-limit", 0,   OPTION_STRING,                                \
		  &(o).pids,	"N", "processes at a time" },                      \
		{ "cgroup-parent", 0,                                              \
		  OPTION_STRING,   &(o).cgroup_parent,                             \
		  "PATH",	   "control group to make the RUN's in" },         \
		{ "timeout",	0,	OPTION_STRING,                             \
		  &(o).timeout, "TIME", "end the build after this (1h30m, 90s)" }, \
		{ "step-timeout",    0,	     OPTION_STRING,                        \
		  &(o).step_timeout, "TIME", "end a RUN after this" },             \
		{ "shm-size",	 0,	  OPTION_STRING,                           \
		  &(o).shm_size, "BYTES", "size of /dev/shm (default 64m)" },      \
		{ "blkio-weight",    0,	  OPTION_STRING,                           \
		  &(o).blkio_weight, "N", "weight of disk traffic, 10 to 1000" },  \
		{ "device-read-bps", 0,                                            \
		  OPTION_LIST,	     &(o).read_bps,                                \
		  "PATH:BYTES",	     "bytes a second to read from a device" },     \
		{ "device-write-bps", 0,                                           \
		  OPTION_LIST,	      &(o).write_bps,                              \
		  "PATH:BYTES",	      "bytes a second to write to a device" },     \
		{ "device-read-iops", 0,	OPTION_LIST,                       \
		  &(o).read_iops,     "PATH:N", "reads of a device a second" },    \
		{ "device-write-iops", 0,	 OPTION_LIST,                      \
		  &(o).write_iops,     "PATH:N", "writes to a device a second" },  \
	{                                                                          \
		"ulimit", 0, OPTION_LIST, &(o).ulimits, "NAME=SOFT[:HARD]",        \
			"resource limit of a RUN's processes"                      \
	}

/* "512m", "2GB" (binary units) of `option`; NULL leaves `*ret` as it is. */
int limit_parse_bytes(const char *option, const char *text, int64_t *ret,
		      struct error *err);

void limit_options_release(struct limit_options *o);

/*
 * Fill the limits of `so`, which borrows from `o`. ERROR_USAGE names the
 * option and its value.
 */
int limit_options_apply(struct limit_options *o, struct solve_options *so,
			struct error *err);

#endif
