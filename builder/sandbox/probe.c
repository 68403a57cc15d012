#include "builder/sandbox/probe.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/cgroup.h"
#include "builder/sandbox/mount.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/sandbox.h"
#include "store/base/buf.h"
#include "store/base/io.h"

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
 * A whole container up to the exec of its program, which is a directory: that
 * error, and only that, shows that everything before it works.
 */
static int try_container(struct spawner *s, const char *dir, struct error *err)
{
	static const char *const args[] = { "/", NULL };
	static const char *const env[] = { NULL };
	AUTO(buf_release) struct buf upper = BUF_INIT;
	AUTO(buf_release) struct buf work = BUF_INIT;
	struct sandbox_result result;
	struct sandbox sb = {
		.args = args,
		.env = env,
		.hostname = "probe",
		.capabilities = CAPS_DEFAULT,
	};

	buf_printf(&upper, "%s/upper", dir);
	buf_printf(&work, "%s/work", dir);
	if (buf_check(&upper, "a path", err) < 0 ||
	    buf_check(&work, "a path", err) < 0)
		return -1;
	if (mkdir(upper.data, 0700) < 0 || mkdir(work.data, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", upper.data);
	sb.upper = upper.data;
	sb.work = work.data;
	if (spawner_run(s, &sb, STDERR_FILENO, NULL, &result, err) == 0 ||
	    err->kind == ERROR_COMMAND)
		return 0;
	return -1;
}

static int try_engine(const char *dir, struct error *err)
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
	r = try_container(s, path.data, err);
	io_remove_tree(AT_FDCWD, path.data, &ignored);
	return r;
}

static void probe_namespaces(struct probe_finding *f, const char *dir)
{
	struct error err = ERROR_INIT;
	char message[2400];

	f->what = "engine namespaces";
	if (try_engine(dir, &err) == 0)
		set(f, true, "works");
	else
		set(f, false, "%s",
		    error_message(&err, message, sizeof(message)));
}

static void probe_mounts(struct probe_finding *f)
{
	bool works = mount_api_works();

	f->what = "new mount API";
	set(f, works,
	    works ? "works" : "missing or filtered; mount(2) is used");
}

static void probe_network(struct probe_finding *f)
{
	const char *why = NULL;
	bool works = sandbox_network_private_available(&why);

	f->what = "private network";
	set(f, works, "%s", works ? "works" : why);
}

static void probe_limits(struct probe_finding *f)
{
	char text[600];

	f->what = "limits (control groups)";
	f->works = cgroup_available(text, sizeof(text));
	set(f, f->works, "%s", text);
}

size_t probe_all(const char *dir, enum userns_kind kind, const char *why,
		 struct probe_finding ret[PROBE_MAX])
{
	size_t n = 0;

	probe_namespaces(&ret[n++], dir);
	probe_ids(&ret[n++], kind, why);
	probe_mounts(&ret[n++]);
	probe_network(&ret[n++]);
	probe_limits(&ret[n++]);
	return n;
}
