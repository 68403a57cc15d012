#include "registry/verdict.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_BACKOFF_MS ((int64_t)60 * 1000)

/* Seconds or a date (RFC 9110, 10.2.3), as milliseconds from now; -1: unread */
static int64_t retry_after_ms(const char *text, time_t now)
{
	struct tm date = { 0 };
	const char *end;
	size_t digits;

	if (!text)
		return -1;
	digits = strspn(text, "0123456789");
	if (digits && !text[digits])
		return digits > 9 ? INT64_MAX : atoll(text) * 1000;
	end = strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &date);
	if (!end || *end)
		return -1;
	return timegm(&date) > now ? (int64_t)(timegm(&date) - now) * 1000 : 0;
}

static enum http_verdict judge_status(int status)
{
	if (status >= 200 && status < 300)
		return HTTP_DONE;
	switch (status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		return HTTP_REDIRECT;
	case 401:
		return HTTP_AUTHENTICATE;
	case 408:
	case 429:
	case 500:
	case 502:
	case 503:
	case 504:
		return HTTP_RETRY;
	default:
		return HTTP_FAIL;
	}
}

static enum http_verdict judge_failure(enum http_failure failure)
{
	switch (failure) {
	case HTTP_UNRESOLVED:
	case HTTP_UNREACHABLE:
	case HTTP_NO_TLS:
	case HTTP_BROKEN:
	case HTTP_STALLED:
		return HTTP_RETRY;
	default:
		return HTTP_FAIL;
	}
}

enum http_verdict http_judge(const struct http_outcome *o, int64_t *wait_ms)
{
	enum http_verdict verdict;

	*wait_ms = -1;
	if (o->failure)
		return judge_failure(o->failure);
	verdict = judge_status(o->status);
	if (verdict != HTTP_RETRY)
		return verdict;
	*wait_ms = retry_after_ms(o->retry_after, o->now);
	return *wait_ms > HTTP_LONGEST_WAIT_MS ? HTTP_FAIL : HTTP_RETRY;
}

int64_t http_backoff_ms(int64_t first_ms, unsigned n, unsigned random)
{
	int64_t wait = first_ms;

	while (--n && wait < LONGEST_BACKOFF_MS)
		wait *= 2;
	if (wait > LONGEST_BACKOFF_MS)
		wait = LONGEST_BACKOFF_MS;
	return wait - wait * (random % 256) / 1024;
}

enum error_kind http_error_kind(int status)
{
	if (status == 401 || status == 403)
		return ERROR_AUTH;
	if (status == 404)
		return ERROR_NOT_FOUND;
	if (judge_status(status) == HTTP_RETRY)
		return ERROR_NETWORK;
	return ERROR_REFUSED;
}
