#include "builder/copy_dest.h"

#include <string.h>

#include "builder/copy_entry.h"
#include "builder/link_path.h"
#include "store/base/array.h"
#include "store/base/path.h"

#define DIR_MODE 0755

/* Looking up fewer paths of a directory costs less than reading its names. */
#define LISTED_AFTER 16

static void dest_entry_free(struct dest_entry *e)
{
	if (!e)
		return;
	if (e->below) {
		tree_entry_release(&e->below->meta);
		strv_release(&e->below->names);
		free(e->below);
	}
	free(e->path);
	free(e);
}

void copy_dest_free(struct copy_dest *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->len; i++)
		dest_entry_free(d->entries[i]);
	free(d->entries);
	map_free(d->by_path);
	map_free(d->removed);
	free(d);
}

/* A new entry at `path`; owned by `d`. */
static struct dest_entry *add_entry(struct copy_dest *d, const char *path,
				    struct error *err)
{
	struct dest_entry **entries =
		array_room(d->entries, d->len, &d->capacity, sizeof(*entries));
	struct dest_entry *e;

	if (!entries) {
		error_nomem(err, "the files of a layer");
		return NULL;
	}
	d->entries = entries;
	e = calloc(1, sizeof(*e));
	if (!e || !(e->path = strdup(path)) ||
	    map_put(d->by_path, path, strlen(path), e) < 0) {
		dest_entry_free(e);
		error_nomem(err, "the files of a layer");
		return NULL;
	}
	e->bytes.fd = -1;
	d->entries[d->len++] = e;
	return e;
}

int dest_add_bare(struct copy_dest *d, const char *path,
		  const struct entry *meta, struct error *err)
{
	struct dest_entry *e = add_entry(d, path, err);

	if (!e)
		return -1;
	e->meta = *meta;
	e->meta.path = e->path;
	return 0;
}

int copy_dest_new(struct view *lower, struct copy_dest **ret, struct error *err)
{
	AUTO(copy_dest_free) struct copy_dest *d = calloc(1, sizeof(*d));
	struct dest_entry *root;

	if (!d || !(d->by_path = map_new(NULL)) ||
	    !(d->removed = map_new(NULL)))
		return error_nomem(err, "the files of a layer");
	d->lower = lower;

	/* The root itself is never written: no copy changes it. */
	root = add_entry(d, "", err);
	if (!root)
		return -1;
	root->meta.type = ENTRY_DIR;
	root->in_lower = lower != NULL;
	*ret = steal_pointer(&d);
	return 0;
}

static struct dest_entry *find_entry(const struct copy_dest *d,
				     const char *path, size_t len)
{
	return map_get(d->by_path, path, len);
}

static size_t parent_len(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static struct lower_dir *get_below(struct dest_entry *e, struct error *err)
{
	if (!e->below)
		e->below = calloc(1, sizeof(*e->below));
	if (!e->below)
		error_nomem(err, "the files of a layer");
	return e->below;
}

const struct strv *dest_entry_names(struct copy_dest *d, struct dest_entry *e,
				    struct error *err)
{
	struct lower_dir *below = get_below(e, err);

	if (!below)
		return NULL;
	if (!below->names_known &&
	    view_list(d->lower, e->path, &below->names, err) < 0)
		return NULL;
	below->names_known = true;
	return &below->names;
}

static int compare_name(const void *key, const void *item)
{
	return strcmp(key, *(char *const *)item);
}

/*
 * Can the root below have something at `path`? Directories placed anew have
 * nothing below them. Of others the names are read once, so that a big copy
 * does not look every file up, but a small one does: there may be many names,
 * and many layers that have them.
 */
static int lower_may_have(struct copy_dest *d, const char *path,
			  struct error *err)
{
	struct dest_entry *parent = find_entry(d, path, parent_len(path));
	struct lower_dir *below;
	const struct strv *names;

	if (!d->lower || map_get(d->removed, path, strlen(path)))
		return 0;
	if (!parent)
		return 1;
	if (!parent->in_lower)
		return 0;
	below = get_below(parent, err);
	if (!below)
		return -1;
	if (below->n_looked_up++ < LISTED_AFTER)
		return 1;
	names = dest_entry_names(d, parent, err);
	if (!names)
		return -1;
	return names->len && bsearch(path_base(path), names->items, names->len,
				     sizeof(char *), compare_name) != NULL;
}

/* What lies at `path`, links not followed. `lower` is set for files below. */
static int find_at(struct copy_dest *d, const char *path,
		   enum copy_found *found, struct view_node *lower,
		   struct error *err)
{
	const struct dest_entry *e = find_entry(d, path, strlen(path));
	enum entry_type type;
	int there;

	*found = COPY_ABSENT;
	if (e) {
		type = e->meta.type;
	} else {
		there = lower_may_have(d, path, err);
		if (there > 0)
			there = view_lookup(d->lower, path, false, lower, NULL,
					    err);
		if (there <= 0)
			return there;
		type = lower->meta.entry.type;
	}
	*found = type == ENTRY_DIR	 ? COPY_DIR
		 : type == ENTRY_SYMLINK ? COPY_SYMLINK
					 : COPY_OTHER;
	return 0;
}

/* What a file's links are followed by; what was found last. */
struct looking {
	struct copy_dest *dest;
	struct view_node lower;
};

static int look_at(void *ctx, const char *path, struct link_look *ret,
		   struct error *err)
{
	struct looking *l = ctx;
	const struct dest_entry *e = find_entry(l->dest, path, strlen(path));
	enum copy_found found;

	view_node_release(&l->lower);
	l->lower = (struct view_node){ 0 };
	if (find_at(l->dest, path, &found, &l->lower, err) < 0)
		return -1;
	ret->type = found == COPY_ABSENT    ? LOOK_ABSENT
		    : found == COPY_DIR	    ? LOOK_DIR
		    : found == COPY_SYMLINK ? LOOK_LINK
					    : LOOK_OTHER;
	ret->target = e ? e->meta.link : l->lower.meta.entry.link;
	/* Only links that came with the copy itself can be a trap. */
	ret->watched = e != NULL;
	return 0;
}

int copy_dest_resolve(struct copy_dest *d, const char *path, bool follow,
		      char **resolved, enum copy_found *found,
		      struct error *err)
{
	AUTO(view_node_release) struct view_node lower = { 0 };
	struct looking l = { .dest = d };
	autofree char *end = NULL;
	bool climbs = false;
	int done = link_path_resolve(path, follow, look_at, &l, &end, &climbs,
				     err);

	view_node_release(&l.lower);
	if (done < 0)
		return -1;
	if (climbs)
		return error_set(err, ERROR_REFUSED,
				 "'/%s' leads out of the root through a link",
				 path);
	*found = COPY_ABSENT;
	if (done && find_at(d, end, found, &lower, err) < 0)
		return -1;
	*resolved = steal_pointer(&end);
	return 0;
}

/* The policy's owner and mode, for files found and directories made. */
static void apply_policy(const struct copy_policy *policy, struct entry *meta)
{
	if (policy->chown) {
		meta->uid = policy->uid;
		meta->gid = policy->gid;
	}
	if (policy->chmod && meta->type != ENTRY_SYMLINK)
		meta->mode = chmod_apply(policy->chmod, meta->mode);
}

static struct dest_entry *make_new_dir(struct copy_dest *d, const char *path,
				       const struct copy_policy *policy,
				       struct error *err)
{
	struct dest_entry *e = add_entry(d, path, err);

	if (!e)
		return NULL;
	e->meta = (struct entry){
		.path = e->path,
		.type = ENTRY_DIR,
		.mode = DIR_MODE,
		.mtime = policy->now,
	};
	if (policy->chown) {
		e->meta.uid = policy->uid;
		e->meta.gid = policy->gid;
	}
	/* A symbolic mode speaks of files that are there already. */
	if (policy->chmod && policy->chmod->octal)
		e->meta.mode = policy->chmod->mode & 0777;
	e->opaque = map_get(d->removed, path, strlen(path)) != NULL;
	d->changed = true;
	return e;
}

/* Enter a directory of the root below; takes what `lower` holds. */
static struct dest_entry *enter_lower_dir(struct copy_dest *d, const char *path,
					  struct view_node *lower,
					  struct error *err)
{
	struct dest_entry *e = add_entry(d, path, err);
	struct lower_dir *below;

	if (!e)
		return NULL;
	below = get_below(e, err);
	if (!below)
		return NULL;
	below->meta = lower->meta;
	lower->meta = (struct tree_entry){ 0 };
	e->meta = below->meta.entry;
	e->meta.path = e->path;
	e->in_lower = true;
	return e;
}

static int not_a_directory(const char *path, struct error *err)
{
	return error_set(err, ERROR_DOCKERFILE,
			 "cannot copy to non-directory: /%s", path);
}

/* The directory `path` where no entry stands yet; its parent does. */
static struct dest_entry *new_dir(struct copy_dest *d, const char *path,
				  const struct copy_policy *policy,
				  struct error *err)
{
	AUTO(view_node_release) struct view_node lower = { 0 };
	enum copy_found found;

	if (find_at(d, path, &found, &lower, err) < 0)
		return NULL;
	if (found == COPY_DIR)
		return enter_lower_dir(d, path, &lower, err);
	if (found == COPY_ABSENT)
		return make_new_dir(d, path, policy, err);
	not_a_directory(path, err);
	return NULL;
}

static struct dest_entry *get_dir(struct copy_dest *d, const char *path,
				  const struct copy_policy *policy,
				  struct error *err)
{
	struct dest_entry *e = find_entry(d, path, strlen(path));
	autofree char *parent = NULL;

	if (e && e->meta.type == ENTRY_DIR)
		return e;
	if (e) {
		not_a_directory(path, err);
		return NULL;
	}
	parent = strndup(path, parent_len(path));
	if (!parent) {
		error_nomem(err, "a path");
		return NULL;
	}
	if (!get_dir(d, parent, policy, err))
		return NULL;
	return new_dir(d, path, policy, err);
}

int copy_dest_make_dir(struct copy_dest *d, const char *path,
		       const struct copy_policy *policy, struct error *err)
{
	return get_dir(d, path, policy, err) ? 0 : -1;
}

void copy_dest_set_time(struct copy_dest *d, const char *path,
			struct timespec mtime)
{
	struct dest_entry *e = find_entry(d, path, strlen(path));

	if (!e)
		return;
	e->meta.mtime = mtime;
	d->changed = true;
}

/* Take away what was placed at and below `path`, and hide what lies below. */
static int drop_at(struct copy_dest *d, const char *path, struct error *err)
{
	AUTO(view_node_release) struct view_node lower = { 0 };
	struct dest_entry *e = find_entry(d, path, strlen(path));
	enum copy_found found;

	if (e && e->meta.type == ENTRY_DIR)
		for (size_t i = 0; i < d->len; i++) {
			struct dest_entry *at = d->entries[i];

			if (at->dropped || !path_is_below(at->path, path))
				continue;
			at->dropped = true;
			map_remove(d->by_path, at->path, strlen(at->path));
		}
	if (e && !e->dropped) {
		e->dropped = true;
		map_remove(d->by_path, path, strlen(path));
	}
	if (find_at(d, path, &found, &lower, err) < 0)
		return -1;
	if (found == COPY_DIR && map_put(d->removed, path, strlen(path), d) < 0)
		return error_nomem(err, "the files of a layer");
	return 0;
}

/* Is something in the way of a `meta` at `path`? */
static int check_conflict(struct copy_dest *d, const char *path,
			  const struct entry *meta, enum copy_found found,
			  bool replace, struct error *err)
{
	bool is_dir = meta->type == ENTRY_DIR;

	if (found == COPY_ABSENT || (found == COPY_DIR) == is_dir)
		return 0;
	if (replace)
		return drop_at(d, path, err);
	if (is_dir)
		return not_a_directory(path, err);
	return error_set(err, ERROR_DOCKERFILE,
			 "cannot replace to directory /%s with file", path);
}

int copy_dest_put(struct copy_dest *d, const char *path,
		  const struct entry *meta, const struct copy_bytes *bytes,
		  const struct copy_policy *policy, struct error *err)
{
	AUTO(view_node_release) struct view_node lower = { 0 };
	autofree char *parent = strndup(path, parent_len(path));
	struct dest_entry *e;
	enum copy_found found;
	bool merges;

	if (!parent)
		return error_nomem(err, "a path");
	if (!get_dir(d, parent, policy, err) ||
	    find_at(d, path, &found, &lower, err) < 0 ||
	    check_conflict(d, path, meta, found, policy->replace, err) < 0)
		return -1;
	e = find_entry(d, path, strlen(path));
	merges = !e && found == COPY_DIR && meta->type == ENTRY_DIR;
	if (!e)
		e = add_entry(d, path, err);
	if (!e)
		return -1;
	e->in_lower = e->in_lower || merges;
	e->opaque = !e->in_lower && meta->type == ENTRY_DIR &&
		    map_get(d->removed, path, strlen(path));
	e->meta = *meta;
	e->meta.path = e->path;
	if (bytes)
		e->bytes = *bytes;
	d->changed = true;
	apply_policy(policy, &e->meta);
	return 0;
}

int copy_dest_link(struct copy_dest *d, const char *path, const char *to,
		   const struct copy_policy *policy, struct error *err)
{
	struct dest_entry *first = find_entry(d, to, strlen(to));
	struct copy_bytes bytes;
	struct entry meta;

	if (!first || first->meta.type == ENTRY_DIR)
		return 0;
	/* Entries that have no group yet get one of their own. */
	if (!first->bytes.group[0]) {
		first->bytes.group[0] = UINT64_MAX;
		first->bytes.group[1] = (uint64_t)(uintptr_t)first;
	}
	bytes = first->bytes;
	meta = first->meta;
	return copy_dest_put(d, path, &meta, &bytes, policy, err) < 0 ? -1 : 1;
}
