#include "registry/upload.h"

#include "registry/upload_session.h"

/* One attempt, and what came of it. */
struct attempt {
	char note[192]; /* why nothing needed to be sent, or "" */
	bool sent;	/* it got as far as sending: another attempt may help */
};

/* Nothing can be asked of what is not known yet. */
static int is_present(struct upload_session *s, bool *ret, struct error *err)
{
	*ret = false;
	return upload_session_blob(s) ? upload_session_ask(s, ret, err) : 0;
}

static int try_once(struct upload_session *s, struct attempt *a,
		    struct error *err)
{
	bool present = false, mounted = false;

	*a = (struct attempt){ .note = "already exists" };
	if (is_present(s, &present, err) < 0)
		return -1;
	if (present)
		return 0;
	if (s->open)
		upload_session_resume(s);
	if (!s->open && upload_session_start(s, &mounted, err) < 0)
		return -1;
	if (mounted) {
		snprintf(a->note, sizeof(a->note), "mounted from %s",
			 s->u->origin);
		return 0;
	}
	*a = (struct attempt){ .sent = true };
	return upload_session_send(s, err);
}

/*
 * Requests before the sending were tried often enough on their own. A lost
 * connection is worth several tries, wrong bytes from an origin or an upload
 * that the registry has forgotten one more.
 */
static bool may_retry(const struct upload_session *s, const struct attempt *a,
		      const struct error *err, unsigned n)
{
	if (!a->sent)
		return false;
	if (upload_session_may_resume(s, err))
		return n < s->u->r->http.tries;
	return n < 2 &&
	       (err->kind == ERROR_INTEGRITY || err->kind == ERROR_NOT_FOUND);
}

/* Only what was cut off is gone on with; what was wrong starts over. */
static int prepare_retry(struct upload_session *s, const struct error *why,
			 unsigned n, struct error *err)
{
	const struct http_client *http = &s->u->r->http;
	int64_t wait_ms = s->refusal.wait_ms;
	char text[512];

	upload_source_close(&s->source);
	if (!upload_session_may_resume(s, why))
		s->open = false;
	error_message(why, text, sizeof(text));
	http_tell(http, "sending %s: %s; trying again", s->source.what, text);
	return http_wait(http, wait_ms < 0 ? http_backoff(http, n) : wait_ms,
			 err);
}

static int upload(struct upload_session *s, struct error *err)
{
	const struct upload *u = s->u;
	struct attempt a;

	for (unsigned n = 1; try_once(s, &a, err) < 0; n++) {
		struct error why = *err;

		if (!may_retry(s, &a, err, n))
			return error_wrap(err, "sending %s to %s/%s",
					  s->source.what, u->host->domain,
					  u->repository);
		if (prepare_retry(s, &why, n, err) < 0)
			return -1;
	}
	if (*a.note)
		client_transfer(u->r, s->source.what,
				upload_session_blob(s)->size,
				upload_session_blob(s)->size, a.note);
	return 0;
}

/* What this client knows to be where it goes. */
static int presence_key(const struct upload *u, const struct digest *digest,
			struct buf *ret, struct error *err)
{
	buf_printf(ret, "%s/%s@%s", u->host->domain, u->repository,
		   digest->text);
	return buf_check(ret, "sending a blob", err);
}

/* Has this client seen it there? 1, 0, -1. */
static int is_known(const struct upload *u, struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;

	if (!u->desc)
		return 0;
	if (presence_key(u, &u->desc->digest, &key, err) < 0)
		return -1;
	return client_knows(u->r, key.data);
}

static int upload_and_note(struct upload_session *s, const struct upload *u,
			   struct error *err)
{
	AUTO(buf_release) struct buf key = BUF_INIT;

	if (upload_session_init(s, u, err) < 0 || upload(s, err) < 0 ||
	    presence_key(u, &upload_session_blob(s)->digest, &key, err) < 0)
		return -1;
	client_learn(u->r, key.data);
	return 0;
}

int upload_blob(const struct upload *u, struct error *err)
{
	AUTO(upload_session_release) struct upload_session s = { 0 };
	int known = is_known(u, err);

	if (known)
		return known < 0 ? -1 : 0;
	return upload_and_note(&s, u, err);
}

int upload_layer(const struct upload *u, struct descriptor *made,
		 struct digest *diff_id, struct error *err)
{
	AUTO(upload_session_release) struct upload_session s = { 0 };
	int known = is_known(u, err);

	if (known < 0 || (!known && upload_and_note(&s, u, err) < 0))
		return -1;
	if (s.made.media_type) {
		*diff_id = s.diff_id;
		return descriptor_copy(&s.made, made, err);
	}
	/* Of what was there already only the descriptor was needed. */
	*diff_id = *u->diff_id;
	return descriptor_copy(u->desc, made, err);
}
