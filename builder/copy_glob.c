#include "builder/copy_glob.h"

#include <string.h>

#include "parser/ignore.h"
#include "store/base/array.h"
#include "store/base/path.h"

void copy_matches_release(struct copy_matches *m)
{
	for (size_t i = 0; i < m->len; i++) {
		free(m->items[i].path);
		file_node_free(m->items[i].node);
	}
	free(m->items);
	*m = (struct copy_matches){ 0 };
}

struct globbing {
	struct file_root *root;
	struct copy_matches *matches;
	struct strv parts; /* the pattern's components */
	bool parents;
	size_t pivot_len;
};

static bool is_double_star(const struct globbing *g, const char *part)
{
	return g->parents && strcmp(part, "**") == 0;
}

/* Takes `node`, also on failure. */
static int add_path(struct globbing *g, const char *path,
		    struct file_node *node, struct error *err)
{
	AUTO(file_node_free) struct file_node *owned = node;
	struct copy_matches *m = g->matches;
	struct copy_match *items =
		array_room(m->items, m->len, &m->capacity, sizeof(*items));
	char *copy;

	if (!items)
		return error_nomem(err, "the matches of a pattern");
	m->items = items;
	copy = strdup(path);
	if (!copy)
		return error_nomem(err, "the matches of a pattern");
	m->items[m->len++] = (struct copy_match){
		.path = copy,
		.pivot_len = g->pivot_len,
		.node = steal_pointer(&owned),
	};
	return 0;
}

static char *join(const char *dir, const char *name)
{
	struct buf path = BUF_INIT;

	buf_append_str(&path, dir);
	if (*dir)
		buf_append_char(&path, '/');
	buf_append_str(&path, name);
	return buf_steal(&path);
}

/* A directory on the way: as matched, and with its links resolved. */
struct place {
	const char *path;
	const char *resolved;
};

static int expand(struct globbing *g, struct place dir, size_t part,
		  struct error *err);

/* Was `node` reached by following a link `name` in `dir`? */
static int behind_link(const struct place *dir, const char *name,
		       const struct file_node *node)
{
	autofree char *direct = join(dir->resolved, name);

	return direct ? strcmp(direct, node->meta.path) != 0 : -1;
}

/*
 * A name that a pattern matched and that leads to nothing. One that is hidden
 * does not exist; a link that leads nowhere is missed as it would be by name.
 * "**" matches the directory it is in as well, and that is copied with it.
 */
static int match_missing(struct globbing *g, const char *path,
			 const char *pattern, struct error *err)
{
	if (is_double_star(g, pattern) || file_root_hides(g->root, path))
		return 0;
	return file_root_missing(g->root, path, err);
}

/*
 * Go on with `name` in `dir`: `next` is the component that must match below
 * it. Patterns do not look behind links (`matched`), plain names do; the last
 * component may be a link in any case.
 */
static int expand_name(struct globbing *g, struct place dir, const char *name,
		       size_t next, bool matched, struct error *err)
{
	AUTO(file_node_free) struct file_node *node = NULL;
	autofree char *path = join(dir.path, name);
	int found;

	if (!path)
		return error_nomem(err, "the matches of a pattern");
	found = file_root_lookup(g->root, path, &node, err);
	if (found == 0 && matched && next == g->parts.len)
		return match_missing(g, path, g->parts.items[next - 1], err);
	if (found <= 0)
		return found;
	if (next == g->parts.len)
		return add_path(g, path, steal_pointer(&node), err);
	if (node->meta.type != ENTRY_DIR)
		return 0;
	if (matched) {
		int link = behind_link(&dir, name, node);

		if (link)
			return link < 0 ? error_nomem(err, "a path") : 0;
	}
	return expand(g, (struct place){ path, node->meta.path }, next, err);
}

/* Try the pattern `part` on every name in `dir`. */
static int expand_names(struct globbing *g, struct place dir, size_t part,
			struct error *err)
{
	const char *pattern = g->parts.items[part];
	bool any = is_double_star(g, pattern);
	bool last = part + 1 == g->parts.len;
	AUTO(strv_release) struct strv names = STRV_INIT;

	if (file_root_list(g->root, dir.resolved, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		int fits = any ? 1 : glob_match(pattern, names.items[i]);

		if (fits < 0)
			return error_set(err, ERROR_DOCKERFILE,
					 "syntax error in pattern: \"%s\"",
					 pattern);
		/* "**" stays in force in the directories below. */
		if (fits &&
		    expand_name(g, dir, names.items[i],
				any && !last ? part : part + 1, true, err) < 0)
			return -1;
	}
	return 0;
}

/* Match the components from `part` on in the directory `dir`. */
static int expand(struct globbing *g, struct place dir, size_t part,
		  struct error *err)
{
	const char *pattern = g->parts.items[part];
	bool any = is_double_star(g, pattern);

	if (!any && !glob_has_magic(pattern))
		return expand_name(g, dir, pattern, part + 1, false, err);
	if (any && part + 1 < g->parts.len && expand(g, dir, part + 1, err) < 0)
		return -1;
	return expand_names(g, dir, part, err);
}

static int compare_matches(const void *a, const void *b)
{
	return strcmp(((const struct copy_match *)a)->path,
		      ((const struct copy_match *)b)->path);
}

/* In byte order; a path found in two ways ("**") counts once. */
static void sort_matches(struct copy_matches *m, size_t first)
{
	size_t kept = first;

	qsort(m->items + first, m->len - first, sizeof(*m->items),
	      compare_matches);
	for (size_t i = first; i < m->len; i++) {
		if (kept > first &&
		    strcmp(m->items[kept - 1].path, m->items[i].path) == 0) {
			free(m->items[i].path);
			file_node_free(m->items[i].node);
			continue;
		}
		m->items[kept++] = m->items[i];
	}
	m->len = kept;
}

static void split(const char *path, struct strv *parts)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len)
			strv_append_len(parts, path, len);
		path += len + (path[len] == '/');
	}
}

/*
 * The cleaned path of a word; with --parents `*pivot_len` is the length of
 * what stands before the first "/./", its slash included.
 */
static char *clean_word(const char *word, bool parents, size_t *pivot_len)
{
	const char *pivot = parents ? strstr(word, "/./") : NULL;
	autofree char *before = NULL;
	autofree char *after = NULL;

	*pivot_len = 0;
	if (!pivot)
		return path_clean_rooted(word);
	before = strndup(word, (size_t)(pivot - word));
	after = path_clean_rooted(pivot + 3);
	if (before) {
		char *clean = path_clean_rooted(before);

		free(before);
		before = clean;
	}
	if (!before || !after)
		return NULL;
	if (*before && *after)
		*pivot_len = strlen(before) + 1;
	else
		*pivot_len = strlen(before);
	return *after ? join(before, after) : strdup(before);
}

/* A word without patterns: it must be there. */
static int add_plain(struct globbing *g, const char *path, struct error *err)
{
	AUTO(file_node_free) struct file_node *node = NULL;
	int found = file_root_lookup(g->root, path, &node, err);

	if (found < 0)
		return -1;
	if (found == 0)
		return file_root_missing(g->root, path, err);
	return add_path(g, path, steal_pointer(&node), err);
}

int copy_glob(struct file_root *root, const char *word, bool parents,
	      struct copy_matches *ret, struct error *err)
{
	struct globbing g = {
		.root = root,
		.matches = ret,
		.parents = parents,
	};
	autofree char *path = clean_word(word, parents, &g.pivot_len);
	size_t first = ret->len;
	int done;

	if (!path)
		return error_nomem(err, "a source path");
	if (!glob_has_magic(path))
		return add_plain(&g, path, err);
	split(path, &g.parts);
	done = strv_check(&g.parts, "a source path", err);
	if (done == 0 && g.parts.len > 0)
		done = expand(&g, (struct place){ "", "" }, 0, err);
	strv_release(&g.parts);
	if (done < 0)
		return -1;
	if (ret->len > first)
		sort_matches(ret, first);
	return 0;
}
