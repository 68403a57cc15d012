/*
 * Any bytes give a tree or an error. Of a tree: lines ascend, it can be
 * judged, linted and printed, and each trigger parses again.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "parser/dockerfile.h"
#include "parser/lint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_heredocs(const struct instruction *in)
{
	struct error err = ERROR_INIT;
	size_t i, len;

	for (i = 0; i < in->n_heredocs; i++) {
		autofree char *body =
			heredoc_body(&in->heredocs[i], &len, &err);

		assert(body && len <= in->heredocs[i].content_len);
	}
}

/* A trigger is stored as text; reading it back must give the same. */
static void check_trigger(const struct instruction *in)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;
	autofree char *text = NULL;

	text = instruction_with_heredocs(in, in->text, &err);
	assert(text);
	if (dockerfile_parse_trigger(text, &df, &err) < 0)
		return;
	assert(df->instructions[0].kind == in->kind);
	assert(df->instructions[0].n_heredocs == in->n_heredocs);
}

static void check_lint(const struct dockerfile *df)
{
	AUTO(lint_report_release) struct lint_report report = { 0 };
	struct lint_facts facts = { .check = "experimental=all" };
	struct error err = ERROR_INIT;
	size_t i;

	if (lint(df, &facts, &report, &err) < 0)
		assert(err.kind == ERROR_DOCKERFILE);
	for (i = 0; i < report.len; i++)
		assert(report.items[i].first_line > 0 &&
		       report.items[i].message[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	struct error err = ERROR_INIT;
	json_t *json;
	size_t i;

	if (dockerfile_parse((const char *)data, size, &df, &err) < 0) {
		assert(err.kind == ERROR_DOCKERFILE && err.first_line > 0);
		return 0;
	}
	assert(df->len > 0 && dockerfile_lines_ascend(df));
	for (i = 0; i < df->len; i++) {
		check_heredocs(&df->instructions[i]);
		if (df->instructions[i].onbuild && df->escape == '\\')
			check_trigger(df->instructions[i].onbuild);
	}
	if (dockerfile_check(df, &err) < 0)
		assert(err.kind == ERROR_DOCKERFILE && err.first_line > 0);
	else
		check_lint(df);
	json = dockerfile_to_json(df);
	assert(json);
	json_decref(json);
	return 0;
}
