#include "builder/sandbox/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "builder/sandbox/cgroup_limit.h"
#include "builder/sandbox/cgroup_place.h"
#include "store/base/buf.h"
#include "store/base/io.h"

#define NAME_PREFIX  "shale-"
#define SMALL_FILE   65536
#define REMOVE_TRIES 200
#define REMOVE_PAUSE 1000000 /* ns */

struct cgroup {
	struct cgroup_part parts[CGROUP_CONTROLLERS];
	size_t n;
};

bool cgroup_is_needed(const struct sandbox_limits *limits)
{
	return cgroup_limits_wanted(limits) || limits->cgroup_parent;
}

int cgroup_write(int dir, const char *file, const char *text)
{
	autoclose int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	return 0;
}

char *cgroup_read(int dir, const char *file)
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
	autofree char *text = cgroup_read(dir, file);

	return text ? strtoll(text, NULL, 10) : 0;
}

/* The number behind `key` in a file of "KEY NUMBER" lines. */
static int64_t read_keyed(int dir, const char *file, const char *key)
{
	autofree char *text = cgroup_read(dir, file);
	char *rest = text;

	for (char *line; rest && (line = strsep(&rest, "\n"));) {
		size_t len = strlen(key);

		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoll(line + len, NULL, 10);
	}
	return 0;
}

/* The same directory still? A sweeper may have been faster than our lock. */
static bool is_current(int dir, const char *path)
{
	struct stat ours, there;

	return fstat(dir, &ours) == 0 && stat(path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static int make_dir(struct cgroup_part *p, struct error *err)
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
static int enable(const struct cgroup_part *p, const char *name,
		  struct error *err)
{
	autoclose int dir = open(p->parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[32];

	snprintf(text, sizeof(text), "+%s", name);
	if (dir >= 0 && cgroup_write(dir, "cgroup.subtree_control", text) == 0)
		return 0;
	return error_sys(err, errno,
			 "cannot enable the controller for groups in '%s'",
			 p->parent);
}

static struct cgroup_part *part_for(struct cgroup *g,
				    const struct cgroup_place *place,
				    const char *name, struct error *err)
{
	struct cgroup_part *p = NULL;

	for (size_t i = 0; i < g->n; i++)
		if (!strcmp(g->parts[i].parent, place->path))
			return &g->parts[i];
	p = &g->parts[g->n++];
	*p = (struct cgroup_part){ .dir = -1,
				   .procs = -1,
				   .is_v2 = place->is_v2 };
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
	const char *controller = cgroup_controller_name(which, true);
	struct cgroup_part *p;

	if (!place->path)
		return error_set(err, ERROR_REFUSED, "%s", place->missing);
	p = part_for(g, place, name, err);
	if (!p || (p->is_v2 && enable(p, controller, err) < 0))
		return -1;
	p->controllers |= 1U << which;
	if (!(cgroup_limits_wanted(limits) & 1U << which))
		return 0;
	return cgroup_limit(p, which, limits, err);
}

/* A parent's own limits count, also where nothing else is limited. */
static unsigned controllers_to_join(const struct sandbox_limits *l,
				    const struct cgroup_places *places)
{
	unsigned joined = cgroup_limits_wanted(l);

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
			return error_wrap(
				err, "no control group for %s",
				cgroup_controller_name(
					(enum cgroup_controller)i, true));
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
		const struct cgroup_part *p = &g->parts[i];
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
		struct cgroup_part *p = &g->parts[i];

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

		/* Users are seldom given the last one, and seldom want it. */
		works = works && (state[0] == 'v' || i == CGROUP_IO);
		used += (size_t)snprintf(
			why + used, size - used, "%s%s: %s", i ? ", " : "",
			cgroup_controller_name((enum cgroup_controller)i, true),
			state);
		if (used >= size)
			break;
	}
	return works;
}
