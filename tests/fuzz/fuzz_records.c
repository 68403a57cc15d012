/*
 * Any bytes as one of the store's own small files: whatever it is, looking
 * things up fails no build, and what is wrong is gone after a repair, with
 * nothing else.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/io.h"
#include "store/file_digests.h"
#include "store/fsck.h"
#include "store/names.h"
#include "store/step_cache.h"

#define ONES "1111111111111111111111111111111111111111111111111111111111111111"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *dir; /* made for the file, and removed with it */
	const char *file;
} places[] = {
	{ NULL, "cache/" ONES },
	{ NULL, "cache/" ONES ".files" },
	{ NULL, "names/fuzzed" },
	{ NULL, "files/" ONES },
	{ "layers/sha256/" ONES, "layers/sha256/" ONES "/tree" },
	{ "layers/sha256/" ONES, "layers/sha256/" ONES "/remote" },
	{ "layers/sha256/" ONES, "layers/sha256/" ONES "/gzip" },
	{ "layers/sha256/" ONES, "layers/sha256/" ONES "/tar" },
	{ "snapshots/" ONES, "snapshots/" ONES "/diffid" },
};

static char store_dir[] = "/dev/shm/shale-fuzz.XXXXXX";

static void remove_store(void)
{
	struct error ignored;

	io_remove_tree(AT_FDCWD, store_dir, &ignored);
}

/* A store in memory, made once, and gone when the program ends. */
static struct store *make_store(void)
{
	struct error err = ERROR_INIT;
	struct store *s = NULL;

	assert(mkdtemp(store_dir) && atexit(remove_store) == 0);
	assert(store_open(store_dir, &s, &err) == 0);
	return s;
}

static void put_file(struct store *s, size_t place, const void *data,
		     size_t size)
{
	autoclose int fd = -1;

	if (places[place].dir)
		mkdirat(store_fd(s), places[place].dir, 0700);
	fd = openat(store_fd(s), places[place].file,
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
}

static void remove_file(struct store *s, size_t place)
{
	struct error ignored;

	if (places[place].dir)
		io_remove_tree(store_fd(s), places[place].dir, &ignored);
	else
		unlinkat(store_fd(s), places[place].file, 0);
}

static void look_up(struct batch *b)
{
	struct store *s = batch_store(b);
	AUTO(step_record_release) struct step_record step = { 0 };
	AUTO(file_digests_free) struct file_digests *digests = NULL;
	AUTO(layer_unref) struct layer *layer = NULL;
	struct error err = ERROR_INIT;
	struct name_record *names = NULL;
	struct digest ones, found;
	const char *tree;
	struct stat st = { .st_ino = 1 };
	size_t n = 0, i;
	bool plain;

	assert(digest_parse("sha256:" ONES, &ones, &err) == 0);
	assert(step_cache_get(b, &ones, &step, &err) >= 0);
	assert(file_digests_open(s, "/", &digests, &err) == 0);
	file_digests_get(digests, &st, &found, &plain);
	if (names_list(s, &names, &n, &err) == 0)
		for (i = 0; i < n; i++)
			name_record_release(&names[i]);
	free(names);
	if (layer_by_diff_id(b, &ones, &layer, &err) < 0)
		return;
	assert(layer_diff_id(layer, &found, &err) < 0 ||
	       digest_equal(&found, &ones));
	if (layer_tree(layer, &tree, &err) == 0)
		assert(strstr(tree, "/snapshots/") && !strstr(tree, ".."));
}

static uint64_t faults(struct batch *b, bool repair)
{
	const struct fsck_options options = { .repair = repair };
	struct fsck_report report = { 0 };
	struct error err = ERROR_INIT;

	assert(fsck_run(b, &options, NULL, &report, &err) == 0);
	return report.n_faults;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct store *s;
	AUTO(batch_free) struct batch *b = NULL;
	struct error err = ERROR_INIT;
	size_t place;

	if (!s)
		s = make_store();
	if (size == 0)
		return 0;
	place = data[0] % ARRAY_LEN(places);
	put_file(s, place, data + 1, size - 1);
	assert(batch_new(s, &b, &err) == 0);
	look_up(b);
	faults(b, true);
	assert(faults(b, false) == 0);
	batch_free(steal_pointer(&b));
	remove_file(s, place);
	return 0;
}
