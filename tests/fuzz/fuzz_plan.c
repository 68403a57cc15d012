/* Any Dockerfile gives a sound graph of steps or an error. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "builder/plan.h"
#include "store/base/json.h"

static const char config[] =
	"{\"config\":{\"Env\":[\"PATH=/bin\",\"odd\"],\"Cmd\":null,"
	"\"OnBuild\":[\"ENV a=$b\",\"COPY --from=a . .\",\"RUN make\"]}}";

/* Every other name is an image; those with a digit have no config to speak of
 */
static int resolve(void *ctx, const char *name, const struct platform *platform,
		   struct image **ret, struct error *err)
{
	bool empty = strpbrk(name, "0123456789");
	json_t *json;

	(void)ctx;
	(void)platform;
	if (strlen(name) % 7 == 6)
		return error_set(err, ERROR_NOT_FOUND, "no such image");
	json = empty ? json_object()
		     : json_parse(config, strlen(config), "config", err);
	return json ? image_new(json, ret, err) : -1;
}

static void check_source(const struct step *step, const struct source *s)
{
	if (s->kind == SOURCE_STAGE) {
		assert(s->stage->needed);
		assert(s->stage->index < step->stage->index);
	}
	assert(s->kind != SOURCE_IMAGE || s->image);
	assert(s->kind != SOURCE_CONTEXT || s->context);
}

static void check_step(const struct plan *p, size_t i)
{
	const struct step *step = p->steps[i];
	size_t k;

	assert(step->id == i);
	assert(step->label);
	assert(step->parent ? step->parent->id < i
			    : step->base.kind != SOURCE_STAGE);
	if (step->kind == STEP_COPY || step->kind == STEP_ADD)
		check_source(step, &step->u.copy.from);
	for (k = 0; step->kind == STEP_RUN && k < step->u.run.n_mounts; k++)
		check_source(step, &step->u.run.mounts[k].from);
}

static void check_stage(const struct plan *p, const struct stage *stage)
{
	size_t steps = 0, layers = 0, i;

	for (i = 0; i < p->n_steps; i++)
		steps += p->steps[i]->stage == stage;
	for (i = 0; i < stage->n_history; i++)
		layers += stage->history[i].step != NULL;
	assert(steps == layers);
	assert(stage->needed == (stage->config != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(dockerfile_free) struct dockerfile *df = NULL;
	AUTO(plan_free) struct plan *p = NULL;
	struct plan_options options = {
		.platform = { .os = "linux", .arch = "amd64" },
		.host = { .os = "linux", .arch = "amd64" },
		.resolve = resolve,
	};
	struct error err = ERROR_INIT;
	size_t i;

	if (dockerfile_parse((const char *)data, size, &df, &err) < 0)
		return 0;
	if (plan_new(df, &options, &p, &err) < 0) {
		assert(err.kind != ERROR_NONE && err.used);
		return 0;
	}
	for (i = 0; i < p->n_steps; i++)
		check_step(p, i);
	for (i = 0; i < p->n_stages; i++)
		check_stage(p, &p->stages[i]);
	return 0;
}
