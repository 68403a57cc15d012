#include "builder/sandbox/probe.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/oci_runtime.h"
#include "builder/sandbox/sandbox.h"
#include "store/base/buf.h"
#include "store/base/idmap.h"
#include "store/base/io.h"

#define RUNTIMES_MAX 3
#define PROBE_MS     30000

static __attribute__((format(printf, 3, 4))) void
set(struct probe_finding *f, bool works, const char *fmt, ...)
{
	va_list ap;

	f->works = works;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
}

static void probe_ids(struct probe_finding *f, enum userns_kind kind,
		      const char *why)
{
	f->what = "user ids";
	switch (kind) {
	case USERNS_NONE:
		if (idmap_is_single())
			set(f, false,
			    "root of a user namespace with one id; what made "
			    "it has to map more ('unshare --map-auto')");
		else
			set(f, true, "root, no user namespace needed");
		return;
	case USERNS_RANGES:
		set(f, true, "user namespace with subordinate ids");
		return;
	case USERNS_SINGLE:
		set(f, false, "user namespace with one id: %s",
		    why ? why : "no more could be mapped");
	}
}

/*
 * What a container of ours can be seen to run: `true` of this machine, with
 * what it is linked to.
 */
struct borrowed {
	struct sandbox_mount mounts[8];
	size_t n;
};

static void borrowed_release(struct borrowed *b)
{
	while (b->n)
		close(b->mounts[--b->n].source_fd);
}
DEFINE_RELEASE(struct borrowed, borrowed_release);

static void borrow(struct borrowed *b)
{
	static const char *const dirs[] = { "/bin",   "/lib", "/lib32",
					    "/lib64", "/usr", "/nix" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		int fd = open(dirs[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			b->mounts[b->n++] = (struct sandbox_mount){
				.kind = SANDBOX_MOUNT_BIND,
				.target = dirs[i],
				.source_fd = fd,
				.source_is_dir = true,
				.read_only = true,
			};
	}
}

/* The folder `name` of `dir`, made; its path goes to `ret`. */
static int make_part(const char *dir, const char *name, struct buf *ret,
		     struct error *err)
{
	buf_printf(ret, "%s/%s", dir, name);
	if (buf_check(ret, "a path", err) < 0)
		return -1;
	if (mkdir(ret->data, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", ret->data);
	return 0;
}

/* By the OCI runtime at a path, or (NULL) by ourselves. */
static int try_container(struct spawner *s, const char *dir,
			 const char *runtime, struct error *err)
{
	static const char *const args[] = { "true", NULL };
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	AUTO(borrowed_release) struct borrowed borrowed = { 0 };
	AUTO(buf_release) struct buf upper = BUF_INIT;
	AUTO(buf_release) struct buf work = BUF_INIT;
	autoclose int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sandbox_result result;
	struct sandbox sb = {
		.isolation = runtime ? SANDBOX_ISOLATION_OCI
				     : SANDBOX_ISOLATION_NAMESPACES,
		.runtime = runtime,
		.args = args,
		.env = env,
		.hostname = "probe",
		.capabilities = CAPS_DEFAULT,
		.timeout_ms = PROBE_MS,
	};

	if (make_part(dir, "upper", &upper, err) < 0 ||
	    make_part(dir, "work", &work, err) < 0)
		return -1;
	borrow(&borrowed);
	sb.upper = upper.data;
	sb.work = work.data;
	sb.mounts = borrowed.mounts;
	sb.n_mounts = borrowed.n;
	if (spawner_run(s, &sb, null, NULL, &result, err) < 0)
		/* Up to the program all works; this machine has none. */
		return err->kind == ERROR_COMMAND && !runtime ? 0 : -1;
	if (result.exit_code || result.timed_out)
		return error_set(err, ERROR_SYSTEM,
				 "'true' ended with %d in a container",
				 result.exit_code);
	return 0;
}

static int try_engine(const char *dir, const char *runtime, struct error *err)
{
	AUTO(spawner_stop) struct spawner *s = NULL;
	AUTO(buf_release) struct buf path = BUF_INIT;
	struct error ignored = ERROR_INIT;
	int r;

	if (spawner_start(&s, err) < 0)
		return -1;
	buf_printf(&path, "%s/probe-XXXXXX", dir);
	if (buf_check(&path, "a path", err) < 0)
		return -1;
	if (!mkdtemp(path.data))
		return error_sys(err, errno, "cannot make a directory in '%s'",
				 dir);
	r = try_container(s, path.data, runtime, err);
	io_remove_tree(AT_FDCWD, path.data, &ignored);
	return r;
}

static void probe_namespaces(struct probe_finding *f, const char *dir)
{
	struct error err = ERROR_INIT;
	char message[2400];

	f->what = "engine namespaces";
	if (try_engine(dir, NULL, &err) == 0)
		set(f, true, "works");
	else
		set(f, false, "%s",
		    error_message(&err, message, sizeof(message)));
}

/* One finding for each runtime there is, or one that says what to install. */
static size_t probe_runtimes(struct probe_finding *ret, size_t max,
			     const char *dir)
{
	struct error none = ERROR_INIT;
	autofree char *any = NULL;
	char message[2400];
	size_t n = 0;

	for (size_t i = 0; oci_runtime_name(i) && n < max; i++) {
		struct error err = ERROR_INIT;
		autofree char *path = NULL;

		if (oci_runtime_find(oci_runtime_name(i), &path, &err) < 0)
			continue;
		ret[n].what = "engine oci";
		if (try_engine(dir, path, &err) == 0)
			set(&ret[n++], true, "%s works", path);
		else
			set(&ret[n++], false, "%s",
			    error_message(&err, message, sizeof(message)));
	}
	if (n || oci_runtime_find(NULL, &any, &none) == 0)
		return n;
	ret->what = "engine oci";
	set(ret, false, "%s", error_message(&none, message, sizeof(message)));
	return 1;
}

static void probe_mounts(struct probe_finding *f)
{
	bool works = mount_api_works();

	f->what = "new mount API";
	set(f, works,
	    works ? "works"
		  : "missing, filtered, or the mount namespace is another's; "
		    "mount(2) is used");
}

static int try_network(char *made_with, size_t size, struct error *err)
{
	AUTO(spawner_stop) struct spawner *s = NULL;
	AUTO(network_pool_free) struct network_pool *pool = NULL;
	struct network_pool_options options = {
		.kind = SANDBOX_NETWORK_PRIVATE,
	};
	struct network *n;

	if (spawner_start(&s, err) < 0)
		return -1;
	options.spawner = s;
	if (network_pool_new(&options, &pool, err) < 0 ||
	    network_pool_take(pool, NULL, &n, err) < 0)
		return -1;
	snprintf(made_with, size, "%s", network_made_with(n));
	return 0;
}

static void probe_network(struct probe_finding *f)
{
	struct error err = ERROR_INIT;
	char message[2400];
	char made_with[32];

	f->what = "private network";
	if (try_network(made_with, sizeof(made_with), &err) == 0)
		set(f, true, "works, by %s", made_with);
	else
		set(f, false, "%s",
		    error_message(&err, message, sizeof(message)));
}

static void probe_limits(struct probe_finding *f)
{
	char text[600];

	f->what = "limits (control groups)";
	f->works = cgroup_available(text, sizeof(text));
	set(f, f->works, "%s%s", text,
	    f->works ? ""
		     : "; with systemd, 'systemd-run --user --scope shale ...' "
		       "gives them, else --cgroup-parent names others");
}

size_t probe_all(const char *dir, enum userns_kind kind, const char *why,
		 struct probe_finding ret[PROBE_MAX])
{
	size_t n = 0;

	probe_namespaces(&ret[n++], dir);
	n += probe_runtimes(&ret[n], RUNTIMES_MAX, dir);
	probe_ids(&ret[n++], kind, why);
	probe_mounts(&ret[n++]);
	probe_network(&ret[n++]);
	probe_limits(&ret[n++]);
	return n;
}

size_t probe_without_namespace(const struct error *why,
			       struct probe_finding ret[PROBE_MAX])
{
	char message[2400];
	size_t n = 0;

	error_message(why, message, sizeof(message));
	ret[n].what = "engine namespaces";
	set(&ret[n++], false, "%s", message);
	ret[n].what = "engine oci";
	set(&ret[n++], false, "a runtime needs the same namespace");
	ret[n].what = "user ids";
	set(&ret[n++], false, "only this user's own, and no namespace");
	probe_limits(&ret[n++]);
	return n;
}
