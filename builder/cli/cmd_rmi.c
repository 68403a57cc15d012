#include <stdio.h>
#include <string.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "store/gc.h"
#include "store/names.h"

/*
 * All names of one image go when it is removed by its id. One without a name is
 * garbage, which free_space() collects.
 */
static int remove_names_of(struct session *s, const struct digest *id,
			   struct error *err)
{
	struct name_record *records = NULL;
	size_t n = 0, i;
	int rc;

	rc = names_list(s->store, &records, &n, err);
	for (i = 0; i < n; i++) {
		if (rc == 0 && digest_equal(&records[i].image, id)) {
			rc = name_remove(s->store, records[i].name, err);
			if (rc == 0)
				printf("Untagged: %s\n", records[i].name);
		}
		name_record_release(&records[i]);
	}
	free(records);
	return rc;
}

static int remove_one(struct session *s, const char *text, struct error *err)
{
	autofree char *name = NULL;
	struct digest id;

	if (session_find_image(s, text, &id, &name, err) < 0)
		return -1;
	if (!name)
		return remove_names_of(s, &id, err);
	if (name_remove(s->store, name, err) < 0)
		return -1;
	printf("Untagged: %s\n", name);
	return 0;
}

/* What no name and no remembered step needs goes, unless a build is on. */
static int free_space(struct session *s, struct error *err)
{
	const struct gc_options unneeded = { 0 };
	struct error problem = ERROR_INIT;

	batch_free(steal_pointer(&s->batch));
	if (gc_run(s->store, &unneeded, s->cancel, NULL, &problem) == 0 ||
	    problem.kind == ERROR_REFUSED)
		return 0;
	*err = problem;
	return error_wrap(err, "freeing space");
}

int cmd_rmi(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	bool force = false;
	static const struct command_usage usage = { "rmi [OPTIONS] IMAGE...",
						    "rmi takes image names", 1,
						    WORDS_ANY };
	const struct option_spec specs[] = {
		{ "force", 'f', OPTION_BOOL, &force, NULL,
		  "an image that does not exist is no error" },
		SESSION_STORE_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	size_t i;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (session_open(&options, &s, err) < 0)
		return -1;
	for (i = 0; i < words.len; i++) {
		if (remove_one(s, words.items[i], err) == 0)
			continue;
		if (!force || err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
	}
	return free_space(s, err);
}
