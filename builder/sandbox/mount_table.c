#include "builder/sandbox/mount_table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/cleanup.h"
#include "store/base/io.h"

#define TABLE_MAX ((size_t)64 << 20)

/* Blanks, line ends and backslashes are written as three octal digits. */
static void decode_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		char digits[4] = { 0 };
		char *end;
		long value;

		*to = *from++;
		if (*to != '\\')
			continue;
		strncpy(digits, from, 3);
		value = strtol(digits, &end, 8);
		if (end != digits + 3)
			continue;
		*to = (char)value;
		from += 3;
	}
	*to = '\0';
}

/* Mounts found so far, the one asked for first. */
struct family {
	int *ids;
	size_t n;
	bool is_out_of_memory;
};

static bool is_member(const struct family *f, int id)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->ids[i] == id)
			return true;
	return false;
}

static void add_member(struct family *f, int id)
{
	int *grown = reallocarray(f->ids, f->n + 1, sizeof(*grown));

	if (!grown) {
		f->is_out_of_memory = true;
		return;
	}
	f->ids = grown;
	grown[f->n++] = id;
}

/* "ID PARENT MAJOR:MINOR ROOT PATH ..." A parent precedes its children. */
static void read_line(struct family *f, char *line, struct strv *ret)
{
	int id, parent, from = 0, to = 0;

	if (sscanf(line, "%d %d %*s %*s %n%*s%n", &id, &parent, &from, &to) <
		    2 ||
	    to == 0 || !is_member(f, parent) || is_member(f, id))
		return;
	add_member(f, id);
	line[to] = '\0';
	decode_octal(line + from);
	strv_append(ret, line + from);
}

void mount_table_parse(const char *text, int id, struct strv *ret)
{
	struct family f = { 0 };
	autofree char *copy = strdup(text);
	char *rest = copy;

	add_member(&f, id);
	for (char *line; copy && (line = strsep(&rest, "\n"));)
		read_line(&f, line, ret);
	ret->failed |= !copy || f.is_out_of_memory;
	free(f.ids);
}

static int id_of(int fd, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	char path[48];
	const char *found;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (io_read_file(AT_FDCWD, path, 4096, &text, err) < 0)
		return -1;
	found = text.data ? strstr(text.data, "mnt_id:") : NULL;
	if (!found)
		return error_set(err, ERROR_SYSTEM,
				 "the kernel does not tell a file's mount");
	return atoi(found + strlen("mnt_id:"));
}

int mount_table_below(int fd, struct strv *ret, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	int id = id_of(fd, err);

	if (id < 0 || io_read_file(AT_FDCWD, "/proc/self/mountinfo", TABLE_MAX,
				   &text, err) < 0)
		return -1;
	mount_table_parse(text.data ? text.data : "", id, ret);
	return strv_check(ret, "a list of mounts", err);
}
