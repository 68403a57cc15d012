#include "parser/healthcheck.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "store/base/duration.h"
#include "store/base/quote.h"
#include "store/base/text.h"

static int parse_interval(const struct instruction *in, const char *flag,
			  int64_t *ns, struct error *err)
{
	const char *value = instruction_flag(in, flag);
	int64_t parsed;

	if (!value || !*value)
		return 0;
	if (duration_parse(value, &parsed, err) < 0) {
		err->kind = ERROR_DOCKERFILE;
		return -1;
	}
	if (parsed != 0 && parsed < NS_PER_MS)
		return error_set(err, ERROR_DOCKERFILE,
				 "Interval \"%s\" cannot be less than 1ms",
				 flag);
	*ns = parsed;
	return 0;
}

static int parse_retries(const struct instruction *in, int32_t *retries,
			 struct error *err)
{
	const char *value = instruction_flag(in, "retries"), *digits;
	struct quoted storage;
	long number;
	char *end;

	if (!value || !*value)
		return 0;
	digits = value + (*value == '-' || *value == '+');
	errno = 0;
	number = strtol(value, &end, 10);
	if (!isdigit((unsigned char)*digits) || *end)
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid value for --retries: %s",
				 quote(&storage, value));
	if (errno || number > INT32_MAX || number < INT32_MIN)
		return error_set(err, ERROR_DOCKERFILE,
				 "value for --retries is out of range: %s",
				 quote(&storage, value));
	if (number < 0)
		return error_set(err, ERROR_DOCKERFILE,
				 "--retries cannot be negative (%ld)", number);
	*retries = (int32_t)number;
	return 0;
}

static int refuse_type(const char *type, struct error *err)
{
	char upper[128];
	struct quoted storage;

	return error_set(
		err, ERROR_DOCKERFILE,
		"Unknown type %s in HEALTHCHECK (try CMD)",
		quote(&storage, text_copy_upper(upper, sizeof(upper), type)));
}

static int check_command(const struct instruction *in, bool *none,
			 struct error *err)
{
	const char *type = in->args.items[0];

	*none = !strcasecmp(type, "NONE");
	if (*none)
		return in->args.len == 1
			       ? 0
			       : error_set(err, ERROR_DOCKERFILE,
					   "HEALTHCHECK NONE takes no "
					   "arguments");
	if (strcasecmp(type, "CMD"))
		return refuse_type(type, err);
	if (in->args.len == 1)
		return error_set(err, ERROR_DOCKERFILE,
				 "Missing command after HEALTHCHECK CMD");
	return 0;
}

int healthcheck_parse(const struct instruction *in, struct healthcheck *ret,
		      struct error *err)
{
	struct healthcheck h = { 0 };

	if (in->args.len == 0)
		return error_set(err, ERROR_DOCKERFILE,
				 "HEALTHCHECK requires at least one argument");
	if (check_command(in, &h.none, err) < 0 ||
	    parse_interval(in, "interval", &h.interval_ns, err) < 0 ||
	    parse_interval(in, "timeout", &h.timeout_ns, err) < 0 ||
	    parse_interval(in, "start-period", &h.start_period_ns, err) < 0 ||
	    parse_interval(in, "start-interval", &h.start_interval_ns, err) <
		    0 ||
	    parse_retries(in, &h.retries, err) < 0)
		return -1;
	*ret = h;
	return 0;
}
