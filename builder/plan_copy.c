#include <string.h>

#include "builder/config.h"
#include "builder/git_url.h"
#include "builder/plan_internal.h"
#include "parser/chmod.h"
#include "registry/url.h"

#define WHAT "planning a COPY"

static bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Does the path of an http(s) URL end in ".git"? */
static bool is_git_url(const char *url)
{
	size_t len = strcspn(url, "#?");

	return len > 4 && !memcmp(url + len - 4, ".git", 4);
}

/* "git@host:path", the short form of ssh. */
static bool is_scp_form(const char *source)
{
	size_t user = strspn(source, "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-.");
	const char *host = source + user + 1;
	size_t len;

	if (!user || source[user] != '@')
		return false;
	len = strcspn(host, ":/");
	return len && host[len] == ':' && host[len + 1];
}

enum source_form source_form(const char *source)
{
	if (has_prefix(source, "http://") || has_prefix(source, "https://"))
		return is_git_url(source) ? SOURCE_FORM_GIT : SOURCE_FORM_HTTP;
	if (has_prefix(source, "git://") || has_prefix(source, "ssh://") ||
	    is_scp_form(source))
		return SOURCE_FORM_GIT;
	return SOURCE_FORM_LOCAL;
}

static int check_source(const char *source, bool add, struct error *err)
{
	static const char *const names[] = {
		[SOURCE_FORM_HTTP] = "source can't be a URL for COPY",
		[SOURCE_FORM_GIT] = "source can't be a git ref for COPY",
	};
	enum source_form form = source_form(source);
	AUTO(git_url_release) struct git_url url = { 0 };

	if (form == SOURCE_FORM_LOCAL)
		return 0;
	if (!add)
		return error_set(err, ERROR_DOCKERFILE, "%s", names[form]);
	/* Better told before anything is run. */
	return form == SOURCE_FORM_GIT ? git_url_parse(source, &url, err) : 0;
}

static int expand_body(const struct stage_state *st, const struct heredoc *doc,
		       struct inline_file *file, struct error *err)
{
	struct expand_env env = vars_expand_env(&st->env);
	size_t len;
	char *expanded, *body = heredoc_body(doc, &len, err);

	if (!body)
		return -1;
	file->content = body;
	file->len = len;
	if (!doc->expand)
		return 0;
	expanded = expand_heredoc(body, len, &env, &file->len, err);
	if (!expanded)
		return -1;
	file->content = expanded;
	free(body);
	return 0;
}

static int add_file(const struct stage_state *st, struct copy_args *copy,
		    const struct heredoc *doc, struct error *err)
{
	struct inline_file *file = &copy->files[copy->n_files++];

	file->name = strdup(doc->name);
	if (!file->name)
		return error_nomem(err, WHAT);
	return expand_body(st, doc, file, err);
}

/* The words but for the last: paths, URLs, and markers of heredocs. */
static int read_sources(const struct planner *pl, const struct stage_state *st,
			const struct instruction *in, struct copy_args *copy,
			struct error *err)
{
	bool add = in->kind == INSTR_ADD;
	size_t i;

	if (in->n_heredocs)
		copy->files = calloc(in->n_heredocs, sizeof(*copy->files));
	if (in->n_heredocs && !copy->files)
		return error_nomem(err, WHAT);
	for (i = 0; i + 1 < in->args.len; i++) {
		const struct heredoc *doc = instruction_heredoc_of(in, i);
		autofree char *source = NULL;

		if (doc && add_file(st, copy, doc, err) < 0)
			return -1;
		if (doc)
			continue;
		source = scope_expand(pl, st, in->args.items[i], err);
		if (!source || check_source(source, add, err) < 0)
			return -1;
		strv_take(&copy->sources, steal_pointer(&source));
	}
	return strv_check(&copy->sources, WHAT, err);
}

/* Absolute, but otherwise as written: its end tells a folder from a file. */
static int place_dest(const struct stage_state *st, const char *word,
		      struct copy_args *copy, struct error *err)
{
	const char *dir = config_get(st->stage->config, "WorkingDir");

	if (word[0] == '/') {
		copy->dest = strdup(word);
		return copy->dest ? 0 : error_nomem(err, WHAT);
	}
	if (!dir || !strcmp(dir, "/"))
		dir = "";
	if (!strcmp(word, "."))
		word = "";
	if (asprintf(&copy->dest, "%s/%s", dir, word) < 0) {
		copy->dest = NULL;
		return error_nomem(err, WHAT);
	}
	return 0;
}

static int expand_flag(const struct planner *pl, const struct stage_state *st,
		       const struct instruction *in, const char *name,
		       char **ret, struct error *err)
{
	const char *value = instruction_flag(in, name);
	autofree char *expanded = NULL;

	if (!value)
		return 0;
	expanded = scope_expand(pl, st, value, err);
	if (!expanded)
		return -1;
	/* An empty value is as good as none. */
	if (*expanded)
		*ret = steal_pointer(&expanded);
	return 0;
}

static int check_checksum(const struct copy_args *copy, struct error *err)
{
	autofree char *ignored = NULL;
	struct digest digest;

	if (!copy->checksum)
		return 0;
	if (copy->sources.len != 1 || copy->n_files)
		return error_set(err, ERROR_DOCKERFILE,
				 "checksum can't be specified for multiple "
				 "sources");
	switch (source_form(copy->sources.items[0])) {
	case SOURCE_FORM_GIT:
		return git_checksum_parse(copy->checksum, &ignored, err);
	case SOURCE_FORM_HTTP:
		if (digest_parse(copy->checksum, &digest, err) == 0)
			return 0;
		err->kind = ERROR_DOCKERFILE;
		return error_wrap(err, "--checksum=%s", copy->checksum);
	default:
		return error_set(err, ERROR_DOCKERFILE,
				 "checksum requires HTTP(S) or Git sources");
	}
}

static int read_unpack(const struct instruction *in, struct copy_args *copy,
		       struct error *err)
{
	bool unpack;

	if (!instruction_flag(in, "unpack"))
		return 0;
	if (instruction_flag_bool(in, "unpack", &unpack, err) < 0)
		return -1;
	copy->unpack = unpack ? UNPACK_YES : UNPACK_NO;
	return 0;
}

static int read_excludes(const struct instruction *in, struct copy_args *copy,
			 struct error *err)
{
	const char *pattern;
	size_t i;

	for (i = 0; (pattern = flag_at(in, "exclude", i)); i++)
		strv_append(&copy->excludes, pattern);
	return strv_check(&copy->excludes, WHAT, err);
}

static int read_flags(const struct planner *pl, const struct stage_state *st,
		      const struct instruction *in, struct copy_args *copy,
		      struct error *err)
{
	struct chmod_spec mode;

	if (expand_flag(pl, st, in, "chown", &copy->chown, err) < 0 ||
	    expand_flag(pl, st, in, "chmod", &copy->chmod, err) < 0 ||
	    expand_flag(pl, st, in, "checksum", &copy->checksum, err) < 0 ||
	    instruction_flag_bool(in, "link", &copy->link, err) < 0 ||
	    instruction_flag_bool(in, "parents", &copy->parents, err) < 0 ||
	    instruction_flag_bool(in, "keep-git-dir", &copy->keep_git_dir,
				  err) < 0 ||
	    read_unpack(in, copy, err) < 0 || read_excludes(in, copy, err) < 0)
		return -1;
	if (copy->chmod && chmod_parse(copy->chmod, &mode, err) < 0)
		return -1;
	return check_checksum(copy, err);
}

static int read_from(const struct planner *pl, const struct stage_state *st,
		     const struct command *c, struct copy_args *copy,
		     struct error *err)
{
	const struct stage *stage = st->stage;
	size_t i;

	if (c->n_refs) {
		copy->from = ref_source(&c->refs[0]);
		if (copy->from.kind != SOURCE_STAGE ||
		    state_of(pl, copy->from.stage)->evaluated)
			return 0;
		return error_set(
			err, ERROR_DOCKERFILE,
			"cannot copy from stage \"%s\", it needs to be "
			"defined before current stage \"%s\"",
			instruction_flag(c->in, "from"),
			stage->name ? stage->name : "");
	}
	copy->from.kind = SOURCE_HEREDOCS;
	for (i = 0; i < copy->sources.len; i++)
		if (source_form(copy->sources.items[i]) == SOURCE_FORM_LOCAL)
			copy->from.kind = SOURCE_CONTEXT;
	copy->from.context = "";
	return 0;
}

/* What is not told: --from, --link and --exclude. */
static void describe(struct buf *text, const struct instruction *in,
		     const struct copy_args *copy, const char *dest)
{
	size_t i;

	buf_append_str(text, instruction_name(in->kind));
	if (copy->parents)
		buf_append_str(text, " --parents");
	if (copy->chown)
		buf_printf(text, " --chown=%s", copy->chown);
	if (copy->chmod)
		buf_printf(text, " --chmod=%s", copy->chmod);
	for (i = 0; i < copy->sources.len; i++) {
		buf_append_char(text, ' ');
		/* Whoever has the image reads this. */
		url_redact(text, copy->sources.items[i]);
	}
	for (i = 0; i < copy->n_files; i++)
		buf_printf(text, " <<%s", copy->files[i].name);
	buf_printf(text, " %s # buildkit", dest);
}

int plan_copy(struct planner *pl, struct stage_state *st,
	      const struct command *c, struct error *err)
{
	const struct instruction *in = c->in;
	AUTO(buf_release) struct buf text = BUF_INIT;
	autofree char *dest = NULL;
	struct copy_args *copy;
	struct step *step;

	dest = scope_expand(pl, st, in->args.items[in->args.len - 1], err);
	step = dest ? stage_add_step(
			      pl, st, c,
			      in->kind == INSTR_ADD ? STEP_ADD : STEP_COPY, err)
		    : NULL;
	if (!step)
		return -1;
	copy = &step->u.copy;
	if (read_sources(pl, st, in, copy, err) < 0 ||
	    read_flags(pl, st, in, copy, err) < 0 ||
	    read_from(pl, st, c, copy, err) < 0 ||
	    place_dest(st, dest, copy, err) < 0)
		return -1;
	describe(&text, in, copy, dest);
	return stage_add_history(st, &text, step, err);
}
