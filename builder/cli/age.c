#include "builder/cli/age.h"

#include <stdlib.h>

#include "store/base/cleanup.h"

int age_parse(const char *text, int64_t *ret, struct error *err)
{
	static const struct {
		char suffix;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	char *end;
	long value;
	size_t i;

	errno = 0;
	value = strtol(text, &end, 10);
	if (!errno && end != text && value >= 0 && value <= 1000000000)
		for (i = 0; i < ARRAY_LEN(units); i++)
			if (end[0] == units[i].suffix && !end[1]) {
				*ret = value * units[i].seconds;
				return 0;
			}
	return error_set(err, ERROR_USAGE,
			 "\"%s\" is not an age such as 90s, 15m, 24h or 7d",
			 text);
}
