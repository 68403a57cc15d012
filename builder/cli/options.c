#include "builder/cli/options.h"

#include <string.h>
#include <strings.h>

#include "store/base/text.h"

static const struct option_spec *find_long(const struct option_spec *specs,
					   size_t n, const char *name,
					   size_t len)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strlen(specs[i].name) == len &&
		    !strncmp(specs[i].name, name, len))
			return &specs[i];
	return NULL;
}

static const struct option_spec *find_letter(const struct option_spec *specs,
					     size_t n, char letter)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (specs[i].letter == letter)
			return &specs[i];
	return NULL;
}

static int unknown_option(const struct option_spec *specs, size_t n,
			  const char *name, size_t len, struct error *err)
{
	size_t i, best = 3;
	const char *guess = NULL;

	for (i = 0; i < n; i++) {
		size_t distance = text_distance(
			specs[i].name, strlen(specs[i].name), name, len);

		if (distance < best) {
			best = distance;
			guess = specs[i].name;
		}
	}
	if (guess)
		return error_set(err, ERROR_USAGE,
				 "unknown option --%.*s (did you mean --%s?)",
				 (int)len, name, guess);
	return error_set(err, ERROR_USAGE, "unknown option --%.*s", (int)len,
			 name);
}

static int parse_bool(const char *name, const char *text, bool *ret,
		      struct error *err)
{
	if (!text || !strcasecmp(text, "true") || !strcmp(text, "1"))
		*ret = true;
	else if (!strcasecmp(text, "false") || !strcmp(text, "0"))
		*ret = false;
	else
		return error_set(err, ERROR_USAGE,
				 "--%s takes true or false, not \"%s\"", name,
				 text);
	return 0;
}

static bool takes_argument(const struct option_spec *spec)
{
	return spec->kind != OPTION_BOOL && spec->kind != OPTION_IGNORED_BOOL;
}

static int store_value(const struct option_spec *spec, const char *value,
		       struct error *err)
{
	bool ignored;

	switch (spec->kind) {
	case OPTION_BOOL:
		return parse_bool(spec->name, value, spec->value, err);
	case OPTION_IGNORED_BOOL:
		return parse_bool(spec->name, value, &ignored, err);
	case OPTION_STRING:
		*(const char **)spec->value = value;
		return 0;
	case OPTION_LIST:
		strv_append(spec->value, value);
		return strv_check(spec->value, "reading options", err);
	case OPTION_IGNORED_STRING:
		return 0;
	}
	return 0;
}

/* The value after "--name" or "-n": attached, or the next word. */
static int apply(const struct option_spec *spec, const char *attached,
		 char **argv, int *at, struct error *err)
{
	const char *value = attached;

	if (!value && takes_argument(spec)) {
		value = argv[*at + 1];
		if (!value)
			return error_set(err, ERROR_USAGE, "--%s needs a value",
					 spec->name);
		(*at)++;
	}
	return store_value(spec, value, err);
}

static int parse_long(const struct option_spec *specs, size_t n, char **argv,
		      int *at, bool *help, struct error *err)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_spec *spec = find_long(specs, n, name, len);

	if (!spec && len == 4 && !strncmp(name, "help", len)) {
		*help = true;
		return 0;
	}
	if (!spec)
		return unknown_option(specs, n, name, len, err);
	return apply(spec, equals ? equals + 1 : NULL, argv, at, err);
}

/* A cluster such as "-qt app" or "-tapp". */
static int parse_letters(const struct option_spec *specs, size_t n, char **argv,
			 int *at, bool *help, struct error *err)
{
	const char *letters = argv[*at] + 1;

	for (; *letters; letters++) {
		const struct option_spec *spec =
			find_letter(specs, n, *letters);

		if (!spec && *letters == 'h') {
			*help = true;
			continue;
		}
		if (!spec)
			return error_set(err, ERROR_USAGE, "unknown option -%c",
					 *letters);
		if (!takes_argument(spec)) {
			if (store_value(spec, NULL, err) < 0)
				return -1;
			continue;
		}
		if (letters[1] == '=')
			letters++;
		return apply(spec, letters[1] ? letters + 1 : NULL, argv, at,
			     err);
	}
	return 0;
}

int options_parse(const struct option_spec *specs, size_t n, int argc,
		  char **argv, struct strv *words, bool *help,
		  struct error *err)
{
	int i, rc = 0;

	for (i = 1; i < argc && rc == 0; i++) {
		const char *word = argv[i];

		if (!strcmp(word, "--")) {
			for (i++; i < argc; i++)
				strv_append(words, argv[i]);
		} else if (!strncmp(word, "--", 2)) {
			rc = parse_long(specs, n, argv, &i, help, err);
		} else if (word[0] == '-' && word[1]) {
			rc = parse_letters(specs, n, argv, &i, help, err);
		} else {
			strv_append(words, word);
		}
	}
	return rc < 0 ? -1 : strv_check(words, "reading options", err);
}

void options_print(FILE *out, const struct option_spec *specs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char left[64];

		if (!specs[i].help)
			continue;
		snprintf(left, sizeof(left), "%s%s%s", specs[i].name,
			 specs[i].placeholder ? " " : "",
			 specs[i].placeholder ? specs[i].placeholder : "");
		if (specs[i].letter)
			fprintf(out, "  -%c, --%-26s %s\n", specs[i].letter,
				left, specs[i].help);
		else
			fprintf(out, "      --%-26s %s\n", left, specs[i].help);
	}
}

int options_command(const struct command_usage *usage,
		    const struct option_spec *specs, size_t n, int argc,
		    char **argv, struct strv *words, struct error *err)
{
	bool help = false;

	if (options_parse(specs, n, argc, argv, words, &help, err) < 0)
		return -1;
	if (help) {
		printf("Usage: shale %s\n%s", usage->line,
		       n ? "\nOptions:\n" : "");
		options_print(stdout, specs, n);
		return 0;
	}
	if (words->len < usage->min_words || words->len > usage->max_words)
		return error_set(err, ERROR_USAGE, "%s", usage->words);
	return 1;
}
