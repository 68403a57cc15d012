/* Messages are read back as the kernel reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/rtnetlink.h>
#include <string.h>

#include "builder/sandbox/netlink.h"

static void messages_and_attributes_have_their_lengths(void **state)
{
	const struct rtmsg header = { .rtm_table = 7 };
	AUTO(buf_release) struct buf b = BUF_INIT;
	size_t message = netlink_begin(&b, RTM_NEWROUTE, NLM_F_ACK, &header,
				       sizeof(header));
	size_t second;
	const struct nlmsghdr *h;
	const struct rtattr *a;
	int left;

	(void)state;
	netlink_put_text(&b, 1, "lo");
	netlink_put_u32(&b, 2, 42);
	netlink_end(&b, message);
	second = netlink_begin(&b, RTM_DELROUTE, 0, &header, sizeof(header));
	netlink_end(&b, second);
	assert_false(b.failed);

	h = (const struct nlmsghdr *)b.data;
	left = (int)b.len;
	assert_true(NLMSG_OK(h, left));
	assert_int_equal(h->nlmsg_type, RTM_NEWROUTE);
	assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	assert_int_equal(((struct rtmsg *)NLMSG_DATA(h))->rtm_table, 7);
	a = RTM_RTA(NLMSG_DATA(h));
	assert_int_equal(a->rta_type, 1);
	assert_int_equal(RTA_PAYLOAD(a), sizeof("lo"));
	assert_string_equal(RTA_DATA(a), "lo");
	a = (const struct rtattr *)((const char *)a + RTA_ALIGN(a->rta_len));
	assert_int_equal(a->rta_type, 2);
	assert_int_equal(RTA_PAYLOAD(a), 4);
	assert_int_equal(*(uint32_t *)RTA_DATA(a), 42);
	h = NLMSG_NEXT(h, left);
	assert_true(NLMSG_OK(h, left));
	assert_int_equal(h->nlmsg_type, RTM_DELROUTE);
	assert_int_equal(h->nlmsg_len, left);
}

static void a_nest_holds_what_follows(void **state)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	size_t outer = netlink_nest(&b, 3);
	size_t inner = netlink_nest(&b, 4);
	const struct rtattr *a;

	(void)state;
	netlink_put_u32(&b, 5, 1);
	netlink_end_nest(&b, inner);
	netlink_put_text(&b, 6, "x");
	netlink_end_nest(&b, outer);
	assert_false(b.failed);
	a = (const struct rtattr *)b.data;
	assert_int_equal(a->rta_len, b.len);
	a = RTA_DATA(a);
	assert_int_equal(a->rta_type, 4);
	assert_int_equal(RTA_PAYLOAD(a), RTA_LENGTH(4));
	a = (const struct rtattr *)((const char *)a + RTA_ALIGN(a->rta_len));
	assert_int_equal(a->rta_type, 6);
	assert_string_equal(RTA_DATA(a), "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_and_attributes_have_their_lengths),
		cmocka_unit_test(a_nest_holds_what_follows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
