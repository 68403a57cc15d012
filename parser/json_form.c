/*
 * A reader of its own rather than jansson: a lone surrogate or bytes that are
 * no UTF-8 become U+FFFD here as in the reference, and running out of memory
 * is told apart from "this is not JSON".
 */
#include "parser/json_form.h"

#include <stdint.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/rune.h"

enum { MAX_DEPTH = 256 };

struct scan {
	const char *p;
	const char *end;
};

static const char replacement[] = "\xef\xbf\xbd";

static void skip_space(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' ||
				 *s->p == '\n' || *s->p == '\r'))
		s->p++;
}

static bool take(struct scan *s, char c)
{
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static void append_code_point(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_append_char(out, (char)c);
	} else if (c < 0x800) {
		buf_append_char(out, (char)(0xc0 | c >> 6));
		buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_append_char(out, (char)(0xe0 | c >> 12));
		buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_append_char(out, (char)(0xf0 | c >> 18));
		buf_append_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_append_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_append_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits at `p`; -1 when they are not there. */
static int32_t hex4(const char *p, const char *end)
{
	int32_t value = 0;
	int i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* After "\u": one code point, or a surrogate pair of two escapes. */
static bool scan_unicode(struct scan *s, struct buf *out)
{
	int32_t high = hex4(s->p, s->end), low = -1;

	if (high < 0)
		return false;
	s->p += 4;
	if (high < 0xd800 || high > 0xdfff) {
		append_code_point(out, (uint32_t)high);
		return true;
	}
	if (high < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' &&
	    s->p[1] == 'u')
		low = hex4(s->p + 2, s->end);
	if (low < 0xdc00 || low > 0xdfff) {
		buf_append_str(out, replacement);
		return true;
	}
	s->p += 6;
	append_code_point(out, 0x10000 + (((uint32_t)high - 0xd800) << 10) +
				       ((uint32_t)low - 0xdc00));
	return true;
}

static bool scan_escape(struct scan *s, struct buf *out)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *hit;

	if (s->p >= s->end)
		return false;
	if (take(s, 'u'))
		return scan_unicode(s, out);
	hit = *s->p ? strchr(letters, *s->p) : NULL;
	if (!hit)
		return false;
	buf_append_char(out, values[hit - letters]);
	s->p++;
	return true;
}

static bool scan_string(struct scan *s, struct buf *out)
{
	if (!take(s, '"'))
		return false;
	while (s->p < s->end && *s->p != '"') {
		size_t len;

		if ((unsigned char)*s->p < 0x20)
			return false;
		if (take(s, '\\')) {
			if (!scan_escape(s, out))
				return false;
			continue;
		}
		if (rune_valid(s->p, s->end, &len))
			buf_append(out, s->p, len);
		else
			buf_append_str(out, replacement);
		s->p += len;
	}
	return take(s, '"');
}

static size_t skip_digits(struct scan *s)
{
	const char *start = s->p;

	while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
		s->p++;
	return (size_t)(s->p - start);
}

static bool skip_number(struct scan *s)
{
	take(s, '-');
	if (!take(s, '0') && !skip_digits(s))
		return false;
	if (take(s, '.') && !skip_digits(s))
		return false;
	if (take(s, 'e') || take(s, 'E')) {
		if (!take(s, '+'))
			take(s, '-');
		return skip_digits(s) > 0;
	}
	return true;
}

static bool skip_literal(struct scan *s)
{
	static const char *const literals[] = { "true", "false", "null" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(literals); i++) {
		size_t len = strlen(literals[i]);

		if (len <= (size_t)(s->end - s->p) &&
		    !memcmp(s->p, literals[i], len)) {
			s->p += len;
			return true;
		}
	}
	return false;
}

static bool skip_value(struct scan *s, struct buf *scratch, int depth);

/* The rest of an array or object, after its opening bracket. */
static bool skip_members(struct scan *s, char close, struct buf *scratch,
			 int depth)
{
	skip_space(s);
	if (take(s, close))
		return true;
	do {
		skip_space(s);
		if (close == '}') {
			buf_clear(scratch);
			if (!scan_string(s, scratch))
				return false;
			skip_space(s);
			if (!take(s, ':'))
				return false;
		}
		if (!skip_value(s, scratch, depth + 1))
			return false;
		skip_space(s);
	} while (take(s, ','));
	return take(s, close);
}

static bool skip_value(struct scan *s, struct buf *scratch, int depth)
{
	skip_space(s);
	if (s->p >= s->end || depth > MAX_DEPTH)
		return false;
	if (*s->p == '"') {
		buf_clear(scratch);
		return scan_string(s, scratch);
	}
	if (take(s, '['))
		return skip_members(s, ']', scratch, depth);
	if (take(s, '{'))
		return skip_members(s, '}', scratch, depth);
	if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9'))
		return skip_number(s);
	return skip_literal(s);
}

/* What the elements turned out to be; judged once the whole text is valid. */
struct elements {
	struct strv strings;
	bool other; /* some element is no string */
	bool nul;   /* some string holds \u0000 */
	bool nomem;
};

static bool scan_element(struct scan *s, struct elements *found)
{
	AUTO(buf_release) struct buf text = BUF_INIT;

	skip_space(s);
	if (s->p >= s->end || *s->p != '"') {
		found->other = true;
		return skip_value(s, &text, 0);
	}
	if (!scan_string(s, &text))
		return false;
	found->nomem |= text.failed;
	if (text.data && strlen(text.data) != text.len)
		found->nul = true;
	strv_take(&found->strings, buf_steal(&text));
	return true;
}

static bool scan_array(struct scan *s, struct elements *found)
{
	if (!take(s, '['))
		return false;
	skip_space(s);
	if (!take(s, ']')) {
		do {
			if (!scan_element(s, found))
				return false;
			skip_space(s);
		} while (take(s, ','));
		if (!take(s, ']'))
			return false;
	}
	skip_space(s);
	return s->p == s->end;
}

static int judge(const struct elements *found, struct error *err)
{
	if (found->nomem || found->strings.failed)
		return error_nomem(err, "reading a JSON array");
	if (found->other)
		return error_set(err, ERROR_DOCKERFILE,
				 "when using JSON array syntax, arrays must be "
				 "comprised of strings only");
	if (found->nul)
		return error_set(err, ERROR_DOCKERFILE,
				 "a JSON string must not hold \\u0000");
	return 1;
}

int json_form_parse(const char *text, size_t len, struct strv *ret,
		    struct error *err)
{
	struct scan s = { text, text + len };
	struct elements found = { 0 };
	int status = 0;
	size_t i;

	skip_space(&s);
	if (scan_array(&s, &found))
		status = judge(&found, err);
	for (i = 0; status == 1 && i < found.strings.len; i++)
		strv_take(ret, steal_pointer(&found.strings.items[i]));
	strv_release(&found.strings);
	if (status == 1 && strv_check(ret, "reading a JSON array", err) < 0)
		return -1;
	return status;
}
