#include "builder/cli/verify.h"

#include "builder/cli/diff_print.h"
#include "store/image_diff.h"

/* Times are what differs when nobody took care of them. */
static const char *hint(const struct build_options *options,
			const struct build_result *result)
{
	if (!result->has_epoch)
		return "; times are part of an image: see --timestamp";
	if (!options->rewrite_timestamp)
		return "; for times of files see --rewrite-timestamp";
	return "";
}

static int compare(struct batch *batch, const struct build_options *options,
		   struct image *image, const struct build_result *again,
		   struct error *err)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	AUTO(json_decref)
	json_t *diff = image_diff(batch, image, again->image, err);

	if (!diff)
		return -1;
	if (image_diff_is_empty(diff))
		return 0;
	diff_print_first(diff, &text);
	if (buf_check(&text, "comparing images", err) < 0)
		return -1;
	return error_set(err, ERROR_INTEGRITY,
			 "building again gave another image: %s%s", text.data,
			 hint(options, again));
}

int verify_build(const struct build_options *options,
		 const struct build_env *env, struct image *image,
		 struct buf *report, struct error *err)
{
	AUTO(batch_free) struct batch *batch = NULL;
	struct build_options anew = *options;
	struct build_env own = *env;
	AUTO(build_result_release) struct build_result again = { 0 };
	int rc;

	if (batch_new(batch_store(env->batch), &batch, err) < 0)
		return -1;
	anew.no_cache = anew.trial = true;
	anew.inline_cache = false;
	anew.watch = NULL;
	anew.solve.explain = NULL;
	anew.solve.cache = NULL;
	own.batch = batch;
	rc = build_run(&anew, &own, &again, report, err);
	if (rc == 0)
		rc = compare(batch, options, image, &again, err);
	return rc < 0 ? error_wrap(err, "--verify") : 0;
}
