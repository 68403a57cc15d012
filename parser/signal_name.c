#include "parser/signal_name.h"

#include <string.h>
#include <strings.h>

#include "parser/suggest.h"
#include "store/base/cleanup.h"

/*
 * By number, as on every Linux but a few architectures no image is built for.
 * A list of our own: names and the numbers of the real-time signals must not
 * depend on the libc that this program runs on.
 */
static const char *const names[] = {
	[1] = "HUP",   [2] = "INT",	[3] = "QUIT",  [4] = "ILL",
	[5] = "TRAP",  [6] = "ABRT",	[7] = "BUS",   [8] = "FPE",
	[9] = "KILL",  [10] = "USR1",	[11] = "SEGV", [12] = "USR2",
	[13] = "PIPE", [14] = "ALRM",	[15] = "TERM", [16] = "STKFLT",
	[17] = "CHLD", [18] = "CONT",	[19] = "STOP", [20] = "TSTP",
	[21] = "TTIN", [22] = "TTOU",	[23] = "URG",  [24] = "XCPU",
	[25] = "XFSZ", [26] = "VTALRM", [27] = "PROF", [28] = "WINCH",
	[29] = "IO",   [30] = "PWR",	[31] = "SYS",
};

static const struct {
	const char *name;
	int number;
} aliases[] = {
	{ "IOT", 6 },
	{ "CLD", 17 },
	{ "POLL", 29 },
	{ "UNUSED", 31 },
};

enum { FIRST_REALTIME = 34, LAST_REALTIME = 64 };

/* A number of at most two digits, or -1. */
static int parse_number(const char *text)
{
	size_t len = strspn(text, "0123456789");

	if (len == 0 || len > 2 || text[len])
		return -1;
	return len == 1 ? text[0] - '0'
			: (text[0] - '0') * 10 + (text[1] - '0');
}

/* "", "+n" or "-n" behind RTMIN and RTMAX. */
static int parse_realtime(const char *offset, int base, char sign)
{
	int number = *offset ? parse_number(offset + 1) : 0;

	if ((*offset && *offset != sign) || number < 0)
		return -1;
	number = sign == '+' ? base + number : base - number;
	return number >= FIRST_REALTIME && number <= LAST_REALTIME ? number
								   : -1;
}

int signal_name_parse(const char *text)
{
	int number = parse_number(text);
	size_t i;

	if (number >= 0)
		return number > 0 && number <= LAST_REALTIME ? number : -1;
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	if (!strncasecmp(text, "RTMIN", 5))
		return parse_realtime(text + 5, FIRST_REALTIME, '+');
	if (!strncasecmp(text, "RTMAX", 5))
		return parse_realtime(text + 5, LAST_REALTIME, '-');
	for (i = 1; i < ARRAY_LEN(names); i++)
		if (!strcasecmp(text, names[i]))
			return (int)i;
	for (i = 0; i < ARRAY_LEN(aliases); i++)
		if (!strcasecmp(text, aliases[i].name))
			return aliases[i].number;
	return -1;
}

int signal_name_check(const char *text, struct error *err)
{
	size_t prefix = strncasecmp(text, "SIG", 3) ? 0 : 3;
	const char *near;

	if (signal_name_parse(text) > 0)
		return 0;
	/* Of two letters any other signal would be as near. */
	near = strlen(text + prefix) > 2
		       ? suggest(text + prefix, names, ARRAY_LEN(names), true)
		       : NULL;
	return error_set(err, ERROR_DOCKERFILE, "invalid signal: %s%s%s%s%s",
			 text, near ? " (did you mean " : "",
			 near && prefix ? "SIG" : "", near ? near : "",
			 near ? "?)" : "");
}
