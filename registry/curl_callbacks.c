#include <string.h>

#include "registry/curl_internal.h"
#include "registry/url.h"

#define HEADERS_MAX ((size_t)256 << 10)

static size_t on_header(char *data, size_t one, size_t len, void *ctx)
{
	struct curl_exchange *x = ctx;
	long status = 0;
	size_t text;

	(void)one;
	x->moved += len;
	x->headers_size += len;
	if (x->headers_size > HEADERS_MAX)
		return 0;
	if (len >= 5 && !strncmp(data, "HTTP/", 5)) {
		/* The reply after an interim one starts over. */
		strv_release(&x->base.headers);
		return len;
	}
	for (text = len; text > 0 && strchr("\r\n \t", data[text - 1]);)
		text--;
	if (text > 0) {
		strv_append_len(&x->base.headers, data, text);
		return len;
	}
	curl_easy_getinfo(x->line->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200) {
		x->base.status = (int)status;
		x->head_done = true;
		be_patient(x);
	}
	return len;
}

/* Take all or, by pausing, nothing: curl offers the same bytes again. */
static size_t on_input(char *data, size_t one, size_t len, void *ctx)
{
	struct curl_exchange *x = ctx;

	(void)one;
	if (x->input_start == x->input_end)
		x->input_start = x->input_end = 0;
	if (len > CURL_INPUT_SIZE - x->input_end) {
		x->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(x->input + x->input_end, data, len);
	x->input_end += len;
	x->moved += len;
	return len;
}

/*
 * With its last bytes the stream must be at its end: what it verifies it
 * verifies there, before the server can have taken the body for whole.
 */
static int check_end(struct curl_exchange *x)
{
	char more;
	ssize_t n = stream_read(x->body, &more, 1, &x->fault);

	if (n > 0)
		error_set(&x->fault, ERROR_INTEGRITY,
			  "what is to be sent is longer than announced");
	return n == 0 ? 0 : -1;
}

static size_t give_up_sending(struct curl_exchange *x)
{
	x->faulty = true;
	return CURL_READFUNC_ABORT;
}

/* A body of unknown length, in chunks as HTTP/1.1 has them. */
static size_t output_until_end(struct curl_exchange *x, char *data, size_t len)
{
	ssize_t n = stream_read(x->body, data, len, &x->fault);

	if (n < 0)
		return give_up_sending(x);
	x->moved += (uint64_t)n;
	x->sending = n > 0;
	return (size_t)n;
}

static size_t on_output(char *data, size_t one, size_t room, void *ctx)
{
	struct curl_exchange *x = ctx;
	size_t len = room * one;
	ssize_t n;

	if (x->body_left < 0)
		return output_until_end(x, data, len);
	if ((int64_t)len > x->body_left)
		len = (size_t)x->body_left;
	if (!len)
		return 0;
	n = stream_read(x->body, data, len, &x->fault);
	if (n == 0)
		error_set(&x->fault, ERROR_INTEGRITY,
			  "what is to be sent is shorter than announced");
	if (n <= 0 || (n == x->body_left && check_end(x) < 0))
		return give_up_sending(x);
	x->body_left -= n;
	x->moved += (uint64_t)n;
	x->sending = x->body_left > 0;
	return (size_t)n;
}

/*
 * Connected, be it just now or for an earlier exchange, and about to send. A
 * name may stand for any address, and for another one each time it is looked
 * up, so this is the place to look.
 */
static int on_connected(void *ctx, char *peer,
			char *own __attribute__((unused)), int peer_port,
			int own_port)
{
	struct curl_exchange *x = ctx;
	enum url_place place = url_host_place(peer);

	(void)peer_port;
	(void)own_port;
	if (!x->direct)
		return CURL_PREREQFUNC_OK;
	x->base.local = place == URL_LOOPBACK;
	if (!x->outside || place == URL_ELSEWHERE)
		return CURL_PREREQFUNC_OK;
	x->faulty = true;
	error_set(&x->fault, ERROR_REFUSED,
		  "its name stands for a local address, %s; nothing was sent "
		  "there",
		  peer);
	return CURL_PREREQFUNC_ABORT;
}

void curl_callbacks_set(struct curl_exchange *x)
{
	CURL *easy = x->line->easy;

	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_output);
	curl_easy_setopt(easy, CURLOPT_READDATA, x);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_input);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
}
