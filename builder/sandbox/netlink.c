#include "builder/sandbox/netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 8192

int netlink_open(int protocol, struct error *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return error_sys(err, errno, "cannot open a netlink socket");
	return fd;
}

static void pad(struct buf *b)
{
	static const char zeros[NLMSG_ALIGNTO];

	buf_append(b, zeros, NLMSG_ALIGN(b->len) - b->len);
}

size_t netlink_begin(struct buf *b, uint16_t type, uint16_t flags,
		     const void *header, size_t len)
{
	const struct nlmsghdr h = { .nlmsg_type = type,
				    .nlmsg_flags = flags | NLM_F_REQUEST };
	size_t start = b->len;

	buf_append(b, &h, sizeof(h));
	buf_append(b, header, len);
	pad(b);
	return start;
}

void netlink_put(struct buf *b, uint16_t type, const void *data, size_t len)
{
	const struct nlattr a = { .nla_type = type,
				  .nla_len = (uint16_t)(NLA_HDRLEN + len) };

	buf_append(b, &a, sizeof(a));
	buf_append(b, data, len);
	pad(b);
}

void netlink_put_text(struct buf *b, uint16_t type, const char *text)
{
	netlink_put(b, type, text, strlen(text) + 1);
}

void netlink_put_u32(struct buf *b, uint16_t type, uint32_t value)
{
	netlink_put(b, type, &value, sizeof(value));
}

size_t netlink_nest(struct buf *b, uint16_t type)
{
	size_t start = b->len;

	netlink_put(b, type, NULL, 0);
	return start;
}

void netlink_end_nest(struct buf *b, size_t nest)
{
	uint16_t len = (uint16_t)(b->len - nest);

	if (!b->failed)
		memcpy(b->data + nest + offsetof(struct nlattr, nla_len), &len,
		       sizeof(len));
}

void netlink_end(struct buf *b, size_t message)
{
	uint32_t len = (uint32_t)(b->len - message);

	if (!b->failed)
		memcpy(b->data + message + offsetof(struct nlmsghdr, nlmsg_len),
		       &len, sizeof(len));
}

/* The errors in one datagram of answers; counts them. */
static int read_answers(int fd, unsigned *n, struct error *err)
{
	_Alignas(struct nlmsghdr) char data[ANSWER_MAX];
	ssize_t r = recv(fd, data, sizeof(data), 0);
	const struct nlmsghdr *h;

	if (r < 0)
		return error_sys(err, errno, "cannot read netlink's answer");
	for (size_t at = 0; at + sizeof(*h) <= (size_t)r;
	     at += NLMSG_ALIGN(h->nlmsg_len)) {
		const struct nlmsgerr *e;

		h = (const void *)(data + at);
		if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > (size_t)r - at)
			break;
		if (h->nlmsg_type != NLMSG_ERROR)
			continue;
		e = NLMSG_DATA(h);
		if (e->error)
			return error_sys(err, -e->error, "netlink");
		(*n)++;
	}
	return 0;
}

int netlink_send(int fd, const struct buf *b, unsigned n_acks,
		 struct error *err)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	unsigned n = 0;

	if (buf_check(b, "a netlink message", err) < 0)
		return -1;
	if (sendto(fd, b->data, b->len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return error_sys(err, errno, "cannot send by netlink");
	while (n < n_acks)
		if (read_answers(fd, &n, err) < 0)
			return -1;
	return 0;
}
