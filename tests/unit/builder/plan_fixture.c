#include "tests/unit/builder/plan_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "store/base/buf.h"
#include "store/base/json.h"

static const struct known_image usual_images[] = {
	{ "base", "{'architecture':'amd64','os':'linux',"
		  "'created':'2020-01-01T00:00:00Z',"
		  "'config':{'Env':['PATH=/bin','LANG=C'],'Cmd':['c'],"
		  "'WorkingDir':'/w','User':'u',"
		  "'Labels':{'a':'1'},'ExposedPorts':{'1/tcp':{}}},"
		  "'history':[{'created':'2020-01-01T00:00:00Z',"
		  "'created_by':'ADD rootfs'}],"
		  "'rootfs':{'type':'layers','diff_ids':[]}}" },
	{ "bare", "{'architecture':'amd64','os':'linux','config':{}}" },
	{ "onbuild", "{'architecture':'amd64','os':'linux','config':{'OnBuild':"
		     "['ENV fired=1','RUN make']}}" },
};

static char *replace_quotes(const char *text, char from, char to)
{
	char *copy = strdup(text), *p;

	for (p = copy; *p; p++)
		if (*p == from)
			*p = to;
	return copy;
}

static const char *find_image(const struct fixture *f, const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(f->images) && f->images[i].name; i++)
		if (!strcmp(f->images[i].name, name))
			return f->images[i].config;
	for (i = 0; i < ARRAY_LEN(usual_images); i++)
		if (!strcmp(usual_images[i].name, name))
			return usual_images[i].config;
	return NULL;
}

static void note(struct fixture *f, const char *name,
		 const struct platform *platform)
{
	char text[PLATFORM_TEXT_SIZE], *line;

	if (asprintf(&line, "%s %s", name, platform_format(platform, text)) < 0)
		return;
	pthread_mutex_lock(&f->lock);
	strv_take(&f->asked, line);
	strv_sort(&f->asked);
	pthread_mutex_unlock(&f->lock);
}

static int resolve(void *ctx, const char *name, const struct platform *platform,
		   struct image **ret, struct error *err)
{
	struct fixture *f = ctx;
	const char *config = find_image(f, name);
	autofree char *text = NULL;
	AUTO(image_free) struct image *img = NULL;
	json_t *json;

	note(f, name, platform);
	if (!config)
		return error_set(err, ERROR_NOT_FOUND, "no such image");
	text = replace_quotes(config, '\'', '"');
	json = json_parse(text, strlen(text), "test image", err);
	if (!json || image_new(json, &img, err) < 0)
		return -1;
	if (f->layer && image_add_layer(img, f->layer, err) < 0)
		return -1;
	*ret = steal_pointer(&img);
	return 0;
}

void fixture_init(struct fixture *f)
{
	struct error err;

	*f = (struct fixture){ 0 };
	pthread_mutex_init(&f->lock, NULL);
	assert_int_equal(
		platform_parse("linux/amd64", &f->options.platform, &err), 0);
	f->options.host = f->options.platform;
	f->options.resolve = resolve;
	f->options.ctx = f;
}

static void forget(struct fixture *f)
{
	plan_free(f->plan);
	dockerfile_free(f->df);
	f->plan = NULL;
	f->df = NULL;
	f->err = (struct error)ERROR_INIT;
	f->message[0] = '\0';
}

void fixture_release(struct fixture *f)
{
	forget(f);
	strv_release(&f->asked);
	strv_release(&f->options.build_args);
	strv_release(&f->options.labels);
	strv_release(&f->options.proxies);
	strv_release(&f->options.no_cache_stages);
	pthread_mutex_destroy(&f->lock);
}

int fixture_plan(struct fixture *f, const char *text)
{
	int r;

	forget(f);
	r = dockerfile_parse(text, strlen(text), &f->df, &f->err);
	if (r == 0)
		r = plan_new(f->df, &f->options, &f->plan, &f->err);
	if (r < 0)
		error_message(&f->err, f->message, sizeof(f->message));
	return r;
}

struct plan *fixture_must_plan(struct fixture *f, const char *text)
{
	if (fixture_plan(f, text) < 0)
		fail_msg("cannot plan: %s\n%s", f->message, text);
	return f->plan;
}

static char *dump(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS), *quoted;

	assert_non_null(text);
	quoted = replace_quotes(text, '"', '\'');
	free(text);
	return quoted;
}

char *fixture_run_config(const struct stage *stage)
{
	return dump(json_object_get(stage->config, "config"));
}

char *fixture_document(const struct stage *stage)
{
	AUTO(json_decref) json_t *copy = json_deep_copy(stage->config);

	json_object_del(copy, "config");
	return dump(copy);
}

char *fixture_history(const struct stage *stage)
{
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < stage->n_history; i++) {
		const struct history_item *item = &stage->history[i];

		buf_printf(&out, "%s%s%s", i ? "\n" : "", item->step ? "+" : "",
			   item->created_by ? item->created_by : "(none)");
	}
	return buf_steal(&out);
}

char *fixture_join(const struct strv *v)
{
	struct buf out = BUF_INIT;
	size_t i;

	for (i = 0; i < v->len; i++)
		buf_printf(&out, "%s%s", i ? "|" : "", v->items[i]);
	return buf_steal(&out);
}

const struct step *fixture_step(const struct fixture *f, size_t id)
{
	assert_non_null(f->plan);
	assert_true(id < f->plan->n_steps);
	return f->plan->steps[id];
}
