#include "store/gc_label.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/base/json.h"
#include "store/image_config.h"

struct selection {
	struct store *store;
	const struct gc_label *labels;
	size_t n;
	struct gc_marks *keep;
	struct gc_marks *only;
};

static bool matches(const struct selection *s, const json_t *config)
{
	const json_t *labels =
		json_object_get(json_object_get(config, "config"), "Labels");

	for (size_t i = 0; i < s->n; i++) {
		const struct gc_label *want = &s->labels[i];
		const char *value = json_get_string(labels, want->key);
		bool has =
			value && (!want->value || !strcmp(value, want->value));

		if (has == want->absent)
			return false;
	}
	return true;
}

/* The config of an image, or NULL: manifests and layers are blobs, too. */
static json_t *read_config(int dirfd, const char *name)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	json_t *config = NULL;
	struct error ignored;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_size > (off_t)CONFIG_MAX ||
	    io_read_file(dirfd, name, CONFIG_MAX, &text, &ignored) < 0 ||
	    !text.len || text.data[0] != '{' ||
	    image_config_parse(text.data, text.len, &config, &ignored) < 0)
		return NULL;
	if (json_object_get(config, "rootfs"))
		return config;
	json_decref(config);
	return NULL;
}

static int judge_blob(struct selection *s, int dirfd, const char *name,
		      struct error *err)
{
	char text[sizeof(((struct digest *)0)->text) + 1];
	AUTO(json_decref) json_t *config = read_config(dirfd, name);
	struct error ignored;
	struct digest id;

	snprintf(text, sizeof(text), "sha256:%s", name);
	if (!config || digest_parse(text, &id, &ignored) < 0)
		return 0;
	if (!matches(s, config))
		return gc_mark_image(s->keep, &id, err);
	return s->only ? gc_mark_image(s->only, &id, err) : 0;
}

static int judge_blobs(struct selection *s, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(s->store), "blobs/sha256");
	const char *name;
	int rc;

	if (!dir)
		return errno == ENOENT
			       ? 0
			       : error_sys(err, errno, "cannot list the blobs");
	while ((rc = io_next_entry(dir, "blobs/sha256", &name, err)) > 0)
		if (strlen(name) == DIGEST_HEX_LEN &&
		    judge_blob(s, dirfd(dir), name, err) < 0)
			return -1;
	return rc;
}

int gc_label_select(struct store *s, const struct gc_label *labels, size_t n,
		    struct gc_marks *keep, struct gc_marks **only,
		    struct error *err)
{
	AUTO(gc_marks_free) struct gc_marks *matching = NULL;
	struct selection sel = {
		.store = s, .labels = labels, .n = n, .keep = keep
	};

	for (size_t i = 0; i < n; i++)
		if (!labels[i].absent && !matching &&
		    gc_marks_new(s, &matching, err) < 0)
			return -1;
	sel.only = matching;
	if (judge_blobs(&sel, err) < 0)
		return -1;
	*only = steal_pointer(&matching);
	return 0;
}
