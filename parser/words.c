#include "parser/words.h"

#include "store/base/buf.h"
#include "store/base/rune.h"

/* Add the finished word in `buf` and empty it. */
static void flush(struct strv *words, struct buf *word)
{
	if (word->failed)
		words->failed = true;
	else
		strv_append_len(words, word->data ? word->data : "", word->len);
	buf_clear(word);
}

/* One flag word from `p` on; returns its end. */
static const char *unquote_flag(const char *p, const char *end, char escape,
				struct buf *word)
{
	char quote = 0;

	for (; p < end && (quote || !blank_len(p, end)); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
			continue;
		}
		if (*p == escape && ++p == end)
			break;
		buf_append_char(word, *p);
	}
	return p;
}

const char *words_take_flags(const char *p, const char *end, char escape,
			     struct strv *flags)
{
	AUTO(buf_release) struct buf word = BUF_INIT;

	for (;;) {
		p = blank_skip(p, end);
		if (end - p < 2 || p[0] != '-' || p[1] != '-')
			return p;
		p = unquote_flag(p, end, escape, &word);
		if (word.len == 2 && !word.failed)
			return blank_skip(p, end);
		flush(flags, &word);
		if (flags->failed)
			return p;
	}
}

void words_split_blanks(const char *p, const char *end, struct strv *words)
{
	while (p < end) {
		const char *start = p;

		while (p < end && !is_word_blank(*p))
			p++;
		strv_append_len(words, start, (size_t)(p - start));
		while (p < end && is_word_blank(*p))
			p++;
	}
}

/* One word from `p` on, quotes and escapes kept; returns its end. */
static const char *take_quoted(const char *p, const char *end, char escape,
			       struct buf *word)
{
	char quote = 0;
	size_t len;

	while (p < end && (quote || !blank_len(p, end))) {
		if (*p == escape && quote != '\'') {
			if (p + 1 == end)
				return end;
			buf_append_char(word, *p++);
		} else if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? 0 : *p;
		}
		/* ASCII above all: one byte needs no decoding. */
		len = (unsigned char)*p < 0x80 ? 1 : rune_len(p, end);
		buf_append(word, p, len);
		p += len;
	}
	return p;
}

void words_split_quoted(const char *p, const char *end, char escape,
			struct strv *words)
{
	AUTO(buf_release) struct buf word = BUF_INIT;

	for (p = blank_skip(p, end); p < end; p = blank_skip(p, end)) {
		p = take_quoted(p, end, escape, &word);
		if (word.len > 0 || word.failed)
			flush(words, &word);
		if (words->failed)
			return;
	}
}
