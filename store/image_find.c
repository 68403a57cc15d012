#include "store/image_find.h"

#include <string.h>

#include "store/base/io.h"
#include "store/blob.h"
#include "store/image_config.h"
#include "store/names.h"

#define DIGITS_MIN 4
#define LISTED_MAX 8 /* of several that match */

/* Ids that begin with `digits`, each once. */
struct search {
	struct store *store;
	const char *digits;
	struct digest *ids;
	size_t n;
};

static void search_release(struct search *f)
{
	free(f->ids);
}
DEFINE_RELEASE(struct search, search_release);

static bool is_match(const struct search *f, const char *hex)
{
	return !strncmp(hex, f->digits, strlen(f->digits));
}

static int add(struct search *f, const struct digest *id, struct error *err)
{
	struct digest *ids;

	for (size_t i = 0; i < f->n; i++)
		if (digest_equal(&f->ids[i], id))
			return 0;
	ids = realloc(f->ids, (f->n + 1) * sizeof(*ids));
	if (!ids)
		return error_nomem(err, "looking for an image");
	f->ids = ids;
	ids[f->n++] = *id;
	return 0;
}

/* Their configs may be damaged or gone; the names can be removed then. */
static int add_named(struct search *f, struct error *err)
{
	struct name_record *names = NULL;
	size_t n = 0;
	int rc = names_list(f->store, &names, &n, err);

	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && is_match(f, digest_hex(&names[i].image)))
			rc = add(f, &names[i].image, err);
		name_record_release(&names[i]);
	}
	free(names);
	return rc;
}

/* Most blobs that match by chance are no configs. */
static int add_blob(struct search *f, const char *hex, struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref) json_t *config = NULL;
	struct error problem = ERROR_INIT;
	char digest_text[sizeof(((struct digest *)0)->text) + 1];
	struct digest id;

	snprintf(digest_text, sizeof(digest_text), "sha256:%s", hex);
	if (digest_parse(digest_text, &id, &problem) == 0 &&
	    blob_read(f->store, NULL, &id, CONFIG_MAX, &text, &problem) == 0 &&
	    image_config_parse(text.data, text.len, &config, &problem) == 0)
		return add(f, &id, err);
	if (problem.kind != ERROR_NOMEM)
		return 0;
	*err = problem;
	return -1;
}

static int add_stored(struct search *f, struct error *err)
{
	autodir DIR *dir = io_open_dir(store_fd(f->store), "blobs/sha256");
	const char *name;
	int rc;

	if (!dir)
		return error_sys(err, errno, "cannot list blobs");
	while ((rc = io_next_entry(dir, "blobs/sha256", &name, err)) > 0)
		if (is_match(f, name) && add_blob(f, name, err) < 0)
			return -1;
	return rc;
}

static int several(const struct search *f, struct error *err)
{
	AUTO(buf_release) struct buf list = BUF_INIT;

	for (size_t i = 0; i < f->n && i < LISTED_MAX; i++)
		buf_printf(&list, "%s%s", i ? ", " : "",
			   digest_hex(&f->ids[i]));
	if (f->n > LISTED_MAX)
		buf_append_str(&list, ", ...");
	if (list.failed)
		return error_nomem(err, "looking for an image");
	return error_set(err, ERROR_USAGE,
			 "'%s' begins the ids of several images; give more "
			 "digits: %s",
			 f->digits, list.data);
}

int image_find(struct store *s, const char *digits, struct digest *ret,
	       struct error *err)
{
	AUTO(search_release) struct search f = { .store = s, .digits = digits };
	size_t len = strlen(digits);

	if (len < DIGITS_MIN || len > DIGEST_HEX_LEN ||
	    strspn(digits, "0123456789abcdef") != len)
		return error_set(err, ERROR_NOT_FOUND,
				 "'%s' is no id of an image: that has %d to %d "
				 "digits, 0 to 9 and a to f",
				 digits, DIGITS_MIN, DIGEST_HEX_LEN);
	if (add_named(&f, err) < 0 || add_stored(&f, err) < 0)
		return -1;
	if (!f.n)
		return error_set(err, ERROR_NOT_FOUND,
				 "no image whose id begins with '%s'", digits);
	if (f.n > 1)
		return several(&f, err);
	*ret = f.ids[0];
	return 0;
}
