#include "builder/sandbox/user.h"

#include <stdbool.h>
#include <string.h>

/* (uid_t)-1 means "no change" to system calls. */
#define ID_MAX 4294967294U

/* What setgroups() takes at most. */
#define GROUPS_MAX 65536

/* A piece of a text, without its end. */
struct slice {
	const char *data;
	size_t len;
};

static struct slice slice_of(const char *str)
{
	return (struct slice){ str, strlen(str) };
}

static bool equals(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* What precedes `sep`, which is taken off `rest` with it. */
static struct slice cut(struct slice *rest, char sep)
{
	struct slice head = *rest;
	const char *at = rest->len ? memchr(rest->data, sep, rest->len) : NULL;

	if (!at) {
		*rest = (struct slice){ rest->data + rest->len, 0 };
		return head;
	}
	head.len = (size_t)(at - rest->data);
	rest->data = at + 1;
	rest->len -= head.len + 1;
	return head;
}

static bool is_number(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
	return s.len > 0;
}

/* False when it is no number or none that can be an id. */
static bool parse_id(struct slice s, uint32_t *ret)
{
	uint64_t value = 0;

	if (!is_number(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		value = value * 10 + (uint64_t)(s.data[i] - '0');
		if (value > ID_MAX)
			return false;
	}
	*ret = (uint32_t)value;
	return true;
}

struct passwd_line {
	struct slice name;
	uint32_t uid;
	uint32_t gid;
	struct slice home;
};

/* name:password:uid:gid:comment:home:shell; false for a broken line. */
static bool parse_passwd(struct slice line, struct passwd_line *ret)
{
	ret->name = cut(&line, ':');
	cut(&line, ':');
	if (!ret->name.len || !parse_id(cut(&line, ':'), &ret->uid) ||
	    !parse_id(cut(&line, ':'), &ret->gid))
		return false;
	cut(&line, ':');
	ret->home = cut(&line, ':');
	return true;
}

/* The first line for `name` (when not NULL) or else for `uid`. */
static bool find_user(const char *passwd, const struct slice *name,
		      uint32_t uid, struct passwd_line *ret)
{
	struct slice rest = slice_of(passwd ? passwd : "");

	while (rest.len) {
		struct passwd_line line;

		if (!parse_passwd(cut(&rest, '\n'), &line))
			continue;
		if (name ? equals(line.name, *name) : line.uid == uid) {
			*ret = line;
			return true;
		}
	}
	return false;
}

struct group_line {
	struct slice name;
	uint32_t gid;
	struct slice members; /* separated by commas */
};

static bool parse_group(struct slice line, struct group_line *ret)
{
	ret->name = cut(&line, ':');
	cut(&line, ':');
	if (!ret->name.len || !parse_id(cut(&line, ':'), &ret->gid))
		return false;
	ret->members = cut(&line, ':');
	return true;
}

static bool has_member(struct slice members, struct slice name)
{
	while (members.len)
		if (equals(cut(&members, ','), name))
			return true;
	return false;
}

static int add_group(struct user *user, uint32_t gid, struct error *err)
{
	uint32_t *groups;

	for (size_t i = 0; i < user->n_groups; i++)
		if (user->groups[i] == gid)
			return 0;
	if (user->n_groups == GROUPS_MAX)
		return error_set(err, ERROR_REFUSED,
				 "a user of the image is in more than %d "
				 "groups",
				 GROUPS_MAX);
	groups =
		reallocarray(user->groups, user->n_groups + 1, sizeof(*groups));
	if (!groups)
		return error_nomem(err, "a list of groups");
	groups[user->n_groups++] = gid;
	user->groups = groups;
	return 0;
}

static int add_groups_of(struct user *user, const char *group,
			 struct slice name, struct error *err)
{
	struct slice rest = slice_of(group ? group : "");

	while (rest.len) {
		struct group_line line;

		if (!parse_group(cut(&rest, '\n'), &line) ||
		    !has_member(line.members, name))
			continue;
		if (add_group(user, line.gid, err) < 0)
			return -1;
	}
	return 0;
}

static int resolve_group(struct slice name, const char *group, uint32_t *gid,
			 struct error *err)
{
	struct slice rest = slice_of(group ? group : "");

	if (parse_id(name, gid))
		return 0;
	if (is_number(name))
		return error_set(err, ERROR_DOCKERFILE,
				 "group id %.*s is too large", (int)name.len,
				 name.data);
	while (rest.len) {
		struct group_line line;

		if (parse_group(cut(&rest, '\n'), &line) &&
		    equals(line.name, name)) {
			*gid = line.gid;
			return 0;
		}
	}
	return error_set(err, ERROR_DOCKERFILE,
			 "group '%.*s' is not in the image's /etc/group",
			 (int)name.len, name.data);
}

/* Its ids and home; `line` is what was found of it, if anything was. */
static int resolve_name(struct slice name, const char *passwd,
			struct user *user, struct passwd_line *line,
			bool *is_listed, struct error *err)
{
	bool by_id = parse_id(name, &user->uid);

	if (!by_id && is_number(name))
		return error_set(err, ERROR_DOCKERFILE,
				 "user id %.*s is too large", (int)name.len,
				 name.data);
	*is_listed = find_user(passwd, by_id ? NULL : &name, user->uid, line);
	if (!by_id && !*is_listed)
		return error_set(err, ERROR_DOCKERFILE,
				 "user '%.*s' is not in the image's "
				 "/etc/passwd",
				 (int)name.len, name.data);
	if (*is_listed)
		user->uid = line->uid;
	return 0;
}

static int resolve(const char *text, const struct user_files *files,
		   struct user *user, struct error *err)
{
	struct slice group = slice_of(text);
	struct slice name = cut(&group, ':');
	struct passwd_line line = { 0 };
	bool is_listed = false;
	struct slice home = { "/", 1 };

	if (resolve_name(name.len ? name : slice_of("0"), files->passwd, user,
			 &line, &is_listed, err) < 0)
		return -1;
	if (group.len &&
	    resolve_group(group, files->group, &user->gid, err) < 0)
		return -1;
	if (!group.len && name.len && is_listed) {
		user->gid = line.gid;
		if (add_groups_of(user, files->group, line.name, err) < 0)
			return -1;
	}
	if (is_listed && line.home.len)
		home = line.home;
	user->home = strndup(home.data, home.len);
	return user->home ? 0 : error_nomem(err, "a home directory");
}

int user_resolve(const char *text, const struct user_files *files,
		 struct user *ret, struct error *err)
{
	AUTO(user_release) struct user user = { 0 };

	if (resolve(text ? text : "", files, &user, err) < 0)
		return -1;
	*ret = user;
	user = (struct user){ 0 };
	return 0;
}

void user_release(struct user *user)
{
	free(user->groups);
	free(user->home);
	*user = (struct user){ 0 };
}
