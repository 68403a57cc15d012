#include "builder/debug_shell.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "builder/terminal.h"

#define FALLBACK "/bin/sh"

struct debug_shell {
	atomic_flag is_used;
};

int debug_shell_new(struct debug_shell **ret, struct error *err)
{
	autofree struct debug_shell *d = calloc(1, sizeof(*d));

	if (!d)
		return error_nomem(err, "a shell");
	if (terminal_check(err) < 0)
		return error_wrap(err, "--on-error=shell");
	atomic_flag_clear(&d->is_used);
	*ret = steal_pointer(&d);
	return 0;
}

void debug_shell_free(struct debug_shell *d)
{
	free(d);
}

/* The step's own where it has one: "/bin/bash", but not "make". */
static const char *shell_of(const struct sandbox *sb)
{
	const char *name = sb->args[0];
	size_t len = strlen(name);

	return len >= 2 && !strcmp(name + len - 2, "sh") ? name : FALLBACK;
}

/* What an interactive program needs to know, unless the image says it. */
static int make_env(const struct sandbox *sb, struct strv *ret,
		    struct error *err)
{
	const char *term = getenv("TERM");

	for (size_t i = 0; sb->env && sb->env[i]; i++)
		strv_append(ret, sb->env[i]);
	if (!strv_env_get(ret, "TERM"))
		strv_env_set(ret, "TERM", term && *term ? term : "dumb");
	return strv_check(ret, "an environment", err);
}

static int run_shell(const struct sandbox *failed, struct spawner *spawner,
		     struct cancel *cancel, struct error *err)
{
	AUTO(strv_release) struct strv env = STRV_INIT;
	AUTO(terminal_free) struct terminal *terminal = NULL;
	const char *const args[] = { shell_of(failed), NULL };
	struct sandbox_result result;
	struct sandbox sb = *failed;

	if (make_env(failed, &env, err) < 0)
		return -1;
	sb.args = args;
	sb.env = (const char *const *)env.items;
	sb.terminal = true;
	sb.timeout_ms = 0;
	if (terminal_lend(&terminal, err) < 0)
		return -1;
	return spawner_run(spawner, &sb, terminal_socket(terminal), cancel,
			   &result, err);
}

void debug_shell_open(struct debug_shell *d, const struct sandbox *failed,
		      const struct error *why, struct spawner *spawner,
		      struct progress *progress, struct cancel *cancel)
{
	struct error err = ERROR_INIT;
	char text[sizeof(why->text)];

	if (atomic_flag_test_and_set(&d->is_used))
		return;
	progress_pause(progress);
	dprintf(STDERR_FILENO,
		"\n%s\n%s in its container; the build ends with it.\n",
		error_message(why, text, sizeof(text)), shell_of(failed));
	if (run_shell(failed, spawner, cancel, &err) < 0)
		dprintf(STDERR_FILENO, "no shell: %s\n",
			error_message(&err, text, sizeof(text)));
	progress_resume(progress);
}
