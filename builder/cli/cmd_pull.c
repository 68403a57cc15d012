#include <stdio.h>

#include "builder/cli/commands.h"
#include "builder/cli/session_step.h"
#include "registry/reference.h"
#include "store/base/parallel.h"
#include "store/layer.h"
#include "store/names.h"

/* Layers fetched at a time. */
#define PARALLEL_LAYERS 4

static int fetch_layer(void *ctx, size_t i, struct error *err)
{
	const struct image *image = ctx;
	const struct layer_format any = {
		.compression = { COMPRESSION_GZIP, COMPRESSION_LEVEL_DEFAULT }
	};
	AUTO(descriptor_release) struct descriptor desc = { 0 };
	struct digest diff_id;

	return layer_blob(image->layers[i], &any, true, &desc, &diff_id, err);
}

static int fetch(struct session *s, const struct reference *ref,
		 const struct platform *platform, struct image **ret,
		 struct error *err)
{
	AUTO(image_free) struct image *image = NULL;
	autofree char *name = reference_format(ref, err);

	if (!name || registry_pull(s->registry, s->batch, ref, platform, &image,
				   err) < 0)
		return -1;
	if (parallel_for(image->n_layers, PARALLEL_LAYERS, fetch_layer, image,
			 err) < 0)
		return -1;
	if (name_set(s->batch, name, &image->id, &image->manifest, err) < 0 ||
	    batch_publish(s->batch, err) < 0)
		return -1;
	*ret = steal_pointer(&image);
	return 0;
}

static int pull(struct session *s, const char *text,
		const struct platform *platform, bool quiet, struct error *err)
{
	AUTO(reference_release) struct reference ref = { 0 };
	AUTO(image_free) struct image *image = NULL;
	int rc;

	if (reference_parse(text, &ref, err) < 0)
		return -1;
	s->transfer_step = session_step_begin(s, "pulling", text);
	rc = session_transfer_end(s, fetch(s, &ref, platform, &image, err),
				  err);
	if (rc < 0)
		return error_wrap(err, "pulling %s", text);
	printf("%s\n", quiet ? image->id.text : image->manifest.text);
	return 0;
}

int cmd_pull(int argc, char **argv, struct error *err)
{
	struct session_options options = { 0 };
	struct platform platform;
	const char *platform_text = NULL;
	static const struct command_usage usage = { "pull [OPTIONS] NAME...",
						    "pull takes image names", 1,
						    WORDS_ANY };
	const struct option_spec specs[] = {
		{ "platform", 0, OPTION_STRING, &platform_text, "OS/ARCH",
		  "platform to pull (default: this machine's)" },
		{ "quiet", 'q', OPTION_BOOL, &options.quiet, NULL,
		  "print the image id only" },
		SESSION_STORE_OPTIONS(options),
		SESSION_REGISTRY_OPTIONS(options),
	};
	AUTO(strv_release) struct strv words = STRV_INIT;
	AUTO(session_close) struct session *s = NULL;
	size_t i;
	int rc;

	rc = options_command(&usage, specs, ARRAY_LEN(specs), argc, argv,
			     &words, err);
	if (rc <= 0)
		return rc;
	if (platform_wanted(platform_text, &platform, err) < 0)
		return -1;
	if (session_open(&options, &s, err) < 0)
		return -1;
	for (i = 0; i < words.len; i++)
		if (pull(s, words.items[i], &platform, options.quiet, err) < 0)
			return -1;
	return 0;
}
