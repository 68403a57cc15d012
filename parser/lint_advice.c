/*
 * Rules that the reference does not have: what costs space, breaks later, or
 * is less safe than it could be. They are advice, see docs/lint.md.
 */
#include <string.h>
#include <strings.h>

#include "parser/lint_internal.h"
#include "parser/mount.h"
#include "parser/secret_text.h"
#include "store/base/buf.h"

/* The tag of an image name; NULL when there is none. */
static const char *tag_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *colon = strchr(slash ? slash : name, ':');

	return colon ? colon + 1 : NULL;
}

void lint_pinned(struct linter *l, const struct lint_stage *stage)
{
	const struct instruction *in = stage->from;
	size_t index = (size_t)(stage - l->stages);
	autofree char *name =
		lint_scope_expand(&l->global, in->args.items[0], l->df->escape);
	const char *tag;

	if (!name || !*name || stage->on_scratch || stage->parent ||
	    strchr(name, '@') || (l->facts->needed && !l->facts->needed[index]))
		return;
	tag = tag_of(name);
	if (!tag)
		lint_report_add(l->report, LINT_UNPINNED_BASE_IMAGE, in,
				"Base image \"%s\" has no tag and may be "
				"another one tomorrow",
				name);
	else if (!strcmp(tag, "latest"))
		lint_report_add(l->report, LINT_UNPINNED_BASE_IMAGE, in,
				"Base image \"%s\" may be another one tomorrow",
				name);
}

void lint_value(struct linter *l, const struct instruction *in,
		const char *name, const char *value)
{
	struct secret_text found;

	if (secret_text_find(value, strlen(value), &found))
		lint_report_add(l->report, LINT_SECRET_IN_VALUE, in,
				"The value of \"%.*s\" looks like %s",
				(int)strcspn(name, "="), name, found.what);
}

/* Position of the argument that a JSON array would begin at; -1: takes none. */
static int json_argument(const struct instruction *in)
{
	switch (in->kind) {
	case INSTR_ADD:
	case INSTR_CMD:
	case INSTR_COPY:
	case INSTR_ENTRYPOINT:
	case INSTR_RUN:
	case INSTR_VOLUME:
		return 0;
	case INSTR_HEALTHCHECK:
		return 1;
	default:
		return -1;
	}
}

/* [ -f x ] is a test of the shell; ["x"] hardly is. */
void lint_json_form(struct linter *l, const struct instruction *in)
{
	int first = json_argument(in);
	const char *text, *last;

	if (first < 0 || in->json || (size_t)first >= in->args.len)
		return;
	text = in->args.items[first];
	last = in->args.items[in->args.len - 1];
	if (*text != '[' || !*last || last[strlen(last) - 1] != ']')
		return;
	text++;
	text += strspn(text, " \t");
	if (*text == '"' || *text == '\'')
		lint_report_add(l->report, LINT_BROKEN_JSON_FORM, in,
				"This is no JSON array, so %s takes it as text",
				instruction_name(in->kind));
}

static bool is_word(const char *word, size_t len, const char *wanted)
{
	return strlen(wanted) == len && !memcmp(word, wanted, len);
}

/* "apt-get" and "apt", with a path or without. */
static bool is_apt(const char *word, size_t len)
{
	const char *slash = memrchr(word, '/', len);

	if (slash) {
		len -= (size_t)(slash + 1 - word);
		word = slash + 1;
	}
	return is_word(word, len, "apt-get") || is_word(word, len, "apt");
}

/* Options of apt that take the next word. */
static bool takes_word(const char *word, size_t len)
{
	return is_word(word, len, "-o") || is_word(word, len, "-c") ||
	       is_word(word, len, "-t");
}

/* Does a shell text run "apt-get [OPTION..] COMMAND"? */
static bool runs_apt(const char *text, const char *command)
{
	static const char blanks[] = " \t\r\n\"'\\";
	static const char ends[] = ";&|()`";
	bool after_apt = false, skip = false;

	while (*text) {
		size_t len = strcspn(text, " \t\r\n\"'\\;&|()`");

		if (!len) {
			after_apt &= !strchr(ends, *text);
			text += strchr(blanks, *text) ? strspn(text, blanks)
						      : 1;
			continue;
		}
		if (after_apt && is_word(text, len, command))
			return true;
		if (!skip && (!after_apt || *text != '-'))
			after_apt = is_apt(text, len);
		skip = !skip && after_apt && takes_word(text, len);
		text += len;
	}
	return false;
}

/* Do the lists go elsewhere than into the layer? */
static bool lists_are_mounted(const struct linter *l,
			      const struct instruction *in)
{
	static const char lists[] = "/var/lib/apt/lists";
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		AUTO(mount_spec_release) struct mount_spec mount = { 0 };
		struct error ignored = ERROR_INIT;
		size_t len;

		if (strncmp(in->flags.items[i], "--mount=", 8) != 0 ||
		    mount_spec_parse(in->flags.items[i] + 8, l->df->escape,
				     NULL, &mount, &ignored) < 0 ||
		    !mount.target)
			continue;
		len = strlen(mount.target);
		while (len > 1 && mount.target[len - 1] == '/')
			len--;
		if ((mount.type == MOUNT_CACHE || mount.type == MOUNT_TMPFS) &&
		    !strncmp(lists, mount.target, len) &&
		    (lists[len] == '/' || !lists[len]))
			return true;
	}
	return false;
}

/* All that a RUN gives to its shell, or the words of a program's call. */
static void append_command(struct buf *out, const struct instruction *in)
{
	size_t i;

	for (i = 0; i < in->args.len; i++) {
		buf_append_str(out, in->args.items[i]);
		buf_append_char(out, ' ');
	}
	for (i = 0; i < in->n_heredocs; i++) {
		buf_append_char(out, '\n');
		buf_append_str(out, in->heredocs[i].content);
	}
	buf_append_str(out, "");
}

static void lint_apt(struct linter *l, const struct instruction *in)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	append_command(&text, in);
	if (text.failed)
		l->report->failed = true;
	if (text.failed || !runs_apt(text.data, "update") ||
	    strstr(text.data, "/apt/lists") ||
	    runs_apt(text.data, "dist-clean") ||
	    runs_apt(text.data, "distclean") || lists_are_mounted(l, in))
		return;
	lint_report_add(l->report, LINT_APT_LISTS_IN_LAYER, in,
			"The lists of apt stay in the layer");
}

static struct lint_stage *target_stage(struct linter *l)
{
	const char *target = l->facts->target;
	size_t i;

	for (i = l->n_stages; target && i > 0; i--)
		if (l->stages[i - 1].name &&
		    !strcasecmp(l->stages[i - 1].name, target))
			return &l->stages[i - 1];
	return l->n_stages ? &l->stages[l->n_stages - 1] : NULL;
}

/* The user of the image that the stage starts from; NULL when not known. */
static const char *base_user(const struct linter *l,
			     const struct lint_stage *root)
{
	size_t index = (size_t)(root - l->stages);

	if (root->on_scratch)
		return "";
	return l->facts->base_user ? l->facts->base_user(l->facts->ctx, index)
				   : NULL;
}

static void lint_user(struct linter *l, const struct lint_stage *target)
{
	const struct lint_stage *root = target;
	const char *user;

	for (; root->parent && !root->user_set; root = root->parent)
		continue;
	user = root->user_set ? "set" : base_user(l, root);
	if (user && !*user)
		lint_report_add(l->report, LINT_MISSING_USER, target->from,
				"No USER is set: the image runs as root");
}

void lint_result(struct linter *l)
{
	struct lint_stage *target = target_stage(l);
	size_t i, stage = 0;

	if (!target)
		return;
	lint_user(l, target);
	target->in_result = true;
	for (i = l->n_stages; i > 0; i--)
		if (l->stages[i - 1].in_result && l->stages[i - 1].parent)
			l->stages[l->stages[i - 1].parent - l->stages]
				.in_result = true;
	for (i = 0; i < l->df->len; i++) {
		const struct instruction *in = &l->df->instructions[i];

		stage += in->kind == INSTR_FROM;
		if (in->kind == INSTR_RUN && stage > 0 &&
		    l->stages[stage - 1].in_result)
			lint_apt(l, in);
	}
}
