#include "parser/port.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "store/base/quote.h"

struct range {
	long first;
	long last;
};

/* A port number of [p, end), or -1. */
static long parse_port(const char *p, const char *end)
{
	long value = 0;

	if (p == end)
		return -1;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		value = value * 10 + (*p - '0');
		if (value > 65535)
			return -1;
	}
	return value;
}

static bool parse_range(const char *p, const char *end, struct range *ret)
{
	const char *dash = memchr(p, '-', (size_t)(end - p));

	ret->first = parse_port(p, dash ? dash : end);
	ret->last = dash ? parse_port(dash + 1, end) : ret->first;
	return ret->first >= 0 && ret->last >= ret->first;
}

/* A stretch of the specification. */
struct span {
	const char *p;
	const char *end;
};

#define SPAN_ARGS(span) (int)((span).end - (span).p), (span).p

/* "ip:host:container/proto"; what is not there is empty. */
struct parts {
	struct span ip;
	struct span host;
	struct span container;
	struct span proto;
};

static const char *last_colon(const char *p, const char *end)
{
	return end > p ? memrchr(p, ':', (size_t)(end - p)) : NULL;
}

static struct parts split(const char *spec)
{
	const char *end = spec + strlen(spec), *colon = last_colon(spec, end);
	struct parts parts = { 0 };
	const char *slash;

	parts.container = (struct span){ colon ? colon + 1 : spec, end };
	parts.host = (struct span){ spec, colon ? colon : spec };
	colon = last_colon(parts.host.p, parts.host.end);
	if (colon) {
		parts.ip = (struct span){ spec, colon };
		parts.host.p = colon + 1;
	}
	slash = strchr(parts.container.p, '/');
	if (slash) {
		parts.container.end = slash;
		parts.proto = (struct span){ slash + 1, end };
	}
	return parts;
}

static bool ip_is_valid(struct span ip)
{
	unsigned char address[sizeof(struct in6_addr)];
	char text[INET6_ADDRSTRLEN];
	size_t len = (size_t)(ip.end - ip.p);

	if (len >= 2 && ip.p[0] == '[' && ip.end[-1] == ']') {
		ip.p++;
		len -= 2;
	}
	if (len >= sizeof(text))
		return false;
	memcpy(text, ip.p, len);
	text[len] = '\0';
	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* The protocol in lower case, or NULL. An empty one is tcp. */
static const char *find_proto(struct span proto)
{
	static const char *const known[] = { "tcp", "udp", "sctp" };
	size_t len = (size_t)(proto.end - proto.p), i;

	if (len == 0)
		return known[0];
	for (i = 0; i < ARRAY_LEN(known); i++)
		if (strlen(known[i]) == len &&
		    !strncasecmp(known[i], proto.p, len))
			return known[i];
	return NULL;
}

/* Judge the parts; the container's ports and the protocol are the result. */
static int judge(const struct parts *parts, struct range *ports,
		 const char **proto, struct error *err)
{
	bool host_given = parts->host.p < parts->host.end;
	struct range host;

	if (parts->ip.p < parts->ip.end && !ip_is_valid(parts->ip))
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid IP address: %.*s",
				 SPAN_ARGS(parts->ip));
	if (!parse_range(parts->container.p, parts->container.end, ports))
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid containerPort: %.*s (%s)",
				 SPAN_ARGS(parts->container),
				 *parts->container.p == '#'
					 ? "a comment needs a line of its own"
					 : "ports are numbers from 0 to 65535, "
					   "ranges ascend");
	if (host_given && !parse_range(parts->host.p, parts->host.end, &host))
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid hostPort: %.*s",
				 SPAN_ARGS(parts->host));
	if (host_given && ports->first != ports->last &&
	    host.last - host.first != ports->last - ports->first)
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid ranges specified for container and "
				 "host Ports: %.*s and %.*s",
				 SPAN_ARGS(parts->container),
				 SPAN_ARGS(parts->host));
	*proto = find_proto(parts->proto);
	if (!*proto)
		return error_set(err, ERROR_DOCKERFILE,
				 "invalid proto: %.*s (use tcp, udp or sctp)",
				 SPAN_ARGS(parts->proto));
	return 0;
}

int port_spec_parse(const char *spec, struct strv *ret, bool *mapped,
		    struct error *err)
{
	struct parts parts = split(spec);
	struct quoted storage;
	const char *proto;
	struct range ports;
	char item[16];
	long port;

	if (judge(&parts, &ports, &proto, err) < 0)
		return error_wrap(err, "invalid port: %s",
				  quote(&storage, spec));
	if (mapped)
		*mapped = parts.container.p != spec;
	if (!ret)
		return 0;
	for (port = ports.first; port <= ports.last; port++) {
		snprintf(item, sizeof(item), "%ld/%s", port, proto);
		strv_append(ret, item);
	}
	return strv_check(ret, "reading ports", err);
}
