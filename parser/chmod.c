#include "parser/chmod.h"

#include <string.h>
#include <sys/stat.h>

#include "store/base/cleanup.h"

enum { ALL_BITS = 07777, EXEC_BITS = 0111 };

static int refuse(const char *text, struct error *err)
{
	return error_set(err, ERROR_DOCKERFILE,
			 "invalid chmod parameter: '%s'. it should be octal "
			 "string and between 0 and 07777",
			 text);
}

static bool parse_octal(const char *text, mode_t *mode)
{
	*mode = 0;
	for (; *text >= '0' && *text <= '7'; text++) {
		*mode = *mode << 3 | (mode_t)(*text - '0');
		if (*mode > ALL_BITS)
			return false;
	}
	return !*text;
}

/* The bits that belong to u, g, o, a: permissions and the special ones. */
static uint16_t who_bits(char who)
{
	switch (who) {
	case 'u':
		return 04700;
	case 'g':
		return 02070;
	case 'o':
		return 01007;
	case 'a':
		return ALL_BITS;
	default:
		return 0;
	}
}

/* One permission letter; false when it is none. */
static bool add_permission(struct chmod_change *change, char c)
{
	static const struct {
		char letter;
		uint16_t bits;
	} letters[] = {
		{ 'r', 0444 },	{ 'w', 0222 },	{ 'x', 0111 },
		{ 's', 06000 }, { 't', 01000 },
	};
	size_t i;

	if (c == 'X')
		change->exec_if_any = true;
	if (c == 'u' || c == 'g' || c == 'o')
		change->copy |= who_bits(c) & 0777;
	if (c == 'X' || c == 'u' || c == 'g' || c == 'o')
		return true;
	for (i = 0; i < ARRAY_LEN(letters); i++) {
		if (letters[i].letter != c)
			continue;
		change->bits |= letters[i].bits;
		/* Sticky belongs to nobody: u+t sets it all the same. */
		if (c == 't')
			change->who |= 01000;
		return true;
	}
	return false;
}

/* "[+-=]permissions" at `*p`, for `who`. */
static bool parse_change(const char **p, uint16_t who, struct chmod_spec *ret)
{
	struct chmod_change change = { .who = who, .op = **p };

	if (ret->len == ARRAY_LEN(ret->changes))
		return false;
	(*p)++;
	while (**p && add_permission(&change, **p))
		(*p)++;
	ret->changes[ret->len++] = change;
	return true;
}

/* "[ugoa]*" and one or more changes at `*p`. */
static bool parse_clause(const char **p, struct chmod_spec *ret)
{
	uint16_t who = 0;

	for (; **p && strchr("ugoa", **p); (*p)++)
		who |= who_bits(**p);
	if (!who)
		who = ALL_BITS;
	if (!**p || !strchr("+-=", **p))
		return false;
	while (**p && strchr("+-=", **p))
		if (!parse_change(p, who, ret))
			return false;
	return true;
}

static bool parse_symbolic(const char *p, struct chmod_spec *ret)
{
	for (;; p++) {
		if (!parse_clause(&p, ret))
			return false;
		if (!*p)
			return true;
		if (*p != ',')
			return false;
	}
}

int chmod_parse(const char *text, struct chmod_spec *ret, struct error *err)
{
	struct chmod_spec spec = { 0 };

	spec.octal = *text >= '0' && *text <= '9';
	if (spec.octal ? !parse_octal(text, &spec.mode)
		       : !parse_symbolic(text, &spec))
		return refuse(text, err);
	*ret = spec;
	return 0;
}

/* The rwx bits that some of u, g, o have, given to all three. */
static mode_t copied_bits(uint16_t from, mode_t mode)
{
	mode_t had = mode & from;

	return ((had >> 6 | had >> 3 | had) & 07) * 0111;
}

static mode_t apply_change(const struct chmod_change *change, mode_t mode,
			   bool is_dir)
{
	mode_t bits = change->bits;

	bits |= copied_bits(change->copy, mode);
	if (change->exec_if_any && (is_dir || mode & EXEC_BITS))
		bits |= EXEC_BITS;
	bits &= change->who;
	if (change->op == '+')
		return mode | bits;
	if (change->op == '-')
		return mode & ~bits;
	return (mode & ~(mode_t)change->who) | bits;
}

mode_t chmod_apply(const struct chmod_spec *spec, mode_t mode)
{
	bool is_dir = S_ISDIR(mode);
	size_t i;

	if (spec->octal)
		return spec->mode;
	mode &= ALL_BITS;
	for (i = 0; i < spec->len; i++)
		mode = apply_change(&spec->changes[i], mode, is_dir);
	return mode;
}
