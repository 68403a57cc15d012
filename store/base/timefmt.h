/* Times as RFC 3339 text in UTC, as OCI documents carry them. */
#ifndef STORE_BASE_TIMEFMT_H
#define STORE_BASE_TIMEFMT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define TIME_TEXT_SIZE sizeof("-9223372036-01-01T00:00:00.000000000Z")

/* "2026-01-02T03:04:05Z", with up to nine decimals when there are any. */
char *time_format(struct timespec t, char buf[static TIME_TEXT_SIZE]);

/* false when `text` is not RFC 3339. */
bool time_parse(const char *text, struct timespec *ret);

struct timespec time_now(void);

/* Milliseconds on a clock that nobody sets, for waits. */
int64_t time_monotonic_ms(void);

/* Negative, zero or positive as for strcmp(). */
int time_compare(struct timespec a, struct timespec b);

#endif
