/* What a comparison of layers tells of one entry. */
#ifndef STORE_DIFF_FACT_H
#define STORE_DIFF_FACT_H

#include "store/base/json.h"
#include "store/digest.h"
#include "store/entry.h"
#include "store/stream.h"

enum diff_field {
	FIELD_TYPE,
	FIELD_MODE,
	FIELD_OWNER,
	FIELD_SIZE,
	FIELD_MTIME,
	FIELD_LINK,
	FIELD_DEVICE,
	FIELD_XATTRS,
	N_FIELDS
};

struct diff_fact {
	char *key;		/* see diff_key() */
	char *fields[N_FIELDS]; /* in the report's words; NULL: has none */
	bool is_file;
	struct digest contents; /* of a file */
};

/*
 * The path behind a letter: whiteouts, opaque marks and files may share one.
 * The caller frees it; NULL: no memory.
 */
char *diff_key(const struct entry *e);

/*
 * Describe `e`; reads `contents` of a file to its end. `f` is for
 * diff_fact_release() after failure, too.
 */
int diff_fact_init(struct diff_fact *f, const struct entry *e,
		   struct stream *contents, struct error *err);
void diff_fact_release(struct diff_fact *f);
DEFINE_RELEASE(struct diff_fact, diff_fact_release);

/*
 * A new item of the report: {"path": ..., "change": ...}. NULL: no memory, as
 * below.
 */
json_t *diff_fact_report(const struct diff_fact *f, const char *change);

/*
 * The fields that differ, as a new array of {"field": ..., "left": ...,
 * "right": ...}; empty when none does.
 */
json_t *diff_fact_compare(const struct diff_fact *a, const struct diff_fact *b);

/* Are these files of different contents? */
bool diff_contents_differ(const struct diff_fact *a, const struct diff_fact *b);

#endif
