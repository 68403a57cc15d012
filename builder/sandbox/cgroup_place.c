#include "builder/sandbox/cgroup_place.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/io.h"
#include "store/base/strv.h"

#define PROC_FILE_MAX (1U << 22)

const char *cgroup_controller_name(enum cgroup_controller which, bool is_v2)
{
	static const char *const names[CGROUP_CONTROLLERS] = {
		[CGROUP_MEMORY] = "memory", [CGROUP_CPU] = "cpu",
		[CGROUP_CPUSET] = "cpuset", [CGROUP_PIDS] = "pids",
		[CGROUP_IO] = "io",
	};

	return which == CGROUP_IO && !is_v2 ? "blkio" : names[which];
}

void cgroup_places_release(struct cgroup_places *p)
{
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		free(p->of[i].path);
	*p = (struct cgroup_places){ 0 };
}

/* Is `word` one of the words in `list`? */
static bool has_word(const char *list, const char *separators, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, separators);

		if (n == len && !strncmp(list, word, len))
			return true;
		list += n;
		list += strspn(list, separators);
	}
	return false;
}

/* The rest of `path` below `root`, or NULL when it lies elsewhere. */
static const char *below(const char *path, const char *root)
{
	size_t len = strlen(root);

	if (!strcmp(root, "/"))
		return path;
	if (strncmp(path, root, len) || (path[len] && path[len] != '/'))
		return NULL;
	return path + len;
}

/*
 * Our group in one hierarchy: lines are "ID:CONTROLLERS:PATH", v2's has no
 * controllers. Cuts `text` into pieces; NULL when there is no such line.
 */
static char *own_path(char *text, const char *controller)
{
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n"));) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		if (controller ? has_word(list + 1, ",", controller) : !list[1])
			return path;
	}
	return NULL;
}

static char *read_text(const char *path, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		error_sys(err, errno, "cannot open '%s'", path);
		return NULL;
	}
	if (io_read_all(fd, PROC_FILE_MAX, path, &text, err) < 0)
		return NULL;
	return buf_steal_checked(&text, path, err);
}

/* One line of mountinfo that is about control groups. */
struct hierarchy {
	const char *root;    /* of the hierarchy, shown at */
	const char *point;   /* where it is mounted */
	const char *options; /* v1: its controllers are among them */
	bool is_v2;
};

/* Cuts `line` into fields; false when it is about something else. */
static bool parse_mount(char *line, struct hierarchy *h)
{
	const char *fields[6] = { NULL };
	char *rest = strstr(line, " - ");
	const char *type;

	if (!rest)
		return false;
	*rest = '\0';
	rest += 3;
	type = strsep(&rest, " ");
	if (strcmp(type, "cgroup") != 0 && strcmp(type, "cgroup2") != 0)
		return false;
	h->is_v2 = type[6] == '2';
	strsep(&rest, " "); /* the source */
	h->options = rest ? rest : "";
	for (size_t i = 0; i < ARRAY_LEN(fields) && line; i++)
		fields[i] = strsep(&line, " ");
	h->root = fields[3];
	h->point = fields[4];
	return h->point != NULL;
}

static bool lists_controller(const char *dir, const char *file,
			     const char *name)
{
	struct error ignored = ERROR_INIT;
	AUTO(buf_release) struct buf path = BUF_INIT;
	autofree char *text = NULL;

	buf_printf(&path, "%s/%s", dir, file);
	if (path.failed)
		return false;
	text = read_text(path.data, &ignored);
	return text && has_word(text, " \n", name);
}

/* Cut the last component off; false at the hierarchy's root. */
static bool go_up(char *path, const char *point)
{
	char *slash = strrchr(path, '/');

	if (!slash || (size_t)(slash - path) < strlen(point))
		return false;
	*slash = '\0';
	return true;
}

/*
 * On v2 only the true root may hold processes beside groups with limits. Only
 * it has no cgroup.type.
 */
static bool is_true_root(const char *dir)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/cgroup.type", dir);
	return !path.failed && access(path.data, F_OK) < 0;
}

/* `ours`: our group there, "/..." from the hierarchy's root, or the parent. */
static void consider(struct cgroup_place *place, const char *name,
		     const struct hierarchy *h, const char *ours, bool is_given)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	const char *rest = is_given ? ours : below(ours, h->root);

	if (place->path || (!h->is_v2 && !has_word(h->options, ",", name)))
		return;
	if (!rest || strstr(rest, "/..")) {
		snprintf(place->missing, sizeof(place->missing),
			 "our control group is not below '%.100s'", h->point);
		return;
	}
	buf_append_str(&path, h->point);
	if (strcmp(rest, "/") != 0)
		buf_append_str(&path, rest);
	if (path.failed)
		return;
	place->is_v2 = h->is_v2;
	if (h->is_v2 && !is_given && !is_true_root(path.data) &&
	    !go_up(path.data, h->point)) {
		snprintf(place->missing, sizeof(place->missing),
			 "the only control group visible here holds processes, "
			 "so it can have none with limits below it");
		return;
	}
	if (h->is_v2 &&
	    !lists_controller(path.data, "cgroup.controllers", name)) {
		snprintf(place->missing, sizeof(place->missing),
			 "the controller is not delegated to '%.90s'",
			 path.data);
		return;
	}
	place->path = buf_steal(&path);
}

static int consider_all(const struct hierarchy *h, const char *groups,
			const char *parent, struct cgroup_places *ret,
			struct error *err)
{
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++) {
		const char *name = cgroup_controller_name(
			(enum cgroup_controller)i, h->is_v2);
		autofree char *text = strdup(groups);
		const char *ours;

		if (!text)
			return error_nomem(err, "control groups");
		ours = parent ? parent : own_path(text, h->is_v2 ? NULL : name);
		if (ours)
			consider(&ret->of[i], name, h, ours, parent);
	}
	return 0;
}

static int check_parent(const char *parent, struct error *err)
{
	if (!parent || (parent[0] == '/' && !strstr(parent, "/..")))
		return 0;
	return error_set(err, ERROR_USAGE,
			 "--cgroup-parent: '%s' is not a path from the root of "
			 "the control groups, \"/NAME/NAME\"",
			 parent);
}

int cgroup_places_find(const char *parent, struct cgroup_places *ret,
		       struct error *err)
{
	AUTO(cgroup_places_release) struct cgroup_places found = { 0 };
	autofree char *groups = NULL;
	autofree char *mounts = NULL;
	char *rest;

	if (check_parent(parent, err) < 0)
		return -1;
	groups = read_text("/proc/self/cgroup", err);
	mounts = groups ? read_text("/proc/self/mountinfo", err) : NULL;
	if (!mounts)
		return -1;
	for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
		snprintf(found.of[i].missing, sizeof(found.of[i].missing),
			 "no control group file system with it is mounted");
	rest = mounts;
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct hierarchy h;

		if (parse_mount(line, &h) &&
		    consider_all(&h, groups, parent, &found, err) < 0)
			return -1;
	}
	*ret = found;
	found = (struct cgroup_places){ 0 };
	return 0;
}
