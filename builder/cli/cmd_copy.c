#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/pending_file.h"
#include "builder/cli/place.h"
#include "builder/cli/place_source.h"
#include "builder/cli/session_step.h"
#include "builder/cli/stdout.h"
#include "registry/copy.h"

#define PARALLEL_BLOBS 4

struct copy_command {
	struct session_options session;
	struct place from, to;
	struct platform platform;
	const struct platform *want; /* NULL: all */
};

/* ---- to ---- */

static int to_registry(struct session *s, const char *name,
		       struct copy_target **ret, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };

	if (reference_parse(name, &ref, err) < 0)
		return -1;
	return copy_to_registry(s->registry, &ref, ret, err);
}

static int to_store(struct session *s, const char *name,
		    struct copy_target **ret, struct error *err)
{
	autofree char *full = session_name(name, err);

	return full ? copy_to_store(s->batch, full, ret, err) : -1;
}

static int to_layout(const struct place *p, struct copy_target **ret,
		     struct error *err)
{
	struct layout *l;

	if (layout_to_dir(p->path, &l, err) < 0)
		return -1;
	return copy_to_layout(l, p->name, false, ret, err);
}

static int to_archive(const struct place *p, int fd, struct copy_target **ret,
		      struct error *err)
{
	bool docker = p->kind == PLACE_DOCKER_ARCHIVE;
	autofree char *full = NULL;
	struct layout *l;

	if (docker && p->name) {
		full = session_name(p->name, err);
		if (!full)
			return -1;
	}
	if (layout_to_archive(fd, &l, err) < 0)
		return -1;
	return copy_to_layout(l, docker ? full : p->name, docker, ret, err);
}

/* `file` is open when the place is an archive. */
static int open_dest(struct session *s, const struct place *p,
		     const struct pending_file *file, struct copy_target **ret,
		     struct error *err)
{
	switch (p->kind) {
	case PLACE_REGISTRY:
		return to_registry(s, p->name, ret, err);
	case PLACE_STORE:
		return to_store(s, p->name, ret, err);
	case PLACE_LAYOUT:
		return to_layout(p, ret, err);
	default:
		return to_archive(p, file->path ? file->fd : STDOUT_FILENO, ret,
				  err);
	}
}

static bool is_archive(const struct place *p)
{
	return p->kind == PLACE_OCI_ARCHIVE || p->kind == PLACE_DOCKER_ARCHIVE;
}

static bool is_to_stdout(const struct copy_command *c)
{
	return is_archive(&c->to) && !strcmp(c->to.path, "-");
}

/* ---- the command ---- */

static int copy_between(struct session *s, const struct copy_command *c,
			const struct pending_file *file,
			struct descriptor *root, struct error *err)
{
	AUTO(copy_source_free) struct copy_source *from = NULL;
	AUTO(copy_target_free) struct copy_target *to = NULL;
	const struct copy_options how = { .platform = c->want,
					  .parallel = PARALLEL_BLOBS };

	if (place_source(s, &c->from, &from, err) < 0 ||
	    open_dest(s, &c->to, file, &to, err) < 0)
		return -1;
	return copy_image(from, to, &how, root, err);
}

static int copy(struct session *s, const struct copy_command *c,
		struct descriptor *root, struct error *err)
{
	AUTO(pending_file_release) struct pending_file file = { .fd = -1 };

	if (is_archive(&c->to) && !is_to_stdout(c) &&
	    pending_file_open(&file, c->to.path, err) < 0)
		return -1;
	if (copy_between(s, c, &file, root, err) < 0 ||
	    (file.path && pending_file_commit(&file, err) < 0))
		return -1;
	return c->to.kind == PLACE_STORE ? batch_publish(s->batch, err) : 0;
}

static int run(const struct copy_command *c, const struct strv *words,
	       struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(descriptor_release) struct descriptor root = { 0 };
	autofree char *label = NULL;
	int rc;

	if (is_to_stdout(c) && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_USAGE,
				 "not writing an archive to a terminal");
	if (session_open(&c->session, &s, err) < 0)
		return -1;
	if (asprintf(&label, "copying %s to %s", words->items[0],
		     words->items[1]) < 0) {
		label = NULL;
		return error_nomem(err, "copying an image");
	}
	s->transfer_step = session_step_begin(s, label, NULL);
	rc = copy(s, c, &root, err);
	if (is_to_stdout(c))
		stdout_written(rc, err);
	session_transfer_end(s, rc, err);
	if (rc < 0)
		return error_wrap(err, "%s", label);
	if (!is_to_stdout(c))
		printf("%s\n", root.digest.text);
	return 0;
}

static int parse_words(struct copy_command *c, int argc, char **argv,
		       struct strv *words, struct error *err)
{
	static const struct command_usage usage = {
		"copy [OPTIONS] SOURCE DESTINATION\n\n"
		"Each is one of\n"
		"  NAME, docker://NAME          an image in a registry\n"
		"  store:NAME                   a local image\n"
		"  oci:DIR[:TAG]                an OCI layout\n"
		"  oci-archive:FILE[:TAG]       an archive of one\n"
		"  docker-archive:FILE[:NAME]   an archive for docker load",
		"copy takes a source and a destination", 2, 2
	};
	const char *platform = NULL;
	const struct option_spec specs[] = {
		{ "platform", 0, OPTION_STRING, &platform, "OS/ARCH",
		  "copy only this image of an index (default: all)" },
		{ "quiet", 'q', OPTION_BOOL, &c->session.quiet, NULL,
		  "print the digest only" },
		SESSION_STORE_OPTIONS(c->session),
		SESSION_REGISTRY_OPTIONS(c->session),
	};
	int rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
				 words, err);

	if (rc <= 0)
		return rc;
	if (place_parse(words->items[0], &c->from, err) < 0 ||
	    place_parse(words->items[1], &c->to, err) < 0)
		return -1;
	if (platform_wanted(platform, &c->platform, err) < 0)
		return -1;
	/* Neither the store nor docker's archives hold indexes. */
	if (platform || c->to.kind == PLACE_STORE ||
	    c->to.kind == PLACE_DOCKER_ARCHIVE)
		c->want = &c->platform;
	return rc;
}

int cmd_copy(int argc, char **argv, struct error *err)
{
	AUTO(strv_release) struct strv words = STRV_INIT;
	struct copy_command c = { 0 };
	int rc = parse_words(&c, argc, argv, &words, err);

	if (rc > 0)
		rc = run(&c, &words, err);
	place_release(&c.from);
	place_release(&c.to);
	return rc;
}
