#include "builder/cli/session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "builder/cli/signals.h"
#include "builder/sandbox/userns.h"
#include "registry/reference.h"
#include "store/base/duration.h"
#include "store/image_find.h"
#include "store/names.h"

static int parse_progress(const char *text, enum progress_mode *ret,
			  struct error *err)
{
	static const struct {
		const char *name;
		enum progress_mode mode;
	} modes[] = {
		{ "auto", PROGRESS_AUTO },  { "plain", PROGRESS_PLAIN },
		{ "tty", PROGRESS_TTY },    { "quiet", PROGRESS_QUIET },
		{ "none", PROGRESS_QUIET },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(modes); i++)
		if (!strcmp(text, modes[i].name)) {
			*ret = modes[i].mode;
			return 0;
		}
	return error_set(err, ERROR_USAGE,
			 "unknown progress mode \"%s\"; use auto, plain, tty "
			 "or quiet",
			 text);
}

static int open_progress(const struct session_options *options,
			 struct progress **ret, struct error *err)
{
	const char *text = options->progress;
	enum progress_mode mode = PROGRESS_AUTO;

	if (!text)
		text = getenv("BUILDKIT_PROGRESS");
	if (!text || !*text)
		text = "auto";
	if (parse_progress(text, &mode, err) < 0)
		return -1;
	if (options->quiet)
		mode = PROGRESS_QUIET;
	return progress_new(mode, STDERR_FILENO, ret, err);
}

static void on_transfer(void *ctx, const char *what, int64_t current,
			int64_t total, const char *note)
{
	struct session *s = ctx;

	progress_transfer(s->progress, s->transfer_step, what, current, total,
			  note);
}

static void on_message(void *ctx, const char *line)
{
	struct session *s = ctx;

	progress_message(s->progress, s->transfer_step, line);
}

#define MAX_RETRIES 100

static int set_retries(const struct session_options *options,
		       struct registry_options *ret, struct error *err)
{
	const char *text = options->retry, *delay = options->retry_delay;
	char *end = NULL;
	long n = text ? strtol(text, &end, 10) : 0;
	int64_t delay_ns = 0;

	if (text && (!*text || *end || n < 0 || n > MAX_RETRIES))
		return error_set(err, ERROR_USAGE,
				 "--retry takes 0 to %d, not \"%s\"",
				 MAX_RETRIES, text);
	if (text)
		ret->retries = (unsigned)n + 1; /* the first try is none */
	if (!delay)
		return 0;
	if (duration_parse(delay, &delay_ns, err) < 0 || delay_ns < 0)
		return error_set(err, ERROR_USAGE,
				 "--retry-delay takes a duration like 500ms or "
				 "2s, not \"%s\"",
				 delay);
	ret->backoff_ms = delay_ns / NS_PER_MS ? delay_ns / NS_PER_MS : 1;
	return 0;
}

int session_registry_options(const struct session_options *options,
			     struct registry_options *ret, struct error *err)
{
	*ret = (struct registry_options){
		.insecure = options->insecure,
		.insecure_hosts = options->insecure_hosts,
		.ca_file = options->ca_file,
		.config_dir = options->config_dir,
		.credentials = options->credentials,
	};
	if (set_retries(options, ret, err) < 0)
		return -1;
	if (!options->tls_verify)
		return 0;
	if (!strcasecmp(options->tls_verify, "false"))
		ret->insecure = true;
	else if (strcasecmp(options->tls_verify, "true"))
		return error_set(err, ERROR_USAGE,
				 "--tls-verify takes true or false, not \"%s\"",
				 options->tls_verify);
	return 0;
}

static int open_registry(struct session *s,
			 const struct session_options *options,
			 struct error *err)
{
	struct registry_options how;

	if (session_registry_options(options, &how, err) < 0)
		return -1;
	how.cancel = s->cancel;
	how.events = (struct registry_events){ .transfer = on_transfer,
					       .message = on_message,
					       .ctx = s };
	if (registry_new(&how, &s->registry, err) < 0)
		return -1;
	store_set_fetcher(s->store, registry_fetcher(s->registry));
	return 0;
}

/*
 * The order matters: the namespace and the spawner want a process without
 * threads, and the spawner must not inherit blocked signals or locks.
 */
static int open_parts(struct session *s, const struct session_options *options,
		      struct error *err)
{
	enum userns_kind kind;
	const char *why = NULL;

	if (userns_enter(&kind, &why, err) < 0)
		return -1;
	if (options->builds && spawner_start(&s->spawner, err) < 0)
		return -1;
	if (cancel_new(&s->cancel, err) < 0)
		return -1;
	if (signals_watch(s->cancel, options->timeout_ms,
			  (struct signals **)&s->signals, err) < 0)
		return -1;
	if (open_progress(options, &s->progress, err) < 0)
		return -1;
	if (kind == USERNS_SINGLE && options->builds)
		progress_warn(s->progress,
			      why ? why : "only one user id is available");
	if (store_open(options->root, &s->store, err) < 0)
		return -1;
	if (!options->reads && batch_new(s->store, &s->batch, err) < 0)
		return -1;
	return open_registry(s, options, err);
}

int session_open(const struct session_options *options, struct session **ret,
		 struct error *err)
{
	AUTO(session_close) struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return error_nomem(err, "starting");
	s->quiet = options->quiet;
	if (open_parts(s, options, err) < 0)
		return -1;
	*ret = steal_pointer(&s);
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	batch_free(s->batch);
	registry_free(s->registry);
	store_close(s->store);
	progress_free(s->progress);
	spawner_stop(s->spawner);
	signals_free(s->signals);
	cancel_free(s->cancel);
	free(s);
}

char *session_name(const char *text, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };

	if (reference_parse(text, &ref, err) < 0)
		return NULL;
	return reference_format(&ref, err);
}

static bool looks_like_id(const char *text)
{
	size_t len = strlen(text);

	return len >= 4 && len <= DIGEST_HEX_LEN &&
	       strspn(text, "0123456789abcdef") == len;
}

int session_find_image(struct session *s, const char *text, struct digest *id,
		       char **name, struct error *err)
{
	AUTO(name_record_release) struct name_record record = { 0 };
	const char *prefix = text;
	autofree char *full = NULL;

	if (name)
		*name = NULL;
	if (!strncmp(prefix, "sha256:", 7))
		prefix += 7;
	if (prefix != text)
		return image_find(s->store, prefix, id, err);
	full = session_name(text, err);
	if (full && name_get(s->store, full, &record, err) == 0) {
		*id = record.image;
		if (name)
			*name = steal_pointer(&full);
		return 0;
	}
	if (looks_like_id(prefix) && (!full || err->kind == ERROR_NOT_FOUND))
		return image_find(s->store, prefix, id, err);
	if (full && err->kind == ERROR_NOT_FOUND)
		return error_set(err, ERROR_NOT_FOUND,
				 "no local image \"%s\"; see `shale images`, "
				 "or fetch it with `shale pull %s`",
				 text, text);
	return -1;
}

int session_open_image(struct session *s, const char *text, struct image **ret,
		       struct error *err)
{
	AUTO(name_record_release) struct name_record record = { 0 };
	autofree char *name = NULL;
	struct digest id;

	if (session_find_image(s, text, &id, &name, err) < 0 ||
	    (name && name_get(s->store, name, &record, err) < 0))
		return -1;
	if (image_open(s->batch, &id, ret, err) < 0)
		return error_wrap(err, "opening image \"%s\"", text);
	/* Passed on unchanged, it can keep the manifest it came with. */
	if (digest_equal(&record.image, &id))
		(*ret)->manifest = record.manifest;
	return 0;
}
