#include "builder/owner.h"

#include <string.h>

#include "store/base/buf.h"

/* More is no user database but an attack on our memory. */
#define DATABASE_MAX ((size_t)4 << 20)

/* /etc/passwd and /etc/group of an image. */
struct databases {
	struct buf passwd;
	struct buf group;
	struct user_files files;
};

static void databases_release(struct databases *d)
{
	buf_release(&d->passwd);
	buf_release(&d->group);
}
DEFINE_RELEASE(struct databases, databases_release);

static int read_database(struct view *root, const char *path, struct buf *text,
			 const char **ret, struct error *err)
{
	if (view_read_file(root, path, DATABASE_MAX, text, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return error_wrap(err, "reading %s", path);
		error_clear(err);
		return 0;
	}
	*ret = text->data ? text->data : "";
	return 0;
}

static int read_databases(struct view *root, struct databases *d,
			  struct error *err)
{
	if (!root)
		return 0;
	if (read_database(root, "/etc/passwd", &d->passwd, &d->files.passwd,
			  err) < 0)
		return -1;
	return read_database(root, "/etc/group", &d->group, &d->files.group,
			     err);
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* "root" needs no database; other names without one are unknown. */
static bool is_root(const char *name)
{
	return strcmp(name, "root") == 0;
}

static int find_user(const char *name, const struct databases *d,
		     struct owner *ret, struct error *err)
{
	AUTO(user_release) struct user user = { 0 };

	if (user_resolve(name, &d->files, &user, err) < 0) {
		if (!is_root(name) || err->kind != ERROR_DOCKERFILE)
			return -1;
		error_clear(err);
		return 0;
	}
	ret->uid = user.uid;
	ret->gid = is_number(name) ? user.uid : user.gid;
	return 0;
}

static int find_group(const char *name, const struct databases *d,
		      uint32_t *gid, struct error *err)
{
	AUTO(user_release) struct user user = { 0 };
	struct buf text = BUF_INIT;
	autofree char *whole = NULL;

	buf_printf(&text, "0:%s", name);
	whole = buf_steal_checked(&text, "an owner", err);
	if (!whole)
		return -1;
	if (user_resolve(whole, &d->files, &user, err) < 0) {
		if (!is_root(name) || err->kind != ERROR_DOCKERFILE)
			return -1;
		error_clear(err);
		*gid = 0;
		return 0;
	}
	*gid = user.gid;
	return 0;
}

int owner_parse(const char *text, struct view *root, struct owner *ret,
		struct error *err)
{
	AUTO(databases_release) struct databases d = { 0 };
	const char *colon = strchr(text, ':');
	autofree char *user =
		strndup(text, colon ? (size_t)(colon - text) : strlen(text));
	const char *group = colon ? colon + 1 : "";
	struct owner owner = { 0, 0 };

	if (!user)
		return error_nomem(err, "an owner");
	if ((!is_number(user) || (*group && !is_number(group))) &&
	    read_databases(root, &d, err) < 0)
		return -1;
	if ((*user && find_user(user, &d, &owner, err) < 0) ||
	    (*group && find_group(group, &d, &owner.gid, err) < 0))
		return error_wrap(err,
				  root ? "--chown=%s"
				       : "--chown=%s (--link needs numbers)",
				  text);
	/* "user:" has a group, which nothing names. */
	if (colon && !*group)
		owner.gid = 0;
	*ret = owner;
	return 0;
}

int owner_of_process(const char *text, struct view *root, struct user *ret,
		     struct error *err)
{
	AUTO(databases_release) struct databases d = { 0 };

	if (read_databases(root, &d, err) < 0)
		return -1;
	return user_resolve(text && *text ? text : "0:0", &d.files, ret, err);
}

int owner_of_workdir(const char *text, struct view *root, struct owner *ret,
		     struct error *err)
{
	AUTO(user_release) struct user user = { 0 };

	if (owner_of_process(text, root, &user, err) < 0)
		return -1;
	*ret = (struct owner){ user.uid, user.gid };
	if (text && is_number(text))
		ret->gid = ret->uid;
	if (text && *text && text[strlen(text) - 1] == ':')
		ret->gid = 0;
	return 0;
}
