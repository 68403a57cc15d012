#include "builder/sandbox/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "builder/sandbox/cgroup_place.h"
#include "store/base/buf.h"
#include "store/base/io.h"

#define NAME_PREFIX   "shale-"
#define SMALL_FILE    65536
#define REMOVE_TRIES  200
#define REMOVE_PAUSE  1000000 /* ns */
#define SHARES_MIN    2
#define SHARES_RANGE  262142
#define WEIGHTS_RANGE 9999

struct part {
	char *parent;
	char *path;
	int dir; /* holds the lock */
	int procs;
	bool is_v2;
	unsigned controllers; /* bits by enum cgroup_controller */
};

struct cgroup {
	struct part parts[CGROUP_CONTROLLERS];
	size_t n;
};

static unsigned wanted_controllers(const struct sandbox_limits *l)
{
	unsigned wanted = 0;

	if (l->memory_bytes || l->memory_swap_bytes)
		wanted |= 1U << CGROUP_MEMORY;
	if (l->cpu_quota_us || l->cpu_period_us || l->cpu_shares)
		wanted |= 1U << CGROUP_CPU;
	if (l->cpuset_cpus)
		wanted |= 1U << CGROUP_CPUSET;
	if (l->pids)
		wanted |= 1U << CGROUP_PIDS;
	return wanted;
}

bool cgroup_is_needed(const struct sandbox_limits *limits)
{
	return wanted_controllers(limits) || limits->cgroup_parent;
}

static int write_text(int dir, const char *file, const char *text)
{
	autoclose int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	return 0;
}

static char *read_small(int dir, const char *file)
{
	struct error ignored = ERROR_INIT;
	AUTO(buf_release) struct buf text = BUF_INIT;
	autoclose int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || io_read_all(fd, SMALL_FILE, file, &text, &ignored) < 0)
		return NULL;
	return buf_steal(&text);
}

static int64_t read_number(int dir, const char *file)
{
	autofree char *text = read_small(dir, file);

	return text ? strtoll(text, NULL, 10) : 0;
}

/* The number behind `key` in a file of "KEY NUMBER" lines. */
static int64_t read_keyed(int dir, const char *file, const char *key)
{
	autofree char *text = read_small(dir, file);
	char *rest = text;

	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		size_t len = strlen(key);

		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoll(line + len, NULL, 10);
	}
	return 0;
}

/* A setting; `is_optional`: its absence is the kernel's way to say no. */
static int set(const struct part *p, const char *file, const char *text,
	       bool is_optional, struct error *err)
{
	if (write_text(p->dir, file, text) == 0 ||
	    (is_optional && errno == ENOENT))
		return 0;
	return error_sys(err, errno, "cannot set %s to '%s' in '%s'", file,
			 text, p->path);
}

static int set_number(const struct part *p, const char *file, int64_t value,
		      bool is_optional, struct error *err)
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
static int limit_memory(const struct part *p, const struct sandbox_limits *l,
			struct error *err)
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

static int limit_cpu_v1(const struct part *p, const struct sandbox_limits *l,
			struct error *err)
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

static int limit_cpu(const struct part *p, const struct sandbox_limits *l,
		     struct error *err)
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
static int inherit_nodes(const struct part *p, struct error *err)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	autofree char *nodes = NULL;

	buf_printf(&path, "%s/cpuset.mems", p->parent);
	if (buf_check(&path, "a path", err) < 0)
		return -1;
	nodes = read_small(AT_FDCWD, path.data);
	return set(p, "cpuset.mems", nodes ? nodes : "0", false, err);
}

static int limit_cpuset(const struct part *p, const struct sandbox_limits *l,
			struct error *err)
{
	if (!p->is_v2 && inherit_nodes(p, err) < 0)
		return -1;
	return set(p, "cpuset.cpus", l->cpuset_cpus, false, err);
}

static int limit_pids(const struct part *p, const struct sandbox_limits *l,
		      struct error *err)
{
	char text[32] = "max";

	if (l->pids > 0)
		snprintf(text, sizeof(text), "%lld", (long long)l->pids);
	return set(p, "pids.max", text, false, err);
}

static int (*const limiters[CGROUP_CONTROLLERS])(const struct part *,
						 const struct sandbox_limits *,
						 struct error *) = {
	[CGROUP_MEMORY] = limit_memory,
	[CGROUP_CPU] = limit_cpu,
	[CGROUP_CPUSET] = limit_cpuset,
	[CGROUP_PIDS] = limit_pids,
};

/* The same directory still? A sweeper may have been faster than our lock. */
static bool is_current(int dir, const char *path)
{
	struct stat ours, there;

	return fstat(dir, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static int make_dir(struct part *p, struct error *err)
{
	static const char remedy[] =
		"limits need control groups that this user may change; with "
		"systemd, 'systemd-run --user --scope shale ...' gives them, "
		"and --cgroup-parent names others";

	for (int tries = 0; tries < REMOVE_TRIES; tries++) {
		if (mkdir(p->path, 0755) < 0 && errno != EEXIST) {
			error_sys(err, errno, "cannot make '%s'", p->path);
			return errno == ENOENT ? -1 : error_wrap(err, remedy);
		}
		p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (p->dir >= 0 && flock(p->dir, LOCK_EX | LOCK_NB) == 0 &&
		    is_current(p->dir, p->path))
			return 0;
		if (p->dir >= 0)
			close(steal_fd(&p->dir));
	}
	return error_set(err, ERROR_SYSTEM, "cannot lock '%s'", p->path);
}

/* v2: let children of the parent have this controller. */
static int enable(const struct part *p, const char *name, struct error *err)
{
	autoclose int dir = open(p->parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[32];

	snprintf(text, sizeof(text), "+%s", name);
	if (dir >= 0 && write_text(dir, "cgroup.subtree_control", text) == 0)
		return 0;
	return error_sys(err, errno,
			 "cannot enable the controller for groups in '%s'",
			 p->parent);
}

static struct part *part_for(struct cgroup *g, const struct cgroup_place *place,
			     const char *name, struct error *err)
{
	struct part *p = NULL;

	for (size_t i = 0; i < g->n; i++)
		if (!strcmp(g->parts[i].parent, place->path))
			return &g->parts[i];
	p = &g->parts[g->n++];
	*p = (struct part){ .dir = -1, .procs = -1, .is_v2 = place->is_v2 };
	p->parent = strdup(place->path);
	if (!p->parent || asprintf(&p->path, "%s/%s", place->path, name) < 0) {
		p->path = NULL;
		error_nomem(err, "a control group");
		return NULL;
	}
	if (make_dir(p, err) < 0)
		return NULL;
	p->procs = openat(p->dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (p->procs < 0) {
		error_sys(err, errno, "cannot put processes into '%s'",
			  p->path);
		return NULL;
	}
	return p;
}

static int add(struct cgroup *g, enum cgroup_controller which,
	       const struct cgroup_place *place, const char *name,
	       const struct sandbox_limits *limits, struct error *err)
{
	const char *controller = cgroup_controller_names[which];
	struct part *p;

	if (!place->path)
		return error_set(err, ERROR_REFUSED, "%s", place->missing);
	p = part_for(g, place, name, err);
	if (!p || (p->is_v2 && enable(p, controller, err) < 0))
		return -1;
	p->controllers |= 1U << which;
	if (!(wanted_controllers(limits) & 1U << which))
		return 0;
	return limiters[which](p, limits, err);
}

/* A parent's own limits count, also where nothing else is limited. */
static unsigned controllers_to_join(const struct sandbox_limits *l,
				    const struct cgroup_places *places)
{
	unsigned joined = wanted_controllers(l);

	for (size_t i = 0; l->cgroup_parent && i < CGROUP_CONTROLLERS; i++)
		if (i != CGROUP_CPUSET && places->of[i].path)
			joined |= 1U << i;
	return joined;
}

int cgroup_make(const struct sandbox_limits *limits, struct cgroup **ret,
		struct error *err)
{
	AUTO(cgroup_places_release) struct cgroup_places places = { 0 };
	AUTO(cgroup_free) struct cgroup *g = calloc(1, sizeof(*g));
	struct timespec now;
	unsigned wanted;
	char name[80];

	if (!g)
		return error_nomem(err, "a control group");
	if (cgroup_places_find(limits->cgroup_parent, &places, err) < 0)
		return -1;
	wanted = controllers_to_join(limits, &places);
	/* Process numbers repeat in other namespaces; times hardly do. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(name, sizeof(name), NAME_PREFIX "%d-%llx", getpid(),
		 (unsigned long long)now.tv_sec * 1000000000ULL +
			 (unsigned long long)now.tv_nsec);
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		if (wanted & 1U << i &&
		    add(g, (enum cgroup_controller)i, &places.of[i], name,
			limits, err) < 0)
			return error_wrap(err, "no control group for %s",
					  cgroup_controller_names[i]);
	*ret = steal_pointer(&g);
	return 0;
}

int cgroup_join(const struct cgroup *g, struct error *err)
{
	for (size_t i = 0; i < g->n; i++)
		if (write(g->parts[i].procs, "0", 1) < 0)
			return error_sys(err, errno,
					 "cannot enter the control group '%s'",
					 g->parts[i].path);
	return 0;
}

void cgroup_usage(const struct cgroup *g, struct sandbox_result *result)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct part *p = &g->parts[i];
		int64_t peak;

		if (!(p->controllers & 1U << CGROUP_MEMORY))
			continue;
		peak = read_number(p->dir,
				   p->is_v2 ? "memory.peak"
					    : "memory.max_usage_in_bytes");
		if (peak > 0)
			result->peak_memory_bytes = (uint64_t)peak;
		result->out_of_memory =
			read_keyed(p->dir,
				   p->is_v2 ? "memory.events"
					    : "memory.oom_control",
				   "oom_kill") > 0;
	}
}

/* The last process may take a moment to leave after it was reaped. */
static void remove_group(const char *path)
{
	const struct timespec pause = { .tv_nsec = REMOVE_PAUSE };

	for (int tries = 0; tries < REMOVE_TRIES; tries++) {
		if (rmdir(path) == 0 || errno != EBUSY)
			return;
		nanosleep(&pause, NULL);
	}
}

void cgroup_free(struct cgroup *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++) {
		struct part *p = &g->parts[i];

		if (p->procs >= 0)
			close(p->procs);
		if (p->dir >= 0) {
			remove_group(p->path);
			close(p->dir);
		}
		free(p->parent);
		free(p->path);
	}
	free(g);
}

/* Nobody is left in it: containers die with their builder. */
static void sweep_one(int parent, const char *name)
{
	autoclose int dir = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0)
		unlinkat(parent, name, AT_REMOVEDIR);
}

static void sweep_dir(const char *path)
{
	autodir DIR *dir = opendir(path);

	for (struct dirent *d; dir && (d = readdir(dir));)
		if (!strncmp(d->d_name, NAME_PREFIX, strlen(NAME_PREFIX)))
			sweep_one(dirfd(dir), d->d_name);
}

void cgroup_sweep(const char *parent)
{
	AUTO(cgroup_places_release) struct cgroup_places places = { 0 };
	struct error ignored = ERROR_INIT;

	if (cgroup_places_find(parent, &places, &ignored) < 0)
		return;
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		if (places.of[i].path)
			sweep_dir(places.of[i].path);
}

bool cgroup_available(char *why, size_t size)
{
	AUTO(cgroup_places_release) struct cgroup_places places = { 0 };
	struct error err = ERROR_INIT;
	size_t used = 0;
	bool works = true;

	if (cgroup_places_find(NULL, &places, &err) < 0) {
		error_message(&err, why, size);
		return false;
	}
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		const struct cgroup_place *place = &places.of[i];
		const char *state = !place->path ? place->missing
				    : access(place->path, W_OK) < 0
					    ? "not this user's to change"
				    : place->is_v2 ? "v2"
						   : "v1";

		works = works && state[0] == 'v';
		used += (size_t)snprintf(why + used, size - used, "%s%s: %s",
					 i ? ", " : "",
					 cgroup_controller_names[i], state);
		if (used >= size)
			break;
	}
	return works;
}
