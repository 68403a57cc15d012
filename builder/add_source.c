#include "builder/add_source.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/download_record.h"
#include "registry/url.h"
#include "store/base/io.h"

#define WHAT "reading the sources of ADD"

/* A file that was downloaded lies in a folder of its own under this name. */
#define FILE_NAME "file"

struct add_source {
	size_t word; /* index among the arguments' sources */
	const char *text;
	const struct copy_args *args;
	enum source_form form;

	/* A file. */
	char *name;	      /* that its copy gets in a directory */
	struct digest digest; /* once identified */
	struct digest expected;
	bool downloaded;

	/* A repository. */
	struct git_url url;
	struct git_commit commit; /* once identified */

	char *path; /* of the folder with the contents; NULL: not yet */
	int fd;
	struct context *context; /* of that folder */
	struct file_root *root;
};

static void add_source_release(struct add_source *a)
{
	struct error ignored;

	file_root_free(a->root);
	context_free(a->context);
	if (a->fd >= 0)
		close(a->fd);
	/* The batch would remove it, too, but much later. */
	if (a->path && a->form == SOURCE_FORM_HTTP)
		io_remove_tree(AT_FDCWD, a->path, &ignored);
	free(a->path);
	free(a->name);
	git_url_release(&a->url);
	git_commit_release(&a->commit);
}

void add_sources_release(struct add_sources *s)
{
	for (size_t i = 0; i < s->len; i++)
		add_source_release(&s->items[i]);
	free(s->items);
	*s = (struct add_sources){ 0 };
}

static int init_file(struct add_source *a, struct error *err)
{
	a->name = fetch_file_name(a->text, err);
	if (!a->name)
		return -1;
	if (!a->args->checksum)
		return 0;
	return digest_parse(a->args->checksum, &a->expected, err);
}

static int init_repository(struct add_source *a, struct error *err)
{
	if (git_url_parse(a->text, &a->url, err) < 0)
		return -1;
	if (!a->args->checksum)
		return 0;
	return git_checksum_parse(a->args->checksum, &a->url.checksum, err);
}

int add_sources_init(struct add_sources *ret, const struct copy_args *args,
		     struct error *err)
{
	size_t n = args->sources.len;

	ret->items = calloc(n ? n : 1, sizeof(*ret->items));
	if (!ret->items)
		return error_nomem(err, WHAT);
	for (size_t i = 0; i < n; i++) {
		struct add_source *a = &ret->items[ret->len];
		enum source_form form = source_form(args->sources.items[i]);

		if (form == SOURCE_FORM_LOCAL)
			continue;
		ret->len++;
		*a = (struct add_source){
			.word = i,
			.text = args->sources.items[i],
			.args = args,
			.form = form,
			.fd = -1,
		};
		if ((form == SOURCE_FORM_GIT ? init_repository
					     : init_file)(a, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- files ---- */

static int make_file(struct add_source *a, const struct fetch_env *env,
		     struct error *err)
{
	autoclose int dir = -1;

	if (a->path)
		return 0;
	if (fetch_make_dir(env->batch, "add", &a->path, &dir, err) < 0)
		return -1;
	a->fd = openat(dir, FILE_NAME,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (a->fd < 0)
		return error_sys(err, errno, "cannot make a file in '%s'",
				 a->path);
	return 0;
}

/* Mode and time are those that the copy is to have. */
static int finish_file(struct add_source *a, int64_t mtime, struct error *err)
{
	const struct timespec times[2] = {
		{ .tv_sec = mtime },
		{ .tv_sec = mtime },
	};

	if (fchmod(a->fd, 0600) < 0 || futimens(a->fd, times) < 0)
		return error_sys(err, errno, "cannot finish '%s'", a->path);
	if (close(steal_fd(&a->fd)) < 0)
		return error_sys(err, errno, "cannot write '%s'", a->path);
	a->downloaded = true;
	return 0;
}

/* `record` is what is known from earlier, perhaps nothing; it is renewed. */
static int download_file(struct add_source *a, const struct fetch_env *env,
			 struct download_record *record, struct error *err)
{
	AUTO(downloaded_release) struct downloaded info = { 0 };
	autofree char *label = url_for_message(a->text);
	const struct download_request rq = {
		.url = a->text,
		.verified = digest_is_set(&a->expected),
		.etag = record->etag,
		.last_modified = record->last_modified,
		.max_bytes = FETCH_MAX,
	};

	if (!label)
		return error_nomem(err, WHAT);
	if (make_file(a, env, err) < 0 ||
	    fetch_file(env, label, &rq, a->fd, &info, err) < 0)
		return -1;
	if (info.unchanged) {
		a->digest = record->digest;
		return 0;
	}
	if (digest_is_set(&a->expected) &&
	    !digest_equal(&info.digest, &a->expected))
		return error_set(err, ERROR_INTEGRITY,
				 "%s: digest mismatch %s: %s", label,
				 info.digest.text, a->expected.text);
	if (digest_is_set(&a->digest) &&
	    !digest_equal(&info.digest, &a->digest))
		return error_set(err, ERROR_INTEGRITY,
				 "%s changed while it was added; build again",
				 label);
	a->digest = info.digest;
	if (download_record_save(env->batch, a->text, &info, err) < 0)
		return -1;
	return finish_file(a, info.mtime, err);
}

static int identify_file(struct add_source *a, const struct fetch_env *env,
			 bool remembered, struct error *err)
{
	AUTO(download_record_release) struct download_record record = { 0 };

	if (digest_is_set(&a->digest))
		return 0;
	if (digest_is_set(&a->expected)) {
		a->digest = a->expected;
		return 0;
	}
	if (remembered &&
	    download_record_load(env->batch, a->text, &record, err) < 0)
		return -1;
	return download_file(a, env, &record, err);
}

static int fetch_contents(struct add_source *a, const struct fetch_env *env,
			  struct error *err)
{
	struct download_record none = { 0 };

	return a->downloaded ? 0 : download_file(a, env, &none, err);
}

/* ---- repositories ---- */

static int identify_repository(struct add_source *a,
			       const struct fetch_env *env, struct error *err)
{
	const struct git_access access = fetch_git_access(env);

	return a->commit.id ? 0
			    : git_resolve(&a->url, &access, &a->commit, err);
}

static int fetch_work_tree(struct add_source *a, const struct fetch_env *env,
			   struct error *err)
{
	autofree char *label = url_for_message(a->text);
	bool keep = a->args->keep_git_dir || a->url.keep_git_dir == GIT_ON;

	if (a->path)
		return 0;
	if (!label)
		return error_nomem(err, WHAT);
	return fetch_repository(env, label, &a->url, &a->commit, keep, &a->path,
				&a->fd, err);
}

/* ---- all of them ---- */

int add_sources_identify(struct add_sources *s, const struct fetch_env *env,
			 bool remembered, struct error *err)
{
	for (size_t i = 0; i < s->len; i++) {
		struct add_source *a = &s->items[i];
		int done = a->form == SOURCE_FORM_GIT
				   ? identify_repository(a, env, err)
				   : identify_file(a, env, remembered, err);

		if (done < 0)
			return -1;
	}
	return 0;
}

int add_sources_content(const struct add_sources *s, struct digest *content,
			struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;

	if (!s->len)
		return 0;
	if (hash_new(&hash, err) < 0)
		return -1;
	hash_field_str(hash, content->text);
	for (size_t i = 0; i < s->len; i++) {
		const struct add_source *a = &s->items[i];
		bool git = a->form == SOURCE_FORM_GIT;

		hash_field_str(hash, git ? "commit" : "file");
		hash_field_str(hash, git ? a->commit.id : a->digest.text);
	}
	hash_finish(hash, content);
	return 0;
}

static int open_root(struct add_source *a, const struct fetch_env *env,
		     struct error *err)
{
	if (a->root)
		return 0;
	if (!a->context && context_open(batch_store(env->batch), a->path, NULL,
					NULL, &a->context, err) < 0)
		return -1;
	return file_root_from_context(a->context, a->text, &a->root, err);
}

int add_sources_fetch(struct add_sources *s, const struct fetch_env *env,
		      struct copy_sources *to, struct error *err)
{
	for (size_t i = 0; i < s->len; i++) {
		struct add_source *a = &s->items[i];
		bool git = a->form == SOURCE_FORM_GIT;

		if ((git ? fetch_work_tree : fetch_contents)(a, env, err) < 0 ||
		    open_root(a, env, err) < 0 ||
		    copy_sources_add(to, a->word, a->root, git ? "" : FILE_NAME,
				     git ? "" : a->name, a->args, err) < 0)
			return -1;
	}
	return 0;
}
