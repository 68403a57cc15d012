#include <fcntl.h>
#include <string.h>

#include "builder/git_env.h"
#include "builder/git_internal.h"

void git_commit_release(struct git_commit *c)
{
	free(c->id);
	free(c->ref);
	*c = (struct git_commit){ 0 };
}

/* One line of ls-remote, "ID\tNAME", told from `text`. */
struct remote_ref {
	const char *id;
	size_t id_len;
	const char *name;
	size_t name_len;
};

static bool next_ref(const char **text, struct remote_ref *ret)
{
	const char *line = *text;
	size_t len = strcspn(line, "\n");
	const char *tab = memchr(line, '\t', len);

	if (!len)
		return false;
	*text = line + len + (line[len] == '\n');
	*ret = (struct remote_ref){ .id = line, .id_len = len };
	if (tab) {
		ret->id_len = (size_t)(tab - line);
		ret->name = tab + 1;
		ret->name_len = len - ret->id_len - 1;
	}
	return true;
}

/* 1 when the list has `name`, with what it stands for; 0; -1. */
static int find_name(const char *list, const char *name, struct git_commit *ret,
		     struct error *err)
{
	struct remote_ref ref;

	while (next_ref(&list, &ref)) {
		if (!ref.name || ref.name_len != strlen(name) ||
		    memcmp(ref.name, name, ref.name_len) != 0)
			continue;
		free(ret->id);
		ret->id = strndup(ref.id, ref.id_len);
		if (!ret->id)
			return error_nomem(err, GIT_WHAT);
		if (!git_is_commit(ret->id))
			return error_set(err, ERROR_INTEGRITY,
					 "the server answers with garbage");
		return 1;
	}
	return 0;
}

/* The places where git itself looks for a name, in its order. */
static const struct {
	const char *prefix;
	enum git_ref_kind kind; /* the other kind is not looked for there */
} places[] = {
	{ "", GIT_REF_ANY },
	{ "refs/", GIT_REF_ANY },
	{ "refs/tags/", GIT_REF_TAG },
	{ "refs/heads/", GIT_REF_BRANCH },
};

/* An annotated tag has an id of its own; what it names is listed as NAME^{}. */
static int find_ref(const char *list, const char *prefix, const char *ref,
		    struct git_commit *ret, struct error *err)
{
	autofree char *name = NULL, *peeled = NULL;
	int found;

	if (asprintf(&name, "%s%s", prefix, ref) < 0 ||
	    asprintf(&peeled, "%s%s^{}", prefix, ref) < 0)
		return error_nomem(err, GIT_WHAT);
	found = find_name(list, peeled, ret, err);
	if (!found)
		found = find_name(list, name, ret, err);
	if (found > 0) {
		free(ret->ref);
		ret->ref = steal_pointer(&name);
	}
	return found;
}

static int pick(const struct git_url *url, const char *list,
		struct git_commit *ret, struct error *err)
{
	const char *ref = url->ref ? url->ref : "HEAD";

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		int found;

		if (url->ref_kind != GIT_REF_ANY &&
		    url->ref_kind != places[i].kind)
			continue;
		found = find_ref(list, places[i].prefix, ref, ret, err);
		if (found)
			return found < 0 ? -1 : 0;
	}
	if (!url->ref)
		return error_set(err, ERROR_NOT_FOUND,
				 "repository does not contain a default "
				 "branch; name one: #main");
	return error_set(err, ERROR_NOT_FOUND,
			 "repository does not contain ref %s", ref);
}

static int ask(const struct git_url *url, const struct git_access *how,
	       struct git_commit *ret, struct error *err)
{
	AUTO(git_work_release)
	struct git_work w = { .url = url, .cancel = how->cancel };
	AUTO(buf_release) struct buf list = BUF_INIT;
	const char *ref = url->ref ? url->ref : "HEAD";
	autofree char *peeled = NULL;
	autoclose int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return error_sys(err, errno, "cannot open '/'");
	w.dir = dir;
	/* Not the configuration of a repository that we happen to be in. */
	strv_env_set(&w.env, "GIT_DIR", "/nonexistent");
	buf_append_str(&list, "");
	if (asprintf(&peeled, "%s^{}", ref) < 0) {
		peeled = NULL;
		return error_nomem(err, GIT_WHAT);
	}
	if (git_environment(url, how, &w.env, err) < 0 ||
	    GIT(&w, &list, err, "ls-remote", "--", url->remote, ref, peeled) <
		    0)
		return -1;
	return pick(url, list.data, ret, err);
}

static int check_sum(const struct git_url *url, const struct git_commit *c,
		     struct error *err)
{
	if (!url->checksum ||
	    !strncmp(c->id, url->checksum, strlen(url->checksum)))
		return 0;
	return error_set(err, ERROR_INTEGRITY,
			 "expected checksum to match %s, got %s", url->checksum,
			 c->id);
}

int git_resolve(const struct git_url *url, const struct git_access *how,
		struct git_commit *ret, struct error *err)
{
	AUTO(git_commit_release) struct git_commit c = { 0 };
	const char *known = url->ref ? url->ref : url->checksum;

	if (known && url->ref_kind == GIT_REF_ANY && git_is_commit(known)) {
		c.id = strdup(known);
		if (!c.id)
			return error_nomem(err, GIT_WHAT);
	} else if (ask(url, how, &c, err) < 0) {
		return git_wrap(url, err);
	}
	if (check_sum(url, &c, err) < 0)
		return git_wrap(url, err);
	*ret = c;
	c = (struct git_commit){ 0 };
	return 0;
}
