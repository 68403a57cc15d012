#include "builder/sandbox/resolv.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "store/base/cleanup.h"
#include "store/base/io.h"

#define HOST_FILE      "/etc/resolv.conf"
#define HOST_FILE_MAX  (1U << 20)
#define SERVER_MAX_LEN 128

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/*
 * The next word of the line at `*at`, which moves behind it. False at the end
 * of the line or where a comment starts.
 */
static bool next_word(const char **at, const char **word, size_t *len)
{
	while (is_blank(**at))
		(*at)++;
	*word = *at;
	if (**at == '#' || **at == ';')
		return false;
	while (**at && **at != '\n' && !is_blank(**at))
		(*at)++;
	*len = (size_t)(*at - *word);
	return *len > 0;
}

static const char *next_line(const char *at)
{
	at = strchrnul(at, '\n');
	return *at ? at + 1 : at;
}

/* Call visit() with every word that follows `key` at the start of a line. */
static void each_value(const char *text, const char *key,
		       void (*visit)(void *ctx, const char *word, size_t len),
		       void *ctx)
{
	for (; *text; text = next_line(text)) {
		const char *at = text;
		const char *word;
		size_t len;

		if (!next_word(&at, &word, &len) || len != strlen(key) ||
		    memcmp(word, key, len) != 0)
			continue;
		while (next_word(&at, &word, &len))
			visit(ctx, word, len);
	}
}

/* An address as it is written there, "fe80::1%eth0" included. */
static bool is_loopback(const char *server)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, server, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, server, &v6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&v6) ||
	       (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

struct servers {
	struct buf *out;
	bool keep_loopback;
	const char *resolver;
	bool has_resolver; /* put already */
	size_t n;
};

static void put_resolver(struct servers *s)
{
	if (!s->resolver || s->has_resolver)
		return;
	buf_printf(s->out, "nameserver %s\n", s->resolver);
	s->has_resolver = true;
	s->n++;
}

static void put_server(void *ctx, const char *word, size_t len)
{
	struct servers *s = ctx;
	char server[SERVER_MAX_LEN];

	if (len >= sizeof(server))
		return;
	memcpy(server, word, len);
	server[len] = '\0';
	if (!s->keep_loopback && is_loopback(server)) {
		put_resolver(s);
		return;
	}
	buf_printf(s->out, "nameserver %s\n", server);
	s->n++;
}

static void put_servers(const char *host, const struct resolv_options *o,
			struct buf *ret)
{
	struct servers s = {
		.out = ret,
		.keep_loopback = o->network == SANDBOX_NETWORK_HOST,
		.resolver = o->resolver,
	};

	for (size_t i = 0; o->servers && o->servers[i]; i++) {
		buf_printf(ret, "nameserver %s\n", o->servers[i]);
		s.n++;
	}
	if (!s.n)
		each_value(host, "nameserver", put_server, &s);
	if (!s.n)
		buf_append_str(ret, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

static void put_word(void *ctx, const char *word, size_t len)
{
	buf_append_char(ctx, ' ');
	buf_append(ctx, word, len);
}

/* One line of `key` with what is given, or with what the host has. */
static void put_line(const char *host, const char *key,
		     const char *const *given, struct buf *ret)
{
	size_t start = ret->len;
	size_t empty;

	buf_append_str(ret, key);
	empty = ret->len;
	for (size_t i = 0; given && given[i]; i++)
		put_word(ret, given[i], strlen(given[i]));
	if (!given || !given[0])
		each_value(host, key, put_word, ret);
	if (ret->failed)
		return;
	if (ret->len == empty || strcmp(ret->data + empty, " .") == 0)
		buf_truncate(ret, start);
	else
		buf_append_char(ret, '\n');
}

int resolv_conf_make(const char *host, const struct resolv_options *o,
		     struct buf *ret, struct error *err)
{
	put_servers(host, o, ret);
	put_line(host, "search", o->search, ret);
	put_line(host, "options", o->options, ret);
	return buf_check(ret, "resolv.conf", err);
}

/* The first server of each family, as text; empty: none. */
struct first_servers {
	char v4[INET6_ADDRSTRLEN];
	char v6[INET6_ADDRSTRLEN]; /* on loopback */
};

static void look_at_server(void *ctx, const char *word, size_t len)
{
	struct first_servers *f = ctx;
	char server[INET6_ADDRSTRLEN] = { 0 };
	struct in_addr v4;

	if (len >= sizeof(server))
		return;
	memcpy(server, word, len);
	if (inet_pton(AF_INET, server, &v4) == 1) {
		if (!f->v4[0])
			memcpy(f->v4, server, sizeof(server));
	} else if (!f->v6[0] && is_loopback(server)) {
		memcpy(f->v6, server, sizeof(server));
	}
}

bool resolv_conf_loopback_server(const char *host, char ret[INET6_ADDRSTRLEN])
{
	struct first_servers f = { 0 };

	each_value(host, "nameserver", look_at_server, &f);
	if (f.v4[0] ? !is_loopback(f.v4) : !f.v6[0])
		return false;
	memcpy(ret, f.v4[0] ? f.v4 : f.v6, sizeof(f.v4));
	return true;
}

int resolv_conf_read_host(struct buf *ret, struct error *err)
{
	struct error e = ERROR_INIT;

	if (io_read_file(AT_FDCWD, HOST_FILE, HOST_FILE_MAX, ret, &e) == 0 ||
	    e.kind == ERROR_NOT_FOUND)
		return 0;
	*err = e;
	return -1;
}

/* No blanks or line ends, which would forge further entries. */
static bool is_host_name(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == '#' ||
		    name[i] == 0x7f)
			return false;
	return len > 0;
}

static bool is_address(const char *text)
{
	unsigned char any[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, any) == 1 ||
	       inet_pton(AF_INET6, text, any) == 1;
}

/* Connecting a datagram socket asks for the route and sends nothing. */
void host_address(char ret[HOST_ADDRESS_SIZE])
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = 9 };
	socklen_t len = sizeof(sa);
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*ret = '\0';
	inet_pton(AF_INET, "198.51.100.1", &sa.sin_addr);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, len) == 0 &&
	    getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
		inet_ntop(AF_INET, &sa.sin_addr, ret, HOST_ADDRESS_SIZE);
}

static int add_host_gateway(const char *text, size_t name_len,
			    enum sandbox_network network, struct buf *ret,
			    struct error *err)
{
	char address[HOST_ADDRESS_SIZE] = "127.0.0.1";

	if (sandbox_network_is_pooled(network))
		host_address(address);
	if (network == SANDBOX_NETWORK_NONE || !*address)
		return error_set(err, ERROR_USAGE,
				 "bad host entry '%s': the host cannot be "
				 "reached by this network",
				 text);
	buf_printf(ret, "%s\t%.*s\n", address, (int)name_len, text);
	return 0;
}

static int add_host(const char *text, enum sandbox_network network,
		    struct buf *ret, struct error *err)
{
	size_t name_len = strcspn(text, ":=");
	autofree char *address = NULL;
	size_t len;

	if (!text[name_len] || !is_host_name(text, name_len))
		return error_set(err, ERROR_USAGE,
				 "bad host entry '%s': expected NAME:ADDRESS",
				 text);
	address = strdup(text + name_len + 1);
	if (!address)
		return error_nomem(err, "a host entry");
	len = strlen(address);
	if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
		memmove(address, address + 1, len - 2);
		address[len - 2] = '\0';
	}
	if (strcmp(address, "host-gateway") == 0)
		return add_host_gateway(text, name_len, network, ret, err);
	if (!is_address(address))
		return error_set(err, ERROR_USAGE,
				 "bad host entry '%s': '%s' is no address",
				 text, address);
	buf_printf(ret, "%s\t%.*s\n", address, (int)name_len, text);
	return 0;
}

int hosts_make(const char *hostname, const char *const *add_hosts,
	       enum sandbox_network network, struct buf *ret, struct error *err)
{
	buf_printf(ret, "127.0.0.1\tlocalhost %s\n", hostname);
	buf_append_str(ret, "::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (size_t i = 0; add_hosts && add_hosts[i]; i++)
		if (add_host(add_hosts[i], network, ret, err) < 0)
			return -1;
	return buf_check(ret, "/etc/hosts", err);
}
