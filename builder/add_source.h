/*
 * Sources of ADD that come from elsewhere: files from http and https URLs, and
 * repositories. What they are (a digest, a commit) is found out first, because
 * the step's key needs no more; the contents only come when the step runs.
 */
#ifndef BUILDER_ADD_SOURCE_H
#define BUILDER_ADD_SOURCE_H

#include "builder/copy_source.h"
#include "builder/fetch.h"

struct add_source;

struct add_sources {
	struct add_source *items; /* in the order of their words */
	size_t len;
};

/* Take what is not local out of `args` (borrowed). */
int add_sources_init(struct add_sources *ret, const struct copy_args *args,
		     struct error *err);
void add_sources_release(struct add_sources *s);

/*
 * Find out what each of them is. Servers are asked, but for a --checksum and
 * for commits that the URL names; a file that has not changed since it was
 * last added (`remembered`: that counts) is not sent again.
 */
int add_sources_identify(struct add_sources *s, const struct fetch_env *env,
			 bool remembered, struct error *err);

/* Make `*content` cover them, too. They must be identified. */
int add_sources_content(const struct add_sources *s, struct digest *content,
			struct error *err);

/*
 * Have their contents here, the ones that were identified (else
 * ERROR_INTEGRITY), and put them among the sources of the copy, which borrow
 * from `s`.
 */
int add_sources_fetch(struct add_sources *s, const struct fetch_env *env,
		      struct copy_sources *to, struct error *err);

#endif
