#include "builder/cli/session_step.h"

unsigned session_step_begin(struct session *s, const char *what,
			    const char *place)
{
	autofree char *label = NULL;
	unsigned step;

	if (place && asprintf(&label, "%s %s", what, place) < 0)
		label = NULL;
	step = progress_add(s->progress, label ? label : what);
	progress_start(s->progress, step);
	return step;
}

void session_step_end(struct session *s, unsigned step, int rc,
		      const struct error *err, const char *line)
{
	char text[sizeof(err->text)];

	if (rc >= 0 && line)
		progress_message(s->progress, step, line);
	progress_end(s->progress, step, progress_outcome(rc, err),
		     rc < 0 ? error_message(err, text, sizeof(text)) : NULL);
}

int session_transfer_end(struct session *s, int rc, const struct error *err)
{
	progress_end(s->progress, s->transfer_step, progress_outcome(rc, err),
		     rc < 0 ? "failed" : NULL);
	return rc;
}

void session_warn(struct session *s, const struct error *err)
{
	char text[sizeof(err->text)];

	progress_warn(s->progress, error_message(err, text, sizeof(text)));
}

bool session_can_do_without(const struct error *err)
{
	return err->kind != ERROR_NOMEM && err->kind != ERROR_CANCELED;
}
