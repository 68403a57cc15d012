#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/cli/output.h"
#include "builder/cli/pending_file.h"
#include "builder/cli/session_step.h"
#include "builder/cli/stdout.h"
#include "store/export.h"
#include "store/manifest.h"

/* What one output writes, whatever it writes to. */
struct job {
	struct session *s;
	const struct output *o;
	const struct output_image *images;
	size_t n;
	struct layer_format format;
	struct output_result *result;
};

static int write_images(const struct job *job, const struct export_target *to,
			struct error *err)
{
	static const char *const none = NULL;
	autofree struct export_image *items = calloc(job->n, sizeof(*items));
	AUTO(descriptor_release) struct descriptor manifest = { 0 };
	size_t i;

	if (!items)
		return error_nomem(err, "exporting images");
	for (i = 0; i < job->n; i++) {
		const struct strv *names = job->images[i].names;

		items[i].image = job->images[i].image;
		items[i].names =
			names->len ? (const char *const *)names->items : &none;
	}
	if (export_oci(job->s->batch, items, job->n, &job->format,
		       job->o->kind == OUTPUT_DOCKER, job->o->annotations, to,
		       &manifest, err) < 0)
		return -1;
	job->result->manifest = manifest.digest;
	return 0;
}

static int write_to(const struct job *job, const struct export_target *to,
		    struct error *err)
{
	if (job->o->kind == OUTPUT_TAR || job->o->kind == OUTPUT_LOCAL)
		return export_tree(job->s->batch, job->images[0].image,
				   job->format.clamp, to, err);
	return write_images(job, to, err);
}

static int write_stdout(const struct job *job, struct error *err)
{
	struct export_target to = { .fd = STDOUT_FILENO };

	if (isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE,
				 "not writing an archive to a terminal; name a "
				 "file with dest= or redirect");
	return stdout_written(write_to(job, &to, err), err);
}

static int write_file(const struct job *job, struct error *err)
{
	AUTO(pending_file_release) struct pending_file file = { .fd = -1 };
	struct export_target to = { .fd = -1 };

	if (pending_file_open(&file, job->o->dest, err) < 0)
		return -1;
	to.fd = file.fd;
	if (write_to(job, &to, err) < 0)
		return error_wrap(err, "writing \"%s\"", job->o->dest);
	return pending_file_commit(&file, err);
}

static int write_directory(const struct job *job, struct error *err)
{
	struct export_target to = { .fd = -1, .dir = job->o->dest };

	if (write_to(job, &to, err) < 0)
		return error_wrap(err, "writing \"%s\"", job->o->dest);
	return 0;
}

static int push_image(const struct job *job, struct error *err)
{
	const struct output_push how = {
		.names = job->images[0].names,
		.format = &job->format,
		.annotations = job->o->annotations,
		.keep = job->o->keep_blobs,
		.ahead = job->o->ahead,
	};

	return output_push(job->s, job->images[0].image, &how,
			   &job->result->manifest, err);
}

static int run_job(const struct job *job, struct error *err)
{
	switch (job->o->kind) {
	case OUTPUT_CACHE_ONLY:
		return 0;
	case OUTPUT_IMAGE:
		if (!job->o->push)
			return 0;
		return push_image(job, err);
	case OUTPUT_LOCAL:
		return write_directory(job, err);
	default:
		break;
	}
	if (job->o->directory)
		return write_directory(job, err);
	if (!job->o->dest || !strcmp(job->o->dest, "-"))
		return write_stdout(job, err);
	return write_file(job, err);
}

static const char *describe(enum output_kind kind)
{
	static const char *const labels[] = {
		[OUTPUT_IMAGE] = "pushing the image",
		[OUTPUT_OCI] = "exporting to oci image format",
		[OUTPUT_DOCKER] = "exporting to docker image format",
		[OUTPUT_TAR] = "exporting to client tarball",
		[OUTPUT_LOCAL] = "exporting to client directory",
	};

	return labels[kind];
}

/* Run it as a step of its own. */
static int show_job(const struct job *job, struct error *err)
{
	struct session *s = job->s;

	s->transfer_step = session_step_begin(s, describe(job->o->kind), NULL);
	return session_transfer_end(s, run_job(job, err), err);
}

int output_write(struct session *s, const struct output *o, struct image *image,
		 const struct strv *names, const int64_t *epoch,
		 struct output_result *ret, struct error *err)
{
	const struct output_image item = {
		.image = image,
		.names = output_names(o, names),
	};
	struct job job = { .s = s,
			   .o = o,
			   .images = &item,
			   .n = 1,
			   .format = o->format,
			   .result = ret };

	if (o->kind == OUTPUT_CACHE_ONLY ||
	    (o->kind == OUTPUT_IMAGE && !o->push))
		return 0;
	if (o->rewrite_timestamp && !epoch)
		return error_set(err, ERROR_USAGE,
				 "rewrite-timestamp=true needs "
				 "SOURCE_DATE_EPOCH");
	/* The times of files are no part of an image unless asked for. */
	if (o->rewrite_timestamp || o->kind == OUTPUT_TAR ||
	    o->kind == OUTPUT_LOCAL)
		job.format.clamp = epoch;
	return show_job(&job, err);
}

int output_save(struct session *s, const struct output *o,
		const struct output_image *images, size_t n, struct error *err)
{
	struct output_result ignored;
	const struct job job = { .s = s,
				 .o = o,
				 .images = images,
				 .n = n,
				 .format = o->format,
				 .result = &ignored };

	return show_job(&job, err);
}
