#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "tests/unit/registry/script.h"

struct scripted_transport {
	struct http_transport base;
	struct script *script;
};

struct scripted_exchange {
	struct http_exchange base;
	const struct act *act;
	size_t len, at;
};

static ssize_t scripted_read(struct http_exchange *base, void *data, size_t len,
			     struct error *err)
{
	struct scripted_exchange *x = (struct scripted_exchange *)base;
	size_t end = x->act->breaks_after ? x->act->breaks_after : x->len;

	if (x->at == end && x->act->breaks_after) {
		base->failure = HTTP_BROKEN;
		return error_set(err, ERROR_NETWORK, "the connection broke");
	}
	if (len > end - x->at)
		len = end - x->at;
	if (len)
		memcpy(data, x->act->body + x->at, len);
	x->at += len;
	return (ssize_t)len;
}

static void scripted_free(struct http_exchange *base)
{
	strv_release(&base->headers);
	free(base);
}

static bool is_worth_logging(const char *field)
{
	static const char *const names[] = { "Authorization:",
					     "Range:",
					     "Content-Type:",
					     "Content-Range:",
					     "If-None-Match:",
					     "If-Modified-Since:",
					     "X-" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strncasecmp(field, names[i], strlen(names[i])))
			return true;
	return false;
}

static int log_body(struct buf *line, const struct http_body *body,
		    struct error *err)
{
	AUTO(stream_free) struct stream *s = NULL;
	char data[4096];
	ssize_t n;

	if (body->open(body->ctx, &s, err) < 0)
		return -1;
	buf_append_str(line, " > ");
	while ((n = stream_read(s, data, sizeof(data), err)) > 0)
		buf_append(line, data, (size_t)n);
	return (int)n;
}

static int log_request(struct script *s, const struct http_request *rq,
		       struct error *err)
{
	struct buf line = BUF_INIT;
	int failed = 0;

	buf_printf(&line, "%s %s", rq->method, rq->url);
	for (size_t i = 0; rq->headers && i < rq->headers->len; i++)
		if (is_worth_logging(rq->headers->items[i]))
			buf_printf(&line, " | %s", rq->headers->items[i]);
	if (rq->connect_ms)
		buf_printf(&line, " | connect in %" PRId64 " ms",
			   rq->connect_ms);
	if (rq->body)
		failed = log_body(&line, rq->body, err);
	strv_take(&s->log, buf_steal(&line));
	return failed;
}

static int scripted_open(struct http_transport *base,
			 const struct http_request *rq,
			 struct http_exchange **ret, enum http_failure *failure,
			 struct error *err)
{
	struct script *s = ((struct scripted_transport *)base)->script;
	struct scripted_exchange *x;
	const struct act *act;
	const char *field = "";

	*failure = HTTP_OWN_FAULT;
	if (log_request(s, rq, err) < 0)
		return -1;
	if (s->next == s->n)
		fail_msg("one request too many: %s",
			 s->log.items[s->log.len - 1]);
	act = &s->acts[s->next++];
	*failure = act->failure;
	if (act->failure)
		return error_set(err, ERROR_NETWORK, "scripted failure");
	x = calloc(1, sizeof(*x));
	assert_non_null(x);
	x->base.read = scripted_read;
	x->base.free = scripted_free;
	x->base.status = act->status ? act->status : 200;
	x->act = act;
	x->len =
		act->body_len || !act->body ? act->body_len : strlen(act->body);
	if (act->headers)
		field = act->headers;
	while (*field) {
		size_t len = strcspn(field, "\n");

		strv_append_len(&x->base.headers, field, len);
		field += len + (field[len] == '\n');
	}
	*ret = &x->base;
	return 0;
}

static void transport_free(struct http_transport *base)
{
	free(base);
}

static void on_message(void *ctx, const char *line)
{
	strv_append(&((struct script *)ctx)->told, line);
}

struct registry *script_client(struct script *s,
			       const struct registry_options *options)
{
	struct scripted_transport *t = calloc(1, sizeof(*t));
	struct registry_options o = { 0 };
	struct error err = ERROR_INIT;
	struct registry *r = NULL;

	assert_non_null(t);
	t->base.open = scripted_open;
	t->base.free = transport_free;
	t->script = s;
	if (options)
		o = *options;
	o.config_dir = "/nonexistent";
	o.backoff_ms = 1;
	o.events.message = on_message;
	o.events.ctx = s;
	if (client_new(&o, &t->base, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

void assert_log(const struct script *s, const char *lines)
{
	AUTO(buf_release) struct buf got = BUF_INIT;

	for (size_t i = 0; i < s->log.len; i++)
		buf_printf(&got, "%s%s", i ? "\n" : "", s->log.items[i]);
	assert_string_equal(got.data ? got.data : "", lines);
	assert_int_equal(s->next, s->n);
}

void script_release(struct script *s)
{
	strv_release(&s->log);
	strv_release(&s->told);
}
