#include "builder/copy_source.h"

#include <string.h>

#include "builder/copy_glob.h"
#include "parser/ignore.h"
#include "store/base/array.h"
#include "store/base/path.h"

static void copy_source_release(struct copy_source *s)
{
	free(s->name);
	free(s->below);
	file_node_free(s->top);
	file_nodes_release(&s->contents);
	for (size_t i = 0; i < s->n_parents; i++) {
		free(s->parents[i].path);
		file_node_free(s->parents[i].node);
	}
	free(s->parents);
	*s = (struct copy_source){ 0 };
}
DEFINE_RELEASE(struct copy_source, copy_source_release);

void copy_sources_release(struct copy_sources *s)
{
	for (size_t i = 0; i < s->len; i++)
		copy_source_release(&s->items[i]);
	free(s->items);
	*s = (struct copy_sources){ 0 };
}

/* Takes what `src` holds, also on failure. */
static int add_source(struct copy_sources *s, struct copy_source *src,
		      struct error *err)
{
	struct copy_source *items =
		array_room(s->items, s->len, &s->capacity, sizeof(*items));
	size_t at;

	if (!items) {
		copy_source_release(src);
		return error_nomem(err, "the sources of a copy");
	}
	s->items = items;
	/* What was fetched comes last, and belongs further up. */
	for (at = s->len++; at > 0 && s->items[at - 1].word > src->word; at--)
		s->items[at] = s->items[at - 1];
	s->items[at] = *src;
	*src = (struct copy_source){ 0 };
	return 0;
}

struct collect {
	struct file_nodes *list;
	const struct ignore *excludes; /* NULL: none */
	size_t prefix_len;	       /* of the top's path and its slash */
};

/*
 * --exclude knows no walk order of its own: a directory it hides is kept when
 * a '!' pattern shows something below, so what is left empty goes later.
 */
static int collect_file(void *ctx, struct file_node *n, struct error *err)
{
	struct collect *c = ctx;
	const char *relative = n->meta.path + c->prefix_len;

	if (c->excludes && ignore_match(c->excludes, relative, NULL) &&
	    !(n->meta.type == ENTRY_DIR &&
	      ignore_may_include_below(c->excludes, relative))) {
		file_node_free(n);
		return 0;
	}
	return file_nodes_take(c->list, n, err);
}

/* Excluded directories that were kept for their contents and have none. */
static void drop_excluded_empty(struct collect *c)
{
	struct file_nodes *list = c->list;
	const char *next = "";
	size_t kept = list->len;

	for (size_t i = list->len; i-- > 0;) {
		struct file_node *n = list->items[i];
		bool excluded = ignore_match(
			c->excludes, n->meta.path + c->prefix_len, NULL);

		if (excluded && !path_is_below(next, n->meta.path)) {
			file_node_free(n);
			continue;
		}
		next = n->meta.path;
		list->items[--kept] = n;
	}
	memmove(list->items, list->items + kept,
		(list->len - kept) * sizeof(*list->items));
	list->len -= kept;
}

static int collect_contents(struct file_root *root, struct copy_source *src,
			    const struct ignore *excludes, struct error *err)
{
	size_t top_len = strlen(src->top->meta.path);
	struct collect c = {
		.list = &src->contents,
		.excludes = excludes,
		.prefix_len = top_len ? top_len + 1 : 0,
	};

	if (file_root_walk(root, src->top->meta.path, collect_file, &c, err) <
	    0)
		return -1;
	if (excludes)
		drop_excluded_empty(&c);
	return 0;
}

/* The directories between the pivot and the source, outermost first. */
static int find_parents(struct file_root *root, const struct copy_match *match,
			struct copy_source *src, struct error *err)
{
	const char *rest = match->path + match->pivot_len;
	size_t n = 0;

	for (const char *p = rest; *p; p++)
		n += *p == '/';
	src->parents = calloc(n + 1, sizeof(*src->parents));
	if (!src->parents)
		return error_nomem(err, "the parents of a source");
	for (const char *p = strchr(rest, '/'); p; p = strchr(p + 1, '/')) {
		struct copy_parent *parent = &src->parents[src->n_parents];
		autofree char *full =
			strndup(match->path, (size_t)(p - match->path));
		int found;

		parent->path = strndup(rest, (size_t)(p - rest));
		if (!full || !parent->path) {
			free(parent->path);
			return error_nomem(err, "the parents of a source");
		}
		src->n_parents++;
		found = file_root_lookup(root, full, &parent->node, err);
		if (found < 0)
			return -1;
		if (found == 0)
			return file_root_missing(root, full, err);
	}
	return 0;
}

static int add_match(struct copy_sources *s, size_t word,
		     struct copy_match *match, const struct copy_args *args,
		     const struct ignore *excludes, struct error *err)
{
	AUTO(copy_source_release)
	struct copy_source src = { .word = word, .root = s->root };

	src.name = strdup(path_base(match->path));
	src.below = strdup(args->parents ? match->path + match->pivot_len : "");
	src.top = steal_pointer(&match->node);
	if (!src.name || !src.below)
		return error_nomem(err, "the sources of a copy");
	if (args->parents && find_parents(s->root, match, &src, err) < 0)
		return -1;
	if (src.top->meta.type == ENTRY_DIR) {
		if (collect_contents(s->root, &src, excludes, err) < 0)
			return -1;
	} else if (excludes && ignore_match(excludes, src.name, NULL)) {
		return 0;
	}
	return add_source(s, &src, err);
}

static int add_word(struct copy_sources *s, size_t word,
		    const struct copy_args *args, const struct ignore *excludes,
		    struct error *err)
{
	AUTO(copy_matches_release) struct copy_matches matches = { 0 };

	if (copy_glob(s->root, args->sources.items[word], args->parents,
		      &matches, err) < 0)
		return -1;
	for (size_t i = 0; i < matches.len; i++)
		if (add_match(s, word, &matches.items[i], args, excludes, err) <
		    0)
			return -1;
	return 0;
}

static int add_heredoc(struct copy_sources *s, const struct inline_file *file,
		       struct error *err)
{
	struct copy_source src = {
		.name = strdup(file->name),
		.below = strdup(""),
		.heredoc = file,
		.word = SIZE_MAX,
	};

	if (!src.name || !src.below) {
		copy_source_release(&src);
		return error_nomem(err, "the sources of a copy");
	}
	return add_source(s, &src, err);
}

int copy_sources_find(struct copy_sources *ret, struct file_root *root,
		      const struct copy_args *args, struct error *err)
{
	AUTO(copy_sources_release) struct copy_sources s = { .root = root };
	AUTO(ignore_free) struct ignore *excludes = NULL;

	if (args->excludes.len &&
	    ignore_new(&args->excludes, &excludes, err) < 0)
		return error_wrap(err, "--exclude");
	for (size_t i = 0; root && i < args->sources.len; i++)
		if (source_form(args->sources.items[i]) == SOURCE_FORM_LOCAL &&
		    add_word(&s, i, args, excludes, err) < 0)
			return -1;
	for (size_t i = 0; i < args->n_files; i++)
		if (add_heredoc(&s, &args->files[i], err) < 0)
			return -1;
	*ret = s;
	s = (struct copy_sources){ 0 };
	return 0;
}

int copy_sources_whole(struct copy_sources *ret, struct file_root *root,
		       const char *path, struct error *err)
{
	AUTO(copy_sources_release) struct copy_sources s = { .root = root };
	AUTO(copy_source_release) struct copy_source src = { .root = root };
	autofree char *clean = path_clean_rooted(path);
	int found;

	if (!clean)
		return error_nomem(err, "a path");
	found = file_root_lookup(root, clean, &src.top, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return file_root_missing(root, clean, err);
	src.name = strdup(path_base(clean));
	src.below = strdup("");
	if (!src.name || !src.below)
		return error_nomem(err, "a path");
	if (src.top->meta.type == ENTRY_DIR &&
	    collect_contents(root, &src, NULL, err) < 0)
		return -1;
	if (add_source(&s, &src, err) < 0)
		return -1;
	*ret = s;
	s = (struct copy_sources){ 0 };
	return 0;
}

int copy_sources_add(struct copy_sources *s, size_t word,
		     struct file_root *root, const char *path, const char *name,
		     const struct copy_args *args, struct error *err)
{
	AUTO(copy_source_release)
	struct copy_source src = {
		.word = word,
		.root = root,
		.fetched = true,
		.name = strdup(name),
		.below = strdup(""),
	};
	AUTO(ignore_free) struct ignore *excludes = NULL;
	int found;

	if (!src.name || !src.below)
		return error_nomem(err, "the sources of a copy");
	if (args->excludes.len &&
	    ignore_new(&args->excludes, &excludes, err) < 0)
		return error_wrap(err, "--exclude");
	found = file_root_lookup(root, path, &src.top, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return file_root_missing(root, path, err);
	if (src.top->meta.type == ENTRY_DIR &&
	    collect_contents(root, &src, excludes, err) < 0)
		return -1;
	if (src.top->meta.type != ENTRY_DIR && excludes &&
	    ignore_match(excludes, src.name, NULL))
		return 0;
	return add_source(s, &src, err);
}

int copy_sources_digest(struct copy_sources *s, struct error *err)
{
	for (size_t i = 0; i < s->len; i++) {
		struct copy_source *src = &s->items[i];

		if (src->top &&
		    file_root_digest(src->root, &src->top, 1, err) < 0)
			return -1;
		if (file_root_digest(src->root, src->contents.items,
				     src->contents.len, err) < 0)
			return -1;
	}
	return 0;
}
