#include "builder/cli/limits.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "store/base/duration.h"

#define DEFAULT_PERIOD_US 100000
#define WEIGHT_MIN	  10
#define WEIGHT_MAX	  1000

static const struct {
	const char *name;
	int resource;
} rlimit_names[] = {
	{ "core", RLIMIT_CORE },	 { "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },	 { "fsize", RLIMIT_FSIZE },
	{ "locks", RLIMIT_LOCKS },	 { "memlock", RLIMIT_MEMLOCK },
	{ "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },	 { "nproc", RLIMIT_NPROC },
	{ "rss", RLIMIT_RSS },		 { "rtprio", RLIMIT_RTPRIO },
	{ "rttime", RLIMIT_RTTIME },	 { "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

void limit_options_release(struct limit_options *o)
{
	struct strv *lists[] = { &o->ulimits, &o->read_bps, &o->write_bps,
				 &o->read_iops, &o->write_iops };

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		strv_release(lists[i]);
	free(o->rlimits);
	free(o->device_rates);
}

static int bad_value(const char *option, const char *text, struct error *err)
{
	return error_set(err, ERROR_USAGE, "--%s: \"%s\" is not a valid value",
			 option, text);
}

/* A decimal number; absent options leave `*ret` alone. */
static int parse_number(const char *option, const char *text, int64_t *ret,
			struct error *err)
{
	char *end;
	long long value;

	if (!text)
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return bad_value(option, text, err);
	*ret = value;
	return 0;
}

/* "512m": binary units, as docker's. */
int limit_parse_bytes(const char *option, const char *text, int64_t *ret,
		      struct error *err)
{
	static const char units[] = "bkmgt";
	long long value;
	const char *unit;
	unsigned shift = 0;
	char *end;

	if (!text)
		return 0;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text)
		return bad_value(option, text, err);
	if (*end) {
		unit = strchr(units, *end | 0x20);
		if (!unit || (end[1] && strcasecmp(end + 1, "b") != 0))
			return bad_value(option, text, err);
		shift = 10 * (unsigned)(unit - units);
	}
	if (value > (INT64_MAX >> shift) || value < -1)
		return bad_value(option, text, err);
	*ret = value < 0 ? value : value << shift;
	return 0;
}

static int parse_cpus(const char *text, struct sandbox_limits *limits,
		      struct error *err)
{
	double cpus;
	char *end;

	if (!text)
		return 0;
	cpus = strtod(text, &end);
	if (end == text || *end || !(cpus > 0 && cpus < 100000))
		return bad_value("cpus", text, err);
	limits->cpu_period_us = DEFAULT_PERIOD_US;
	limits->cpu_quota_us = (int64_t)(cpus * DEFAULT_PERIOD_US);
	return 0;
}

/* A duration, or a bare number, which is seconds. */
static int parse_time(const char *option, const char *text, int64_t *ret,
		      struct error *err)
{
	bool is_bare = text && !text[strspn(text, "0123456789")];
	char seconds[32];
	int64_t ns;

	if (!text)
		return 0;
	/* A number that is cut short here has no unit and is refused. */
	snprintf(seconds, sizeof(seconds), "%ss", text);
	if (duration_parse(is_bare ? seconds : text, &ns, err) < 0 ||
	    ns < NS_PER_MS)
		return error_set(err, ERROR_USAGE,
				 "--%s takes a duration like 90s or 1h30m, "
				 "not \"%s\"",
				 option, text);
	*ret = ns / NS_PER_MS;
	return 0;
}

static int parse_rlimit_value(const char *text, size_t len, uint64_t *ret)
{
	char number[24], *end;

	if (len == 2 && !strncmp(text, "-1", 2)) {
		*ret = RLIM_INFINITY;
		return 0;
	}
	if (!len || len >= sizeof(number) || *text == '-')
		return -1;
	memcpy(number, text, len);
	number[len] = '\0';
	errno = 0;
	*ret = strtoull(number, &end, 10);
	return errno || *end ? -1 : 0;
}

static int parse_ulimit(const char *text, struct sandbox_rlimit *ret,
			struct error *err)
{
	const char *value = strchr(text, '='), *colon;
	size_t i, len;

	if (!value)
		return bad_value("ulimit", text, err);
	len = (size_t)(value++ - text);
	for (i = 0; i < ARRAY_LEN(rlimit_names); i++)
		if (strlen(rlimit_names[i].name) == len &&
		    !strncmp(rlimit_names[i].name, text, len))
			break;
	if (i == ARRAY_LEN(rlimit_names))
		return bad_value("ulimit", text, err);
	ret->resource = rlimit_names[i].resource;
	colon = strchr(value, ':');
	len = colon ? (size_t)(colon - value) : strlen(value);
	if (parse_rlimit_value(value, len, &ret->soft) < 0)
		return bad_value("ulimit", text, err);
	ret->hard = ret->soft;
	if (colon &&
	    parse_rlimit_value(colon + 1, strlen(colon + 1), &ret->hard) < 0)
		return bad_value("ulimit", text, err);
	return ret->soft <= ret->hard ? 0 : bad_value("ulimit", text, err);
}

static int parse_ulimits(struct limit_options *o, struct solve_options *so,
			 struct error *err)
{
	size_t i;

	if (!o->ulimits.len)
		return 0;
	o->rlimits = calloc(o->ulimits.len, sizeof(*o->rlimits));
	if (!o->rlimits)
		return error_nomem(err, "reading --ulimit");
	for (i = 0; i < o->ulimits.len; i++)
		if (parse_ulimit(o->ulimits.items[i], &o->rlimits[i], err) < 0)
			return -1;
	so->rlimits = o->rlimits;
	so->n_rlimits = o->ulimits.len;
	return 0;
}

/* "/dev/sda:1mb", "/dev/sda:1000" */
static int parse_rate(const char *option, const char *text, bool is_bytes,
		      struct sandbox_device_rate *ret, struct error *err)
{
	const char *colon = strrchr(text, ':');
	autofree char *path = NULL;
	int64_t rate = 0;
	struct stat st;

	if (!colon || *text != '/')
		return bad_value(option, text, err);
	path = strndup(text, (size_t)(colon - text));
	if (!path)
		return error_nomem(err, "reading limits");
	if ((is_bytes ? limit_parse_bytes(option, colon + 1, &rate, err)
		      : parse_number(option, colon + 1, &rate, err)) < 0)
		return -1;
	if (rate <= 0)
		return bad_value(option, text, err);
	if (stat(path, &st) < 0)
		return error_sys(err, errno, "--%s: cannot find '%s'", option,
				 path);
	if (!S_ISBLK(st.st_mode))
		return error_set(err, ERROR_USAGE,
				 "--%s: '%s' is not a block device", option,
				 path);
	ret->device = st.st_rdev;
	ret->rate = (uint64_t)rate;
	return 0;
}

static int parse_rates(struct limit_options *o, struct sandbox_limits *l,
		       struct error *err)
{
	const struct {
		const char *option;
		const struct strv *values;
		enum sandbox_rate kind;
	} table[] = {
		{ "device-read-bps", &o->read_bps, SANDBOX_READ_BPS },
		{ "device-write-bps", &o->write_bps, SANDBOX_WRITE_BPS },
		{ "device-read-iops", &o->read_iops, SANDBOX_READ_IOPS },
		{ "device-write-iops", &o->write_iops, SANDBOX_WRITE_IOPS },
	};
	size_t n = 0, i, j;

	for (i = 0; i < ARRAY_LEN(table); i++)
		n += table[i].values->len;
	o->device_rates = calloc(n + 1, sizeof(*o->device_rates));
	if (!o->device_rates)
		return error_nomem(err, "reading limits");
	for (n = i = 0; i < ARRAY_LEN(table); i++)
		for (j = 0; j < table[i].values->len; j++, n++) {
			bool is_bytes = table[i].kind == SANDBOX_READ_BPS ||
					table[i].kind == SANDBOX_WRITE_BPS;

			o->device_rates[n].kind = table[i].kind;
			if (parse_rate(table[i].option,
				       table[i].values->items[j], is_bytes,
				       &o->device_rates[n], err) < 0)
				return -1;
		}
	l->device_rates = o->device_rates;
	l->n_device_rates = n;
	return 0;
}

static int parse_weight(const char *text, struct sandbox_limits *l,
			struct error *err)
{
	if (parse_number("blkio-weight", text, &l->blkio_weight, err) < 0)
		return -1;
	if (l->blkio_weight &&
	    (l->blkio_weight < WEIGHT_MIN || l->blkio_weight > WEIGHT_MAX))
		return bad_value("blkio-weight", text, err);
	return 0;
}

int limit_options_apply(struct limit_options *o, struct solve_options *so,
			struct error *err)
{
	struct sandbox_limits *l = &so->limits;
	int64_t shm = 0;

	if (limit_parse_bytes("memory", o->memory, &l->memory_bytes, err) < 0 ||
	    limit_parse_bytes("memory-swap", o->memory_swap,
			      &l->memory_swap_bytes, err) < 0 ||
	    limit_parse_bytes("shm-size", o->shm_size, &shm, err) < 0 ||
	    parse_number("cpu-shares", o->cpu_shares, &l->cpu_shares, err) <
		    0 ||
	    parse_number("cpu-period", o->cpu_period, &l->cpu_period_us, err) <
		    0 ||
	    parse_number("cpu-quota", o->cpu_quota, &l->cpu_quota_us, err) <
		    0 ||
	    parse_number("pids-limit", o->pids, &l->pids, err) < 0 ||
	    parse_cpus(o->cpus, l, err) < 0 ||
	    parse_weight(o->blkio_weight, l, err) < 0 ||
	    parse_rates(o, l, err) < 0 ||
	    parse_time("timeout", o->timeout, &o->timeout_ms, err) < 0 ||
	    parse_time("step-timeout", o->step_timeout, &so->step_timeout_ms,
		       err) < 0)
		return -1;
	if (shm < 0)
		return bad_value("shm-size", o->shm_size, err);
	so->shm_size_bytes = (uint64_t)shm;
	l->cpuset_cpus = o->cpuset_cpus;
	l->cgroup_parent = o->cgroup_parent;
	return parse_ulimits(o, so, err);
}
