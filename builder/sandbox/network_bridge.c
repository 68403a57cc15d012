#include "builder/sandbox/network_bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/sandbox/netlink.h"
#include "builder/sandbox/userns.h"
#include "store/base/cleanup.h"

/*
 * Networks of four addresses in 10.213.88.0/20, one for each device name that
 * is free: the kernel keeps two builders from taking the same.
 */
#define FIRST_NETWORK 0x0ad55800u
#define NETWORKS_MAX  1024
#define PREFIX_LEN    30

#define INSIDE	   "eth0"
#define FORWARDING "/proc/sys/net/ipv4/ip_forward"

/* Of a kernel that is younger than the headers may be. */
#define TABLE_IS_OWNED 2u

struct link {
	char name[IFNAMSIZ]; /* of the device outside, and of the table */
	struct in_addr outside;
	struct in_addr inside;
};

static struct link link_number(unsigned i)
{
	struct link l = {
		.outside.s_addr = htonl(FIRST_NETWORK + 4 * i + 1),
		.inside.s_addr = htonl(FIRST_NETWORK + 4 * i + 2),
	};

	snprintf(l.name, sizeof(l.name), "shale%u", i);
	return l;
}

static int check_place(struct error *err)
{
	char on = 0;
	autoclose int fd = open(FORWARDING, O_RDONLY | O_CLOEXEC);

	if (!userns_is_initial())
		return error_set(err, ERROR_REFUSED,
				 "only root can have the kernel route: use "
				 "--network=private");
	if (fd >= 0 && read(fd, &on, 1) == 1 && on != '0')
		return 0;
	return error_set(err, ERROR_REFUSED,
			 "this machine does not forward packets: sysctl -w "
			 "net.ipv4.ip_forward=1");
}

static int add_devices(int route, const struct link *l, int ns,
		       struct error *err)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC };
	AUTO(buf_release) struct buf b = BUF_INIT;
	size_t message = netlink_begin(&b, RTM_NEWLINK,
				       NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
				       &header, sizeof(header));
	size_t info, data, peer;

	netlink_put_text(&b, IFLA_IFNAME, l->name);
	info = netlink_nest(&b, IFLA_LINKINFO);
	netlink_put_text(&b, IFLA_INFO_KIND, "veth");
	data = netlink_nest(&b, IFLA_INFO_DATA);
	peer = netlink_nest(&b, VETH_INFO_PEER);
	buf_append(&b, &header, sizeof(header));
	netlink_put_text(&b, IFLA_IFNAME, INSIDE);
	netlink_put_u32(&b, IFLA_NET_NS_FD, (uint32_t)ns);
	netlink_end_nest(&b, peer);
	netlink_end_nest(&b, data);
	netlink_end_nest(&b, info);
	netlink_end(&b, message);
	return netlink_send(route, &b, 1, err);
}

/* Give the device its address, and bring it up. */
static int set_up_device(int route, const char *name, struct in_addr address,
			 struct error *err)
{
	const unsigned index = if_nametoindex(name);
	const struct ifaddrmsg addr = { .ifa_family = AF_INET,
					.ifa_prefixlen = PREFIX_LEN,
					.ifa_index = index };
	const struct ifinfomsg up = { .ifi_index = (int)index,
				      .ifi_flags = IFF_UP,
				      .ifi_change = IFF_UP };
	AUTO(buf_release) struct buf b = BUF_INIT;
	size_t message = netlink_begin(
		&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_ACK, &addr, sizeof(addr));

	netlink_put(&b, IFA_LOCAL, &address, sizeof(address));
	netlink_put(&b, IFA_ADDRESS, &address, sizeof(address));
	netlink_end(&b, message);
	message = netlink_begin(&b, RTM_NEWLINK, NLM_F_ACK, &up, sizeof(up));
	netlink_end(&b, message);
	return netlink_send(route, &b, 2, err);
}

static int add_default_route(int route, struct in_addr gateway,
			     struct error *err)
{
	const struct rtmsg header = {
		.rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	AUTO(buf_release) struct buf b = BUF_INIT;
	size_t message =
		netlink_begin(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_ACK,
			      &header, sizeof(header));

	netlink_put(&b, RTA_GATEWAY, &gateway, sizeof(gateway));
	netlink_end(&b, message);
	return netlink_send(route, &b, 1, err);
}

static size_t begin_rule_message(struct buf *b, uint16_t type)
{
	const struct nfgenmsg header = { .nfgen_family = NFPROTO_IPV4 };

	return netlink_begin(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
			     NLM_F_CREATE | NLM_F_ACK, &header, sizeof(header));
}

static void put_batch_mark(struct buf *b, uint16_t type)
{
	const struct nfgenmsg header = { .res_id =
						 htons(NFNL_SUBSYS_NFTABLES) };

	netlink_end(b, netlink_begin(b, type, 0, &header, sizeof(header)));
}

/* Sizes, offsets and numbers of nftables are big-endian. */
static void put_number(struct buf *b, uint16_t type, uint32_t value)
{
	netlink_put_u32(b, type, htonl(value));
}

static void put_table(struct buf *b, const struct link *l)
{
	size_t message = begin_rule_message(b, NFT_MSG_NEWTABLE);

	netlink_put_text(b, NFTA_TABLE_NAME, l->name);
	put_number(b, NFTA_TABLE_FLAGS, TABLE_IS_OWNED);
	netlink_end(b, message);
}

#define CHAIN		 "translate"
#define SOURCE_NAT_ORDER 100

static void put_chain(struct buf *b, const struct link *l)
{
	size_t message = begin_rule_message(b, NFT_MSG_NEWCHAIN);
	size_t hook;

	netlink_put_text(b, NFTA_CHAIN_TABLE, l->name);
	netlink_put_text(b, NFTA_CHAIN_NAME, CHAIN);
	netlink_put_text(b, NFTA_CHAIN_TYPE, "nat");
	hook = netlink_nest(b, NFTA_CHAIN_HOOK | NLA_F_NESTED);
	put_number(b, NFTA_HOOK_HOOKNUM, NF_INET_POST_ROUTING);
	put_number(b, NFTA_HOOK_PRIORITY, SOURCE_NAT_ORDER);
	netlink_end_nest(b, hook);
	netlink_end(b, message);
}

/* One expression of a rule, up to end_expression(). */
struct expression {
	size_t item;
	size_t data;
};

static struct expression begin_expression(struct buf *b, const char *name)
{
	struct expression e;

	e.item = netlink_nest(b, NFTA_LIST_ELEM | NLA_F_NESTED);
	netlink_put_text(b, NFTA_EXPR_NAME, name);
	e.data = netlink_nest(b, NFTA_EXPR_DATA | NLA_F_NESTED);
	return e;
}

static void end_expression(struct buf *b, struct expression e)
{
	netlink_end_nest(b, e.data);
	netlink_end_nest(b, e.item);
}

static void put_load_source(struct buf *b)
{
	struct expression e = begin_expression(b, "payload");

	put_number(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_number(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put_number(b, NFTA_PAYLOAD_OFFSET, 12);
	put_number(b, NFTA_PAYLOAD_LEN, sizeof(struct in_addr));
	end_expression(b, e);
}

static void put_is_equal(struct buf *b, struct in_addr address)
{
	struct expression e = begin_expression(b, "cmp");
	size_t data;

	put_number(b, NFTA_CMP_SREG, NFT_REG_1);
	put_number(b, NFTA_CMP_OP, NFT_CMP_EQ);
	data = netlink_nest(b, NFTA_CMP_DATA | NLA_F_NESTED);
	netlink_put(b, NFTA_DATA_VALUE, &address, sizeof(address));
	netlink_end_nest(b, data);
	end_expression(b, e);
}

/* "ip saddr INSIDE masquerade" */
static void put_rule(struct buf *b, const struct link *l)
{
	size_t message = begin_rule_message(b, NFT_MSG_NEWRULE);
	size_t list;

	netlink_put_text(b, NFTA_RULE_TABLE, l->name);
	netlink_put_text(b, NFTA_RULE_CHAIN, CHAIN);
	list = netlink_nest(b, NFTA_RULE_EXPRESSIONS | NLA_F_NESTED);
	put_load_source(b);
	put_is_equal(b, l->inside);
	end_expression(b, begin_expression(b, "masq"));
	netlink_end_nest(b, list);
	netlink_end(b, message);
}

/* Returns the socket that owns them. */
static int translate(const struct link *l, struct error *err)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	autoclose int fd = netlink_open(NETLINK_NETFILTER, err);

	if (fd < 0)
		return -1;
	put_batch_mark(&b, NFNL_MSG_BATCH_BEGIN);
	put_table(&b, l);
	put_chain(&b, l);
	put_rule(&b, l);
	put_batch_mark(&b, NFNL_MSG_BATCH_END);
	if (netlink_send(fd, &b, 3, err) < 0)
		return error_wrap(err,
				  "cannot have addresses translated (needs "
				  "nf_tables with nft_masq, Linux 5.12)");
	return steal_fd(&fd);
}

/* The first name that is free, with its devices. */
static int take_link(int route, int ns, struct link *ret, struct error *err)
{
	for (unsigned i = 0; i < NETWORKS_MAX; i++) {
		*ret = link_number(i);
		if (add_devices(route, ret, ns, err) == 0)
			return 0;
		if (err->sys != EEXIST)
			break;
	}
	return error_wrap(err, "cannot make virtual devices (veth)");
}

static int set_up_inside(int ns, const struct link *l, struct error *err)
{
	autoclose int route = -1;

	if (setns(ns, CLONE_NEWNET) < 0)
		return error_sys(err, errno, "cannot enter the network");
	route = netlink_open(NETLINK_ROUTE, err);
	if (route < 0 || set_up_device(route, INSIDE, l->inside, err) < 0)
		return -1;
	return add_default_route(route, l->outside, err);
}

int network_bridge_make(int ns, struct error *err)
{
	autoclose int route = netlink_open(NETLINK_ROUTE, err);
	autoclose int rules = -1;
	struct link l;

	if (route < 0 || check_place(err) < 0 ||
	    take_link(route, ns, &l, err) < 0 ||
	    set_up_device(route, l.name, l.outside, err) < 0)
		return -1;
	rules = translate(&l, err);
	if (rules < 0 || set_up_inside(ns, &l, err) < 0)
		return -1;
	return steal_fd(&rules);
}
