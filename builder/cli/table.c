#include "builder/cli/table.h"

#include <string.h>

#include "store/base/timefmt.h"

static size_t column_width(const struct strv *cells, size_t columns, size_t c)
{
	size_t i, widest = 0;

	for (i = c; i < cells->len; i += columns)
		if (strlen(cells->items[i]) > widest)
			widest = strlen(cells->items[i]);
	return widest;
}

void table_print(FILE *out, const struct strv *cells, size_t columns)
{
	size_t i, c;

	for (i = 0; i + columns <= cells->len; i += columns) {
		for (c = 0; c + 1 < columns; c++)
			fprintf(out, "%-*s   ",
				(int)column_width(cells, columns, c),
				cells->items[i + c]);
		fprintf(out, "%s\n", cells->items[i + columns - 1]);
	}
}

void table_age(struct strv *cells, struct timespec then)
{
	static const struct {
		long seconds;
		const char *name;
	} units[] = {
		{ 365 * 86400L, "year" }, { 30 * 86400L, "month" },
		{ 7 * 86400L, "week" },	  { 86400L, "day" },
		{ 3600L, "hour" },	  { 60L, "minute" },
		{ 1L, "second" },
	};
	long age = (long)(time_now().tv_sec - then.tv_sec);
	char text[48];
	size_t i;

	for (i = 0; i < ARRAY_LEN(units); i++)
		if (age >= units[i].seconds)
			break;
	if (i == ARRAY_LEN(units)) {
		strv_append(cells, "just now");
		return;
	}
	age /= units[i].seconds;
	snprintf(text, sizeof(text), "%ld %s%s ago", age, units[i].name,
		 age == 1 ? "" : "s");
	strv_append(cells, text);
}

void table_size(struct strv *cells, int64_t bytes)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	char text[32];
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
		value /= 1000;
		unit++;
	}
	if (bytes < 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), unit ? "%.1f%s" : "%.0f%s", value,
			 units[unit]);
	strv_append(cells, text);
}
