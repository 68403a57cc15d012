#include "builder/run_mounts.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "builder/secret.h"
#include "builder/ssh_agents.h"
#include "store/base/io.h"

#define SCRIPT_MODE 0755

void run_mounts_release(struct run_mounts *m)
{
	for (size_t i = 0; i < m->len; i++) {
		socket_relay_free(m->states[i].relay);
		bind_source_release(&m->states[i].source, m->batch);
		cache_mount_free(m->states[i].cache);
	}
	free(m->items);
	free(m->states);
	strv_release(&m->targets);
	strv_release(&m->env);
	*m = (struct run_mounts){ 0 };
}

/* A mount being opened. */
struct opening {
	struct step_job *job;
	struct run_mounts *mounts;
	const struct mount_spec *spec;
	struct step_read *read; /* NULL: it reads nothing */
	struct sandbox_mount *item;
	struct run_mount_state *state;
	struct cache_mount *cache; /* a state's; NULL: still to be opened */
};

static int open_bind(struct opening *o, struct error *err)
{
	struct sandbox_mount *m = o->item;

	if (bind_source_open(o->job, o->read, &o->state->source, err) < 0)
		return -1;
	m->source_fd = o->state->source.fd;
	m->source_is_dir = o->state->source.is_dir;
	m->read_only = o->spec->readonly;
	m->discard = !o->spec->readonly;
	return 0;
}

/* What an earlier save, or `from`, gives a cache at its very beginning. */
static int seed_cache(struct opening *o, struct error *err)
{
	const struct mount_seeder *seeder = o->job->options->seeder;
	struct cache_mount *cache = o->cache;
	struct digest ignored;
	autoclose int dir = -1;
	int seeded = 0;

	if (!cache_mount_is_new(cache))
		return 0;
	if (seeder)
		seeded = seeder->seed(seeder->ctx, mount_spec_cache_id(o->spec),
				      cache, err);
	if (seeded < 0)
		return -1;
	if (seeded || !o->read)
		return cache_mount_ready(cache, err);
	if (step_read_content(o->job, o->read, &ignored, err) < 0)
		return -1;
	dir = open(cache_mount_path(cache), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_sys(err, errno, "cannot open the cache '%s'",
				 o->spec->id);
	if (bind_source_fill(o->job, o->read, dir, err) < 0)
		return -1;
	return cache_mount_ready(cache, err);
}

static void tell_waiting(void *ctx)
{
	const struct opening *o = ctx;
	AUTO(buf_release) struct buf line = BUF_INIT;

	buf_printf(&line,
		   "waiting for the cache mount '%s', which another step or "
		   "build is using",
		   mount_spec_cache_id(o->spec));
	if (!line.failed)
		progress_message(o->job->options->progress, o->job->progress,
				 line.data);
}

static int get_cache(struct opening *o, struct error *err)
{
	static const enum cache_sharing sharing[] = {
		[SHARING_SHARED] = CACHE_SHARED,
		[SHARING_PRIVATE] = CACHE_PRIVATE,
		[SHARING_LOCKED] = CACHE_LOCKED,
	};
	const struct mount_spec *spec = o->spec;
	const struct cache_wait wait = { o->job->cancel, tell_waiting, o };
	struct store *store = batch_store(o->job->options->batch);

	if (cache_mount_open(store, mount_spec_cache_id(spec),
			     sharing[spec->sharing], spec->mode, spec->uid,
			     spec->gid, &wait, &o->state->cache, err) < 0)
		return -1;
	o->cache = o->state->cache;
	return seed_cache(o, err);
}

static int open_cache(struct opening *o, struct error *err)
{
	const struct mount_spec *spec = o->spec;
	struct sandbox_mount *m = o->item;

	if (!o->cache && get_cache(o, err) < 0)
		return -1;
	m->source_fd = open(cache_mount_path(o->cache),
			    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->source_fd < 0)
		return error_sys(err, errno, "cannot open the cache '%s'",
				 mount_spec_cache_id(spec));
	o->state->source.fd = m->source_fd;
	m->source_is_dir = true;
	m->read_only = spec->readonly;
	return 0;
}

static int open_tmpfs(struct opening *o, struct error *err)
{
	(void)err;
	o->item->kind = SANDBOX_MOUNT_TMPFS;
	o->item->size_bytes = o->spec->size_bytes;
	return 0;
}

/* Bytes for a file in the container, never on a disk. */
static int hold_contents(const void *data, size_t len, struct error *err)
{
	autoclose int fd = memfd_create("mount", MFD_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot make a file in memory");
	if (io_write(fd, data, len, "a mount", err) < 0)
		return -1;
	return steal_fd(&fd);
}

static void set_variable(struct run_mounts *m, const char *name,
			 const struct buf *value)
{
	/* A NUL would end it anyway. */
	strv_env_set(&m->env, name, value->data ? value->data : "");
}

/* Secrets and agents that are not there are left out unless required. */
static int open_secret(struct opening *o, struct error *err)
{
	AUTO(buf_release) struct buf contents = BUF_INIT;
	const struct mount_spec *spec = o->spec;
	struct sandbox_mount *m = o->item;
	int found =
		secret_find(o->job->options->secrets, spec->id, &contents, err);

	if (found < 0)
		return -1;
	if (!found)
		return spec->required
			       ? error_set(err, ERROR_NOT_FOUND,
					   "secret %s: not found (--secret "
					   "id=%s,src=FILE gives it)",
					   spec->id, spec->id)
			       : 0;
	if (spec->env)
		set_variable(o->mounts, spec->env, &contents);
	if (!spec->target)
		return 0;
	o->state->source.fd = hold_contents(contents.data, contents.len, err);
	if (contents.data)
		explicit_bzero(contents.data, contents.len);
	if (o->state->source.fd < 0)
		return -1;
	m->kind = SANDBOX_MOUNT_FILE;
	m->source_fd = o->state->source.fd;
	m->read_only = true;
	m->no_exec = !(spec->mode & 0111);
	m->mode = spec->mode;
	m->uid = spec->uid;
	m->gid = spec->gid;
	return 0;
}

/* The first one is where programs look, even when nobody listens there. */
static int open_ssh(struct opening *o, struct error *err)
{
	const struct mount_spec *spec = o->spec;
	struct batch *batch = o->job->options->batch;
	const char *agent = ssh_agents_socket(o->job->options->ssh, spec->id);
	autofree char *name = NULL;

	if (!strv_env_get(&o->mounts->env, "SSH_AUTH_SOCK"))
		strv_env_set(&o->mounts->env, "SSH_AUTH_SOCK", spec->target);
	if (!agent)
		return spec->required
			       ? error_set(err, ERROR_NOT_FOUND,
					   "ssh %s: no agent was given; --ssh "
					   "%s lends one",
					   spec->id, spec->id)
			       : 0;
	name = batch_fresh_name(batch, "socket", err);
	if (!name ||
	    socket_relay_start(batch_fd(batch), name, spec->mode, spec->uid,
			       spec->gid, agent, &o->state->relay, err) < 0)
		return error_wrap(err, "ssh %s", spec->id);
	o->state->source.fd =
		openat(batch_fd(batch), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (o->state->source.fd < 0)
		return error_sys(err, errno, "cannot open '%s'", name);
	o->item->source_fd = o->state->source.fd;
	o->item->read_only = true;
	return 0;
}

static int (*const openers[])(struct opening *o, struct error *err) = {
	[MOUNT_BIND] = open_bind,   [MOUNT_CACHE] = open_cache,
	[MOUNT_TMPFS] = open_tmpfs, [MOUNT_SECRET] = open_secret,
	[MOUNT_SSH] = open_ssh,
};

static struct step_read *read_of(struct step_job *job,
				 const struct run_mount *mount)
{
	for (size_t i = 0; i < job->n_reads; i++)
		if (job->reads[i].mount == mount)
			return &job->reads[i];
	return NULL;
}

/* With its place among the mounts, in which nothing is held yet. */
static struct opening opening_of(struct step_job *job, struct run_mounts *ret,
				 const struct run_mount *mount)
{
	struct opening o = {
		.job = job,
		.mounts = ret,
		.spec = &mount->spec,
		.read = read_of(job, mount),
		.item = &ret->items[ret->len],
		.state = &ret->states[ret->len],
	};

	*o.item = (struct sandbox_mount){
		.kind = SANDBOX_MOUNT_BIND,
		.target = mount->spec.target,
		.source_fd = -1,
	};
	o.state->source = (struct bind_source)BIND_SOURCE_INIT;
	ret->len++;
	return o;
}

static const char *cache_of(const struct opening *o)
{
	return o->spec->type == MOUNT_CACHE ? mount_spec_cache_id(o->spec) : "";
}

/* Caches by their names, all else before them; else as they are written. */
static int by_cache(const void *a, const void *b)
{
	const struct opening *left = a, *right = b;
	int order = strcmp(cache_of(left), cache_of(right));

	return order ? order
		     : (left->item > right->item) - (left->item < right->item);
}

/*
 * Every RUN takes its caches in the same order, so no two of them, of whatever
 * builds, can wait for each other. One that is mounted twice is taken once, as
 * its first mount wants it.
 */
static int open_all(struct opening *list, size_t n, struct error *err)
{
	qsort(list, n, sizeof(*list), by_cache);
	for (size_t i = 0; i < n; i++) {
		enum mount_type type = list[i].spec->type;

		if (i && !strcmp(cache_of(&list[i - 1]), cache_of(&list[i])))
			list[i].cache = list[i - 1].cache;
		if (openers[type](&list[i], err) < 0)
			return error_wrap(err, "--mount=type=%s",
					  mount_type_name(type));
	}
	return 0;
}

static int open_mounts(struct step_job *job, struct run_mounts *ret,
		       struct error *err)
{
	const struct run_args *run = &job->step->u.run;
	autofree struct opening *list =
		calloc(run->n_mounts + 1, sizeof(*list));

	if (!list)
		return error_nomem(err, "mounts");
	for (size_t i = 0; i < run->n_mounts; i++)
		list[i] = opening_of(job, ret, &run->mounts[i]);
	return open_all(list, run->n_mounts, err);
}

/* A heredoc's program, where the command looks for it. */
static int open_script(struct run_mounts *ret, const struct inline_file *f,
		       struct error *err)
{
	struct run_mount_state *state = &ret->states[ret->len];
	struct sandbox_mount *item = &ret->items[ret->len];
	struct buf target = BUF_INIT;

	buf_printf(&target, "/dev/pipes/%s", f->name);
	strv_take(&ret->targets, buf_steal(&target));
	if (strv_check(&ret->targets, "a script", err) < 0)
		return -1;
	state->source = (struct bind_source)BIND_SOURCE_INIT;
	state->source.fd = hold_contents(f->content, f->len, err);
	*item = (struct sandbox_mount){
		.kind = SANDBOX_MOUNT_FILE,
		.target = ret->targets.items[ret->targets.len - 1],
		.source_fd = state->source.fd,
		.read_only = true,
		.mode = SCRIPT_MODE,
	};
	ret->len++;
	return item->source_fd < 0 ? -1 : 0;
}

/* Is there nothing to mount: a secret that was not given? */
static bool is_void(const struct sandbox_mount *m)
{
	return !m->target ||
	       (m->kind != SANDBOX_MOUNT_TMPFS && m->source_fd < 0);
}

/* Does a mount that was written later have the same target? */
static bool is_replaced(const struct run_mounts *m, size_t i)
{
	for (size_t j = i + 1; j < m->len; j++)
		if (!is_void(&m->items[j]) &&
		    strcmp(m->items[i].target, m->items[j].target) == 0)
			return true;
	return false;
}

static void swap(struct run_mounts *m, size_t a, size_t b)
{
	struct sandbox_mount item = m->items[a];
	struct run_mount_state state = m->states[a];

	m->items[a] = m->items[b];
	m->states[a] = m->states[b];
	m->items[b] = item;
	m->states[b] = state;
}

/* Outer targets first; of mounts on one target the one written last stays. */
static size_t order(struct run_mounts *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->len; i++)
		if (!is_void(&m->items[i]) && !is_replaced(m, i))
			swap(m, i, kept++);
	for (size_t i = 1; i < kept; i++)
		for (size_t j = i; j > 0 && strcmp(m->items[j - 1].target,
						   m->items[j].target) > 0;
		     j--)
			swap(m, j - 1, j);
	return kept;
}

int run_mounts_open(struct step_job *job, struct run_mounts *ret,
		    struct error *err)
{
	const struct run_args *run = &job->step->u.run;
	size_t n = run->n_mounts + run->n_scripts;

	ret->batch = job->options->batch;
	ret->items = calloc(n + 1, sizeof(*ret->items));
	ret->states = calloc(n + 1, sizeof(*ret->states));
	if (!ret->items || !ret->states)
		return error_nomem(err, "mounts");
	if (open_mounts(job, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < run->n_scripts; i++)
		if (open_script(ret, &run->scripts[i], err) < 0)
			return -1;
	ret->n_used = order(ret);
	return strv_check(&ret->env, "an environment", err);
}
