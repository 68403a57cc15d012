#include "builder/cli/build_outputs.h"

static int add_output(struct build_command *c, const char *text,
		      struct error *err)
{
	struct output *grown =
		realloc(c->parsed, (c->n_parsed + 1) * sizeof(*grown));

	if (!grown)
		return error_nomem(err, "reading outputs");
	c->parsed = grown;
	if (output_parse(text, &grown[c->n_parsed], err) < 0)
		return -1;
	strv_append_all(&c->names, &grown[c->n_parsed].names);
	c->n_parsed++;
	return strv_check(&c->names, "reading outputs", err);
}

int build_outputs_parse(struct build_command *c, struct error *err)
{
	size_t i;

	for (i = 0; i < c->outputs.len; i++)
		if (add_output(c, c->outputs.items[i], err) < 0)
			return -1;
	if (c->push && add_output(c, "type=registry", err) < 0)
		return -1;
	for (i = 0; i < c->n_parsed; i++)
		if (c->parsed[i].push && !c->names.len)
			return error_set(err, ERROR_USAGE,
					 "pushing needs a name: -t NAME");
	return 0;
}

const struct layer_format *build_outputs_format(const struct build_command *c)
{
	size_t i;

	for (i = 0; i < c->n_parsed; i++)
		if (output_wants_blobs(&c->parsed[i]))
			return &c->parsed[i].format;
	return NULL;
}

static size_t count_users(const struct build_command *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_parsed; i++)
		n += output_wants_blobs(&c->parsed[i]);
	for (size_t i = 0; i < c->cache_to.len; i++)
		n += c->cache_to.items[i].kind != CACHE_INLINE;
	return n;
}

void build_outputs_share(struct build_command *c)
{
	bool shared = count_users(c) > 1;

	for (size_t i = 0; i < c->n_parsed; i++)
		c->parsed[i].keep_blobs = shared;
}

struct output *build_outputs_sole_push(struct build_command *c)
{
	for (size_t i = 0; i < c->n_parsed; i++) {
		struct output *o = &c->parsed[i];

		if (o->push && output_wants_blobs(o) && !o->keep_blobs)
			return o;
	}
	return NULL;
}
