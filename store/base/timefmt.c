#include "store/base/timefmt.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NANOSECONDS 1000000000L

char *time_format(struct timespec t, char buf[static TIME_TEXT_SIZE])
{
	struct tm tm;
	size_t len;

	if (!gmtime_r(&t.tv_sec, &tm))
		tm = (struct tm){ .tm_year = 70, .tm_mday = 1 };
	len = (size_t)snprintf(buf, TIME_TEXT_SIZE,
			       "%04lld-%02d-%02dT%02d:%02d:%02d",
			       (long long)tm.tm_year + 1900, tm.tm_mon + 1,
			       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (t.tv_nsec) {
		len += (size_t)snprintf(buf + len, TIME_TEXT_SIZE - len,
					".%09ld", t.tv_nsec);
		while (buf[len - 1] == '0')
			len--;
	}
	snprintf(buf + len, TIME_TEXT_SIZE - len, "Z");
	return buf;
}

/* Exactly `n` digits at `*p`, which moves behind them; -1 when not so. */
static int take_digits(const char **p, int n)
{
	int value = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

static bool take_char(const char **p, const char *accepted)
{
	if (!**p || !strchr(accepted, **p))
		return false;
	(*p)++;
	return true;
}

static bool take_date_time(const char **p, struct tm *tm)
{
	*tm = (struct tm){ 0 };
	tm->tm_year = take_digits(p, 4) - 1900;
	if (tm->tm_year < -1900 || !take_char(p, "-"))
		return false;
	tm->tm_mon = take_digits(p, 2) - 1;
	if (tm->tm_mon < 0 || tm->tm_mon > 11 || !take_char(p, "-"))
		return false;
	tm->tm_mday = take_digits(p, 2);
	if (tm->tm_mday < 1 || tm->tm_mday > 31 || !take_char(p, "Tt "))
		return false;
	tm->tm_hour = take_digits(p, 2);
	if (tm->tm_hour < 0 || tm->tm_hour > 23 || !take_char(p, ":"))
		return false;
	tm->tm_min = take_digits(p, 2);
	if (tm->tm_min < 0 || tm->tm_min > 59 || !take_char(p, ":"))
		return false;
	tm->tm_sec = take_digits(p, 2); /* 60 in a leap second */
	return tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

/* ".123": decimals beyond the ninth are dropped. */
static bool take_fraction(const char **p, long *nanoseconds)
{
	long unit = NANOSECONDS / 10;

	*nanoseconds = 0;
	if (!take_char(p, "."))
		return true;
	if (**p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		*nanoseconds += (**p - '0') * unit;
	return true;
}

/* "Z" or "+01:00", in seconds east of UTC. */
static bool take_zone(const char **p, long *seconds)
{
	int hours, minutes, sign = **p == '-' ? -1 : 1;

	*seconds = 0;
	if (take_char(p, "Zz"))
		return true;
	if (!take_char(p, "+-"))
		return false;
	hours = take_digits(p, 2);
	if (hours < 0 || hours > 23 || !take_char(p, ":"))
		return false;
	minutes = take_digits(p, 2);
	if (minutes < 0 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600L + minutes * 60L);
	return true;
}

bool time_parse(const char *text, struct timespec *ret)
{
	long nanoseconds, zone;
	struct tm tm;

	if (!take_date_time(&text, &tm) ||
	    !take_fraction(&text, &nanoseconds) || !take_zone(&text, &zone) ||
	    *text)
		return false;
	ret->tv_sec = timegm(&tm) - zone;
	ret->tv_nsec = nanoseconds;
	return true;
}

struct timespec time_now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

int64_t time_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int time_compare(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	if (a.tv_nsec != b.tv_nsec)
		return a.tv_nsec < b.tv_nsec ? -1 : 1;
	return 0;
}
