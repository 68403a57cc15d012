#include "builder/cli/auto_prune.h"

#include <sys/stat.h>

#include "builder/cli/session_step.h"
#include "store/base/timefmt.h"
#include "store/gc.h"

/* The time of the store's lock file is that of the last check. */
static bool is_due(const struct session *s, const struct config *c)
{
	struct stat st;
	int64_t age;

	if (!c->max_used_bytes ||
	    fstatat(store_fd(s->store), "lock", &st, 0) < 0)
		return false;
	age = time_now().tv_sec - st.st_mtim.tv_sec;
	/* A clock that was set back is no reason never to look again. */
	if (age >= 0 && age < c->check_interval_s)
		return false;
	/* On a full disk this may fail; then it is checked each time. */
	utimensat(store_fd(s->store), "lock", NULL, 0);
	return true;
}

void auto_prune(struct session *s, const struct config *c)
{
	const struct gc_options options = { .max_bytes = c->max_used_bytes };
	struct error problem = ERROR_INIT;
	struct gc_report report = { 0 };
	autofree char *line = NULL;
	unsigned step;
	int rc;

	if (!is_due(s, c))
		return;
	step = session_step_begin(
		s, "[internal] keep the store below max-used-space", NULL);
	/* What it uses would stay. */
	batch_free(steal_pointer(&s->batch));
	rc = gc_run(s->store, &options, s->cancel, &report, &problem);
	if (report.freed_bytes &&
	    asprintf(&line, "%.1f MB freed", (double)report.freed_bytes / 1e6) <
		    0)
		line = NULL;
	session_step_end(s, step, rc, &problem, line);
}
