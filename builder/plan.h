/*
 * What a Dockerfile means: AST, arguments and target to a graph of steps with
 * every argument expanded, and the image config and history that result. Only
 * the images named by FROM and --from are asked for (manifest and config, by
 * the caller's resolver); no layer is looked into and nothing is run.
 *
 * Config is always computed here, never cached. Steps exist for what makes a
 * layer: RUN, COPY, ADD, WORKDIR. Only what the target needs is planned.
 */
#ifndef BUILDER_PLAN_H
#define BUILDER_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "parser/dockerfile.h"
#include "parser/mount.h"
#include "store/image.h"
#include "store/platform.h"

struct step;
struct stage;

/* Where files come from, or what a stage starts from. */
enum source_kind {
	SOURCE_SCRATCH, /* the empty root */
	SOURCE_STAGE,
	SOURCE_IMAGE,
	SOURCE_CONTEXT,	 /* a directory; "" is the main build context */
	SOURCE_HEREDOCS, /* COPY or ADD with nothing but heredocs or URLs */
};

struct source {
	enum source_kind kind;
	struct stage *stage; /* borrowed from the plan */
	struct image *image; /* borrowed from the plan */
	const char *context; /* name; borrowed from the options */
};

enum step_kind {
	STEP_RUN,
	STEP_COPY,
	STEP_ADD,
	STEP_WORKDIR,
};

/* A file whose contents stood in the Dockerfile. */
struct inline_file {
	char *name;
	char *content; /* expanded, tabs chomped */
	size_t len;
};

/*
 * Defaults are filled in: `target` is absolute and cleaned (NULL only for a
 * secret that goes to a variable), `id` is set for cache, secret and ssh.
 */
struct run_mount {
	struct mount_spec spec; /* expanded; see parser/mount.h */
	struct source from;	/* bind and cache; else scratch */
};

struct run_args {
	struct strv argv;      /* SHELL already in front */
	struct strv env;       /* image env, build args; PATH set */
	struct strv quiet_env; /* proxies: in no key and no history */
	char *user;	       /* USER text, "" for root */
	char *cwd;
	struct run_mount *mounts;
	size_t n_mounts;
	struct inline_file *scripts; /* mounted at /dev/pipes/<name> */
	size_t n_scripts;
	char *network; /* "default", "none", "host" */
	bool insecure;
};

struct copy_args {
	struct source from;
	struct strv sources; /* as written, after expansion */
	struct inline_file *files;
	size_t n_files;
	/*
	 * Absolute, uncleaned: a trailing slash or "/." means a directory.
	 * With several sources and neither, it must be one already.
	 */
	char *dest;
	char *chown; /* NULL when not given */
	char *chmod; /* NULL when not given */
	struct strv excludes;
	bool link;
	bool parents;
	bool keep_git_dir;				       /* ADD */
	enum { UNPACK_DEFAULT, UNPACK_YES, UNPACK_NO } unpack; /* ADD */
	char *checksum; /* ADD; NULL when not given */
};

struct workdir_args {
	char *path; /* absolute, cleaned */
	char *user; /* USER text in force */
};

struct step {
	enum step_kind kind;
	size_t id; /* index in plan->steps; inputs have smaller */
	struct stage *stage;
	struct step *parent; /* whose root this one changes; NULL: `base` */
	struct source base;  /* scratch or image, when there is no parent */
	int first_line, last_line; /* for triggers: of the FROM */
	char *label;		   /* "[build 2/3] RUN make" */
	bool no_cache;
	union {
		struct run_args run;
		struct copy_args copy; /* also ADD */
		struct workdir_args workdir;
	} u;
};

struct history_item {
	char *created_by;	 /* NULL: a layer that no instruction made */
	const struct step *step; /* NULL: no layer */
};

struct stage {
	size_t index; /* among the FROM lines */
	char *name;   /* lower case; NULL when unnamed */
	bool needed;  /* reachable from the target; else nothing is planned */
	struct source base;
	char *base_label; /* "[build 1/3] FROM debian:12"; NULL: no image */
	struct platform platform;
	struct step *last; /* NULL: the base's root is the result */
	json_t *config;	   /* final image config without rootfs; `history`
			      and `created` are still the base image's; NULL
			      where another stage went on with it */
	struct history_item *history; /* of this stage alone */
	size_t n_history;
	int from_line;
};

struct plan {
	struct stage *stages;
	size_t n_stages;
	struct stage *target;
	struct step **steps; /* of needed stages; inputs before users */
	size_t n_steps;
	struct image **images; /* resolved; owned */
	size_t n_images;
	bool has_epoch;
	int64_t epoch; /* SOURCE_DATE_EPOCH */
	struct strv warnings;
};

/* A --build-context: an image when `image` or `ref` is set, else files. */
struct named_context {
	const char *name;
	struct image *image; /* borrowed */
	const char *ref;     /* "docker-image://..", "oci-layout://..": what the
				resolver is asked for in the name's place */
};

struct plan_options {
	const char *target;	  /* NULL: the last stage */
	struct strv build_args;	  /* NAME=value */
	struct strv labels;	  /* NAME=value, added to the result */
	struct strv proxies;	  /* NAME=value from the environment */
	struct platform platform; /* wanted */
	bool platform_given;	  /* by the user: the result says so */
	bool many_platforms;	  /* labels name the platform */
	struct platform host;
	bool no_cache;
	struct strv no_cache_stages; /* --no-cache-filter */
	const struct named_context *contexts;
	size_t n_contexts;

	/*
	 * Fetch manifest and config of a base image; layers stay remote. Called
	 * from several threads, once for each name and platform. `ref` is a
	 * name, or a context's.
	 */
	int (*resolve)(void *ctx, const char *ref,
		       const struct platform *platform, struct image **ret,
		       struct error *err);
	void *ctx;
};

/*
 * `df` and `options` are borrowed and must outlive the plan. Errors are
 * ERROR_DOCKERFILE with lines, or what the resolver said (wrapped, with the
 * FROM's lines).
 */
int plan_new(const struct dockerfile *df, const struct plan_options *options,
	     struct plan **ret, struct error *err);
void plan_free(struct plan *p);
DEFINE_CLEANUP(struct plan *, plan_free);

/* Does a step that is planned read files of the context `name`? */
bool plan_reads_context(const struct plan *p, const char *name);

/* What an ADD source is, by its text alone. */
enum source_form {
	SOURCE_FORM_LOCAL,
	SOURCE_FORM_HTTP,
	SOURCE_FORM_GIT,
};

enum source_form source_form(const char *source);

/* What running a step gave. */
struct step_result {
	struct layer *layer;
	struct timespec created; /* when it ran, also when it came from cache */
};

/*
 * Assemble the image of a stage: base layers, the layers of its steps in
 * order, config with history, times clamped to the epoch. `results` is
 * indexed by step id. Not saved yet. The same results give the same image:
 * times come from them and from the base only.
 */
int plan_image(const struct plan *p, const struct stage *stage,
	       const struct step_result *results, struct image **ret,
	       struct error *err);

#endif
