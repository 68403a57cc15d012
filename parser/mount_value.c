#include "parser/mount_value.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "store/base/cleanup.h"

bool mount_value_bool(const char *text, bool *ret)
{
	static const char *const yes[] = {
		"1", "t", "T", "true", "TRUE", "True"
	};
	static const char *const no[] = { "0",	   "f",	    "F",
					  "false", "FALSE", "False" };
	size_t i;

	for (i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*ret = !strcmp(text, yes[i]);
			return true;
		}
	}
	return false;
}

bool mount_value_number(const char *text, int base, uint32_t *ret)
{
	unsigned long long number;
	char *end;

	/* strtoull() alone would take blanks and signs. */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, base);
	if (*end || errno || number > UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

/* Bits to shift for a unit like "", "b", "k", "kb", "kib"; -1 for others. */
static int unit_shift(const char *unit)
{
	static const char letters[] = "bkmgtp";
	size_t len = strlen(unit);
	const char *hit;

	if (len == 0)
		return 0;
	hit = strchr(letters, *unit | 0x20);
	if (!hit || !*hit)
		return -1;
	if (hit == letters)
		return len == 1 ? 0 : -1;
	if (len > 1 && strcasecmp(unit + 1, "b") && strcasecmp(unit + 1, "ib"))
		return -1;
	return (int)(hit - letters) * 10;
}

bool mount_value_size(const char *text, uint64_t *ret_bytes)
{
	double number = 0, place = 1;
	const char *p = text;
	int shift;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		number = number * 10 + (*p - '0');
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			number += (*p - '0') * (place /= 10);
	if (*p == ' ')
		p++;
	shift = unit_shift(p);
	if (shift < 0 || number * (double)(1ULL << shift) >= 0x1p62)
		return false;
	*ret_bytes = (uint64_t)(number * (double)(1ULL << shift));
	return true;
}
