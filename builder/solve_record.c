/*
 * What a record in the step cache says besides its layer: the fields of the
 * key, and which results it rests on.
 *
 *   {"key": {...}, "parent": ID, "result": ID, "inputs": [ID, ...],
 *    "files": KEY}
 *
 * "files" names the listing of what was read (file_listing.h), for explaining
 * a later miss.
 */
#include <string.h>

#include "builder/solve_node.h"
#include "store/base/json.h"

const char *solve_record_parent(const struct node *n)
{
	const char *id = json_get_string(n->record.parts, "parent");

	return id ? id : "";
}

const char *solve_record_result(const struct node *n)
{
	return json_get_string(n->record.parts, "result");
}

bool solve_record_input(const struct node *n, size_t i, const char **ret)
{
	const json_t *inputs = json_object_get(n->record.parts, "inputs");
	const json_t *input = json_array_get(inputs, i);

	*ret = json_string_value(input);
	return *ret != NULL;
}

const char *solve_known_identity(const struct node *n)
{
	if (!n)
		return "";
	if (n->identity)
		return n->identity;
	return n->has_record ? solve_record_result(n) : NULL;
}

static json_t *input_identities(const struct solver *s, const struct node *n)
{
	json_t *inputs = json_array();

	for (size_t i = 0; i < n->job.n_reads; i++) {
		const struct step_read *r = &n->job.reads[i];
		const char *id =
			solve_known_identity(solve_source_node(s, r->from));

		if (r->in_key &&
		    json_array_append_new(inputs, json_string(id ? id : "")) <
			    0) {
			json_decref(inputs);
			return NULL;
		}
	}
	return inputs;
}

json_t *solve_record_parts(const struct solver *s, const struct node *n)
{
	const char *parent = solve_known_identity(n->parent);

	return json_pack("{s:O, s:s, s:s, s:o, s:s}", "key", n->parts, "parent",
			 parent ? parent : "", "result", n->identity, "inputs",
			 input_identities(s, n), "files", n->key.text);
}
