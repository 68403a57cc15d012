/* An upload in the protocol's sense: opened, written to, and closed. */
#ifndef REGISTRY_UPLOAD_SESSION_H
#define REGISTRY_UPLOAD_SESSION_H

#include "registry/request.h"
#include "registry/upload_source.h"
#include "registry/url.h"

struct upload_session {
	const struct upload *u;
	struct upload_source source;
	bool open;
	struct url location; /* when open: where to write next */
	int64_t offset;	     /* bytes that the registry has */
	int64_t chunk;	     /* most bytes of a request, or -1 */
	int64_t chunk_min;   /* least of all but the last; 0: not announced */
	struct descriptor made; /* of a layer, once all of it was read */
	struct digest diff_id;
	struct refusal refusal; /* what the last sending came to */
};

int upload_session_init(struct upload_session *s, const struct upload *u,
			struct error *err);
void upload_session_release(struct upload_session *s);
DEFINE_RELEASE(struct upload_session, upload_session_release);

/* What is being uploaded as far as it is known, or NULL. */
const struct descriptor *upload_session_blob(const struct upload_session *s);

/* Is the blob there already? */
int upload_session_ask(struct upload_session *s, bool *present,
		       struct error *err);

/* Begin, or have the blob mounted from a neighbour; then `*mounted`. */
int upload_session_start(struct upload_session *s, bool *mounted,
			 struct error *err);

/*
 * After a failure: does the registry still know the upload, and how far has it
 * come? If not it is not `open` afterwards.
 */
void upload_session_resume(struct upload_session *s);

/* Send what is missing and close the upload. */
int upload_session_send(struct upload_session *s, struct error *err);

/*
 * Sending failed: may it go on where the registry is? True after lost
 * connections, overload and a range that did not fit.
 */
bool upload_session_may_resume(const struct upload_session *s,
			       const struct error *why);

#endif
