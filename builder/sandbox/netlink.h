/* Messages to the kernel's netlink families: links, addresses, rules. */
#ifndef BUILDER_SANDBOX_NETLINK_H
#define BUILDER_SANDBOX_NETLINK_H

#include <linux/netlink.h>
#include <stdint.h>

#include "store/base/buf.h"

/* A socket for `protocol` (NETLINK_ROUTE..) in the namespace we are in. */
int netlink_open(int protocol, struct error *err);

/*
 * Messages are put together in a buffer, one behind the other: begin one with
 * its family's header, add attributes, end it. Out of memory is kept in the
 * buffer, for netlink_send().
 */
size_t netlink_begin(struct buf *b, uint16_t type, uint16_t flags,
		     const void *header, size_t len);
void netlink_put(struct buf *b, uint16_t type, const void *data, size_t len);
void netlink_put_text(struct buf *b, uint16_t type, const char *text);
void netlink_put_u32(struct buf *b, uint16_t type, uint32_t value);

/* Attributes in an attribute: what follows, up to netlink_end_nest(). */
size_t netlink_nest(struct buf *b, uint16_t type);
void netlink_end_nest(struct buf *b, size_t nest);
void netlink_end(struct buf *b, size_t message);

/*
 * Send them in one piece and read the answers of those that asked for one
 * (NLM_F_ACK), `n_acks` of them. ERROR_SYSTEM with the first errno.
 */
int netlink_send(int fd, const struct buf *b, unsigned n_acks,
		 struct error *err);

#endif
