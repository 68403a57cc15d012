#include "parser/check_stages.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "parser/flags.h"
#include "parser/mount.h"
#include "store/base/map.h"
#include "store/base/quote.h"
#include "store/base/text.h"

/* Names longer than this refer to nothing. */
enum { MAX_NAME = 256 };

struct stages {
	struct map *all;     /* lower-case names; the values only exist */
	struct map *earlier; /* those before the current stage */
	size_t count;
	size_t current; /* stages seen by stages_check(), from 1 */
	const char *current_name;
};

void stages_free(struct stages *s)
{
	if (!s)
		return;
	map_free(s->all);
	map_free(s->earlier);
	free(s);
}

size_t stages_count(const struct stages *s)
{
	return s->count;
}

bool stage_name_is_valid(const char *name)
{
	if (!isalpha((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

/* `name` in lower case; false when it is too long to be one. */
static bool lower(const char *name, char ret[MAX_NAME], size_t *len)
{
	*len = strlen(name);
	if (*len >= MAX_NAME)
		return false;
	text_copy_lower(ret, MAX_NAME, name);
	return true;
}

static bool knows(const struct map *map, const char *name)
{
	char key[MAX_NAME];
	size_t len;

	return lower(name, key, &len) && map_get(map, key, len);
}

static int add(struct map *map, const char *name, struct error *err)
{
	char key[MAX_NAME];
	size_t len;

	if (!name || !lower(name, key, &len))
		return 0;
	if (map_put(map, key, len, map) < 0)
		return error_nomem(err, "collecting stages");
	return 0;
}

static const char *stage_name(const struct instruction *from)
{
	return from->args.len == 3 ? from->args.items[2] : NULL;
}

int stages_new(const struct dockerfile *df, struct stages **ret,
	       struct error *err)
{
	AUTO(stages_free) struct stages *s = calloc(1, sizeof(*s));
	size_t i;

	if (!s)
		return error_nomem(err, "collecting stages");
	s->all = map_new(NULL);
	s->earlier = map_new(NULL);
	if (!s->all || !s->earlier)
		return error_nomem(err, "collecting stages");
	for (i = 0; i < df->len; i++) {
		const struct instruction *in = &df->instructions[i];

		if (in->kind != INSTR_FROM)
			continue;
		s->count++;
		if (add(s->all, stage_name(in), err) < 0)
			return -1;
	}
	*ret = steal_pointer(&s);
	return 0;
}

/* A decimal number with an optional sign; false for other text. */
static bool parse_index(const char *text, long *ret)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (!*digits || digits[strspn(digits, "0123456789")])
		return false;
	*ret = strlen(digits) > 9 ? INT32_MAX : strtol(text, NULL, 10);
	return true;
}

static int refuse_copy(const struct stages *s, const char *from,
		       struct error *err)
{
	struct quoted quoted_from, quoted_to;
	char index[32];

	snprintf(index, sizeof(index), "%zu", s->current - 1);
	return error_set(
		err, ERROR_DOCKERFILE,
		"cannot copy from stage %s, it needs to be defined "
		"before current stage %s",
		quote(&quoted_from, from),
		quote(&quoted_to, s->current_name ? s->current_name : index));
}

/* Own and later stages are out of reach; other names may be images. */
static int check_copy_from(const struct stages *s, const char *from,
			   struct error *err)
{
	long index;

	if (knows(s->earlier, from))
		return 0;
	if (knows(s->all, from))
		return refuse_copy(s, from, err);
	if (!parse_index(from, &index))
		return 0;
	if (index < 0 || (size_t)index >= s->count)
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid stage index %ld", index);
	return (size_t)index + 1 < s->current ? 0 : refuse_copy(s, from, err);
}

static int check_mount_from(const struct stages *s, const char *value,
			    char escape, struct error *err)
{
	AUTO(mount_spec_release) struct mount_spec mount = { 0 };
	struct quoted from, target;

	if (mount_spec_parse(value, escape, NULL, &mount, err) < 0)
		return -1;
	if (!mount.from || knows(s->earlier, mount.from) ||
	    !knows(s->all, mount.from))
		return 0;
	return error_set(err, ERROR_DOCKERFILE,
			 "cannot mount from stage %s to %s, stage needs to be "
			 "defined before current command",
			 quote(&from, mount.from),
			 quote(&target, mount.target ? mount.target : ""));
}

static int check_references(const struct stages *s,
			    const struct instruction *in, char escape,
			    struct error *err)
{
	size_t i;

	for (i = 0; i < in->flags.len; i++) {
		const char *flag = in->flags.items[i];
		const char *from = flag_value(flag, "from");
		const char *mount = flag_value(flag, "mount");

		if (in->kind == INSTR_COPY && from && *from &&
		    check_copy_from(s, from, err) < 0)
			return -1;
		if (in->kind == INSTR_RUN && mount &&
		    check_mount_from(s, mount, escape, err) < 0)
			return -1;
	}
	return 0;
}

static int enter_stage(struct stages *s, const struct instruction *from,
		       struct error *err)
{
	if (add(s->earlier, s->current_name, err) < 0)
		return -1;
	s->current++;
	s->current_name = stage_name(from);
	return 0;
}

int stages_check(struct stages *s, const struct instruction *in, char escape,
		 struct error *err)
{
	if (in->kind == INSTR_FROM)
		return enter_stage(s, in, err);
	if (s->current == 0)
		return in->kind == INSTR_ARG
			       ? 0
			       : error_set(err, ERROR_DOCKERFILE,
					   "no build stage in current context: "
					   "%s stands before the first FROM",
					   instruction_name(in->kind));
	return check_references(s, in, escape, err);
}
