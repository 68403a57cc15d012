/* The KEY phase: what a step's result is called, and whether one is known. */
#include <string.h>

#include "builder/key.h"
#include "builder/solve_node.h"
#include "store/base/json.h"

static bool reads_elsewhere(const struct node *n)
{
	for (size_t i = 0; i < n->job.n_reads; i++)
		if (n->job.reads[i].in_key &&
		    !step_read_is_local(&n->job.reads[i]))
			return true;
	return false;
}

static int parent_key(const struct solver *s, const struct node *n,
		      struct digest *ret, struct error *err)
{
	if (n->parent) {
		*ret = n->parent->key;
		return 0;
	}
	return solve_source_key(s, &n->step->base, ret, err);
}

/*
 * Digests of what `n` reads: by content, or where that is not at hand and
 * `by_key` allows, by the key of the stage or image.
 */
static int read_inputs(struct solver *s, struct node *n, bool by_key,
		       struct digest *inputs, size_t *n_inputs,
		       struct error *err)
{
	*n_inputs = 0;
	for (size_t i = 0; i < n->job.n_reads; i++) {
		struct step_read *r = &n->job.reads[i];
		struct digest *to = &inputs[*n_inputs];

		if (!r->in_key)
			continue;
		if (by_key && !step_read_is_local(r)) {
			if (solve_source_key(s, r->from, to, err) < 0)
				return -1;
		} else if (solve_open_read(s, r, err) < 0 ||
			   step_read_content(&n->job, r, to, err) < 0) {
			return -1;
		}
		(*n_inputs)++;
	}
	return 0;
}

static int make_key(struct solver *s, struct node *n, enum key_kind kind,
		    const struct digest *inputs, size_t n_inputs,
		    struct digest *ret, struct error *err)
{
	AUTO(json_decref) json_t *parts = NULL;
	struct digest parent;

	if (parent_key(s, n, &parent, err) < 0 ||
	    step_key(s->plan, n->step, kind, &parent, inputs, n_inputs, ret,
		     &parts, err) < 0)
		return -1;
	json_decref(n->parts);
	n->parts = steal_pointer(&parts);
	return 0;
}

/* One digest for everything read, the form that records keep. */
static int combine(const struct digest *inputs, size_t n, struct digest *ret,
		   struct error *err)
{
	AUTO(hash_free) struct hash *hash = NULL;

	if (hash_new(&hash, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		hash_field_str(hash, inputs[i].text);
	hash_finish(hash, ret);
	return 0;
}

static int look_up(struct solver *s, struct node *n, const struct digest *key,
		   struct error *err)
{
	int found;

	if (n->step->no_cache)
		return 0;
	found = step_cache_get(s->options->batch, key, &n->record, err);
	n->has_record = found > 0 && solve_record_result(n);
	if (found > 0 && !n->has_record)
		step_record_release(&n->record);
	return found < 0 ? -1 : 0;
}

static void forget_record(struct node *n)
{
	step_record_release(&n->record);
	n->has_record = false;
}

/* How far a record can be relied on before its parent's result is there. */
static enum node_trust judge(const struct node *n)
{
	const struct node *parent = n->parent;
	const char *identity = solve_known_identity(parent);
	bool same = n->has_record && identity &&
		    strcmp(identity, solve_record_parent(n)) == 0;

	if (n->step->no_cache)
		return TRUST_DOUBT;
	if (!n->has_record)
		return parent && parent->trust == TRUST_DOUBT ? TRUST_DOUBT
							      : TRUST_ABSENT;
	if (!parent || parent->result_done || parent->trust == TRUST_SURE)
		return same ? TRUST_SURE : TRUST_DOUBT;
	if (parent->trust == TRUST_DOUBT || (identity && !same))
		return TRUST_DOUBT;
	return TRUST_LIKELY;
}

enum verdict {
	INPUT_SAME,
	INPUT_UNKNOWN, /* its result decides */
	INPUT_OTHER,
};

/* Is what a record was made from still what there is to read? */
static enum verdict judge_input(const struct node *input, const char *recorded)
{
	const char *identity = solve_known_identity(input);
	bool same = identity && strcmp(identity, recorded) == 0;

	if (!input || input->result_done)
		return same ? INPUT_SAME : INPUT_OTHER;
	/* Gone from the cache: nothing says that it would be another one. */
	if (input->trust == TRUST_ABSENT)
		return INPUT_SAME;
	if (input->trust == TRUST_DOUBT)
		return INPUT_UNKNOWN;
	return same ? INPUT_SAME : INPUT_UNKNOWN;
}

static enum verdict judge_inputs(const struct solver *s, const struct node *n)
{
	enum verdict worst = INPUT_SAME;
	size_t at = 0;

	for (size_t i = 0; i < n->job.n_reads; i++) {
		const struct step_read *r = &n->job.reads[i];
		enum verdict v = INPUT_SAME;
		const char *recorded;

		if (!r->in_key)
			continue;
		if (!solve_record_input(n, at++, &recorded))
			return INPUT_OTHER;
		if (!step_read_is_local(r))
			v = judge_input(solve_source_node(s, r->from),
					recorded);
		worst = v > worst ? v : worst;
	}
	return worst;
}

/*
 * The definition is known already: can its record be used as it is? Its
 * content then gives the key.
 */
static int try_record(struct solver *s, struct node *n, struct error *err)
{
	enum verdict v;

	if (!n->has_record)
		return 0;
	pthread_mutex_lock(&s->lock);
	v = judge_inputs(s, n);
	pthread_mutex_unlock(&s->lock);
	if (v == INPUT_UNKNOWN)
		return 0;
	if (v == INPUT_OTHER || !digest_is_set(&n->record.content)) {
		forget_record(n);
		return 0;
	}
	n->content = n->record.content;
	return make_key(s, n, KEY_CONTENT, &n->content, 1, &n->key, err) < 0
		       ? -1
		       : 1;
}

static int define(struct solver *s, struct node *n, struct digest *inputs,
		  struct error *err)
{
	size_t n_inputs;

	if (n->defined)
		return 0;
	if (read_inputs(s, n, true, inputs, &n_inputs, err) < 0 ||
	    make_key(s, n, KEY_DEFINITION, inputs, n_inputs, &n->definition,
		     err) < 0 ||
	    look_up(s, n, &n->definition, err) < 0)
		return -1;
	n->defined = true;
	return 0;
}

/* What the step reads is there: name it by that, and look again. */
static int key_by_content(struct solver *s, struct node *n,
			  struct digest *inputs, struct error *err)
{
	size_t n_inputs;

	if (read_inputs(s, n, false, inputs, &n_inputs, err) < 0 ||
	    combine(inputs, n_inputs, &n->content, err) < 0 ||
	    make_key(s, n, KEY_CONTENT, &n->content, 1, &n->key, err) < 0)
		return -1;
	forget_record(n);
	if (look_up(s, n, &n->key, err) < 0)
		return -1;
	n->found_by_content = n->has_record;
	return 0;
}

bool solve_is_linked(const struct node *n)
{
	const struct step *step = n->step;

	return (step->kind == STEP_COPY || step->kind == STEP_ADD) &&
	       step->u.copy.link;
}

int solve_linked_key(struct solver *s, struct node *n, struct digest *ret,
		     struct error *err)
{
	autofree struct digest *inputs =
		calloc(n->job.n_reads + 1, sizeof(*inputs));
	const struct digest nothing = { 0 };
	struct digest content;
	size_t n_inputs;

	if (!inputs)
		return error_nomem(err, "a key");
	if (read_inputs(s, n, false, inputs, &n_inputs, err) < 0 ||
	    combine(inputs, n_inputs, &content, err) < 0)
		return -1;
	return step_key(s->plan, n->step, KEY_CONTENT, &nothing, &content, 1,
			ret, NULL, err);
}

int solve_key(struct solver *s, struct node *n, struct error *err)
{
	autofree struct digest *inputs =
		calloc(n->job.n_reads + 1, sizeof(*inputs));
	bool first = !n->defined;
	int known;

	if (!inputs)
		return error_nomem(err, "a key");
	if (define(s, n, inputs, err) < 0)
		return -1;
	if (!reads_elsewhere(n)) {
		n->key = n->definition;
		known = 1;
	} else {
		known = try_record(s, n, err);
	}
	if (known == 0 && !first)
		known = key_by_content(s, n, inputs, err) < 0 ? -1 : 1;
	if (known < 0)
		return -1;
	pthread_mutex_lock(&s->lock);
	n->needs_content = !known;
	if (known) {
		n->trust = judge(n);
		n->key_done = true;
	}
	pthread_mutex_unlock(&s->lock);

	/* Nobody may ask for the result: this is all there is to be said. */
	if (known && n->trust == TRUST_SURE)
		solve_show_cached(s, n);
	return 0;
}
