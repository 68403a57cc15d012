#include <stdio.h>

#include "builder/cli/commands.h"
#include "builder/cli/session.h"
#include "store/names.h"

static int tag(const struct session_options *options, const char *source,
	       const char *target, struct error *err)
{
	AUTO(session_close) struct session *s = NULL;
	AUTO(image_free) struct image *image = NULL;
	autofree char *name = session_name(target, err);

	/* Opened, so that one without a name is not collected meanwhile. */
	if (!name || session_open(options, &s, err) < 0 ||
	    session_open_image(s, source, &image, err) < 0 ||
	    name_set(s->batch, name, &image->id, &image->manifest, err) < 0)
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
