/* Running one step: what solve prepares, and one function per kind of step. */
#ifndef BUILDER_STEP_H
#define BUILDER_STEP_H

#include "builder/add_source.h"
#include "builder/copy_source.h"
#include "builder/solve.h"
#include "store/view.h"

/* Something that a step reads besides the root it changes. */
struct step_read {
	const struct source *from;
	const struct run_mount *mount; /* NULL: the sources of COPY or ADD */
	bool in_key;		       /* what it yields decides the result */
	struct file_root *root;	       /* NULL until its layers are there */
	struct copy_sources found;     /* what is read, with digests */
	bool is_found;
};

/* A step with what it needs to run. */
struct step_job {
	const struct plan *plan;
	const struct step *step;
	const struct solve_options *options;
	struct cancel *cancel; /* also triggered when another step fails */
	unsigned progress;     /* the step's number there */

	struct step_read *reads;
	size_t n_reads;
	struct add_sources added; /* ADD: what comes from elsewhere */

	struct layer **layers; /* the root below, bottom first; references */
	size_t n_layers;
	struct view *view; /* of it; see step_view() */
};

/* Set up `reads`; everything else is zero or borrowed. */
int step_job_init(struct step_job *job, const struct plan *plan,
		  const struct step *step, const struct solve_options *options,
		  struct error *err);
void step_job_release(struct step_job *job);

/* Forget what was only needed to run: roots, views, lists of files. */
void step_job_clear(struct step_job *job);

/* The root below, made on first use: looking into it may fetch layers. */
struct view *step_view(struct step_job *job, struct error *err);

/* Is a read from files at hand, not from another stage or image? */
bool step_read_is_local(const struct step_read *r);

/* Find what is read, read it, and give its digest. `r->root` is set. */
int step_read_content(struct step_job *job, struct step_read *r,
		      struct digest *ret, struct error *err);

/* The time new files get: that of the build, or the epoch. */
struct timespec step_time(const struct step_job *job);

/* Each makes the layer of its kind of step. */
/* A RUN that will most likely be run: begin with what takes long. */
void step_run_expect(const struct step_job *job);

int step_run(struct step_job *job, struct layer **ret, struct error *err);
int step_copy(struct step_job *job, struct layer **ret, struct error *err);
int step_workdir(struct step_job *job, struct layer **ret, struct error *err);

/* ADD: find out what those are, and make `*content` cover them. */
int step_add_content(struct step_job *job, struct digest *content,
		     struct error *err);

/* ADD: have the contents of sources from elsewhere among what is read. */
int step_add_fetch(struct step_job *job, struct error *err);

#endif
