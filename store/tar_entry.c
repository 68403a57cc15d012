#include "store/tar_entry.h"

#include <archive.h>
#include <string.h>

#include "store/base/cleanup.h"
#include "store/tar_name.h"

void tar_entry_clear(struct tar_entry *t)
{
	free(t->path);
	free(t->link);
	free(t->xattrs);
	*t = (struct tar_entry){ 0 };
}

static int entry_type(struct tar_entry *t, struct archive_entry *e,
		      struct error *err)
{
	static const struct {
		mode_t mode;
		enum entry_type type;
	} types[] = {
		{ AE_IFREG, ENTRY_FILE },    { AE_IFDIR, ENTRY_DIR },
		{ AE_IFLNK, ENTRY_SYMLINK }, { AE_IFCHR, ENTRY_CHAR },
		{ AE_IFBLK, ENTRY_BLOCK },   { AE_IFIFO, ENTRY_FIFO },
	};
	size_t i;

	if (archive_entry_hardlink(e)) {
		t->entry.type = ENTRY_HARDLINK;
		return 0;
	}
	for (i = 0; i < ARRAY_LEN(types); i++) {
		if (archive_entry_filetype(e) == types[i].mode) {
			t->entry.type = types[i].type;
			return 0;
		}
	}
	return error_set(err, ERROR_REFUSED,
			 "the archive holds '%.200s' of an unknown type",
			 t->path);
}

static int take_owner(struct tar_entry *t, struct archive_entry *e,
		      struct error *err)
{
	la_int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	/* The last id means "none" to the kernel. */
	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return error_set(
			err, ERROR_REFUSED,
			"'%.200s' in the archive belongs to %lld:%lld, "
			"which no system can store",
			t->path, (long long)uid, (long long)gid);
	t->entry.uid = (uint32_t)uid;
	t->entry.gid = (uint32_t)gid;
	return 0;
}

static int take_link(struct tar_entry *t, struct archive_entry *e,
		     struct error *err)
{
	const char *target;

	if (t->entry.type == ENTRY_HARDLINK) {
		target = archive_entry_hardlink(e);
		t->link = tar_name_clean(target, err);
		if (!t->link)
			return -1;
		if (archive_entry_size(e) > 0)
			return error_set(err, ERROR_REFUSED,
					 "the archive holds a hard link with "
					 "contents, '%.200s'",
					 t->path);
	} else if (t->entry.type == ENTRY_SYMLINK) {
		target = archive_entry_symlink(e);
		t->link = strdup(target ? target : "");
		if (!t->link)
			return error_nomem(err, "reading an archive");
		if (!*t->link)
			return error_set(err, ERROR_INTEGRITY,
					 "the archive holds a link to nowhere, "
					 "'%.200s'",
					 t->path);
	}
	t->entry.link = t->link;
	return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
	return strcmp(((const struct xattr *)a)->name,
		      ((const struct xattr *)b)->name);
}

/* Names and values stay the library's until the next header. */
static int take_xattrs(struct tar_entry *t, struct archive_entry *e,
		       struct error *err)
{
	int count = archive_entry_xattr_reset(e);
	const char *name;
	const void *value;
	size_t n = 0, size;

	if (count <= 0)
		return 0;
	t->xattrs = calloc((size_t)count, sizeof(*t->xattrs));
	if (!t->xattrs)
		return error_nomem(err, "reading an archive");
	while (n < (size_t)count &&
	       archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
		t->xattrs[n++] = (struct xattr){ .name = (char *)name,
						 .value = (void *)value,
						 .size = size };
	qsort(t->xattrs, n, sizeof(*t->xattrs), compare_xattrs);
	t->entry.xattrs = t->xattrs;
	t->entry.n_xattrs = n;
	return 0;
}

static void take_numbers(struct tar_entry *t, struct archive_entry *e)
{
	struct entry *ret = &t->entry;

	ret->mode = archive_entry_perm(e) & 07777;
	ret->mtime.tv_sec = archive_entry_mtime(e);
	ret->mtime.tv_nsec = archive_entry_mtime_nsec(e);
	if (ret->type == ENTRY_CHAR || ret->type == ENTRY_BLOCK) {
		ret->dev_major = (uint32_t)archive_entry_rdevmajor(e);
		ret->dev_minor = (uint32_t)archive_entry_rdevminor(e);
	}
	if (ret->type == ENTRY_FILE && archive_entry_size(e) > 0)
		ret->size = (uint64_t)archive_entry_size(e);
}

/* Turn whiteouts into what they mean; 0: leave the entry out, 1, -1. */
static int interpret_name(struct tar_entry *t, struct error *err)
{
	switch (tar_name_in_layer(t->path)) {
	case TAR_NAME_WHITEOUT:
		t->entry = (struct entry){ .type = ENTRY_WHITEOUT };
		break;
	case TAR_NAME_OPAQUE:
		t->entry = (struct entry){ .type = ENTRY_OPAQUE };
		break;
	case TAR_NAME_SKIP:
		return 0;
	case TAR_NAME_BAD:
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' is no valid whiteout", t->path);
	default:
		break;
	}
	t->entry.path = t->path;
	return 1;
}

int tar_entry_take(struct tar_entry *t, struct archive_entry *e, bool layer,
		   struct error *err)
{
	const char *raw = archive_entry_pathname(e);

	tar_entry_clear(t);
	if (!raw || !*raw)
		return error_set(err, ERROR_INTEGRITY,
				 "the archive holds an entry without a name");
	t->path = tar_name_clean(raw, err);
	if (!t->path)
		return -1;
	if (!*t->path)
		return 0;
	if (entry_type(t, e, err) < 0 || take_owner(t, e, err) < 0 ||
	    take_link(t, e, err) < 0 || take_xattrs(t, e, err) < 0)
		return -1;
	take_numbers(t, e);
	t->entry.path = t->path;
	return layer ? interpret_name(t, err) : 1;
}
