#include <stdio.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "store/names.h"

static int tag(const struct session_options *options, const char *source,
	       const char *target, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	autofree char *old = NULL, *name = session_name(target, err);
	AUTO(name_record_release) struct name_record record = { 0 };
	struct digest id;

	if (!name || session_open(options, &s, err) < 0 ||
	    session_find_image(s, source, &id, &old, err) < 0)
		return -1;
	if (old && name_get(s->store, old, &record, err) < 0)
		return -1;
	if (name_set(s->batch, name, &id, &record.manifest, err) < 0)
		return -1;
	return batch_publish(s->batch, err);
}

int cmd_tag(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	static const struct command_usage usage = {
		"tag IMAGE NAME", "tag takes an image and its new name", 2, 2
	};
	const struct option_spec specs[] = { SESSION_STORE_OPTIONS(options) };
	AUTO(strv_release) struct strv words = STRV_INIT;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	return tag(&options, words.items[0], words.items[1], err);
}
