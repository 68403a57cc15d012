#include "store/base/duration.h"

#include <stdbool.h>
#include <string.h>

#include "store/base/quote.h"

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* micro sign */
	{ "\xce\xbcs", 1000 }, /* Greek mu */
	{ "ms", 1000000 },
	{ "s", 1000000000 },
	{ "m", 60ULL * 1000000000 },
	{ "h", 3600ULL * 1000000000 },
};

/* The largest magnitude, that of the most negative value. */
static const uint64_t max_ns = 1ULL << 63;

static int refuse(const char *text, struct error *err)
{
	struct quoted storage;

	return error_set(err, ERROR_USAGE, "time: invalid duration %s",
			 quote(&storage, text));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at `*p`; false when they exceed max_ns. */
static bool take_whole(const char **p, uint64_t *value)
{
	for (*value = 0; is_digit(**p); (*p)++) {
		if (*value > max_ns / 10)
			return false;
		*value = *value * 10 + (uint64_t)(**p - '0');
		if (*value > max_ns)
			return false;
	}
	return true;
}

/* Digits behind the point as value / scale; excess digits do not count. */
static void take_fraction(const char **p, uint64_t *value, double *scale)
{
	bool full = false;

	*value = 0;
	*scale = 1;
	for (; is_digit(**p); (*p)++) {
		full = full || *value > (max_ns - 1) / 10;
		if (full)
			continue;
		*value = *value * 10 + (uint64_t)(**p - '0');
		*scale *= 10;
	}
}

/* Nanoseconds of the unit at `*p`, which ends where a number begins. */
static int take_unit(const char *text, const char **p, uint64_t *ns,
		     struct error *err)
{
	size_t len = 0, i;
	struct quoted storage;

	while ((*p)[len] && (*p)[len] != '.' && !is_digit((*p)[len]))
		len++;
	if (len == 0)
		return error_set(err, ERROR_USAGE,
				 "time: missing unit in duration %s (such as "
				 "\"s\" for seconds)",
				 quote(&storage, text));
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) == len &&
		    !memcmp(units[i].name, *p, len)) {
			*ns = units[i].ns;
			*p += len;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE,
			 "time: unknown unit \"%.*s\" in duration %s (use "
			 "h, m, s or ms)",
			 (int)len, *p, quote(&storage, text));
}

/* One number with its unit, added to `*total`. */
static int take_term(const char *text, const char **p, uint64_t *total,
		     struct error *err)
{
	const char *start = *p;
	uint64_t whole, fraction = 0, unit;
	bool digits;
	double scale = 1;

	if (!take_whole(p, &whole))
		return refuse(text, err);
	digits = *p > start;
	if (**p == '.') {
		start = ++*p;
		take_fraction(p, &fraction, &scale);
		digits = digits || *p > start;
	}
	if (!digits)
		return refuse(text, err);
	if (take_unit(text, p, &unit, err) < 0)
		return -1;
	if (whole > max_ns / unit)
		return refuse(text, err);
	whole = whole * unit +
		(uint64_t)((double)fraction * ((double)unit / scale));
	if (whole > max_ns || *total > max_ns - whole)
		return refuse(text, err);
	*total += whole;
	return 0;
}

int duration_parse(const char *text, int64_t *ns, struct error *err)
{
	const char *p = text;
	bool negative = *p == '-';
	uint64_t total = 0;

	if (*p == '-' || *p == '+')
		p++;
	if (!strcmp(p, "0")) {
		*ns = 0;
		return 0;
	}
	if (!*p)
		return refuse(text, err);
	while (*p)
		if (take_term(text, &p, &total, err) < 0)
			return -1;
	if (total > max_ns - !negative)
		return refuse(text, err);
	*ns = negative ? (int64_t)(0 - total) : (int64_t)total;
	return 0;
}
