#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "builder/sandbox/resolv.h"

static void check(const char *host, const struct resolv_options *o,
		  const char *want)
{
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(resolv_conf_make(host, o, &got, &err), 0);
	assert_string_equal(got.data, want);
}

static const struct resolv_options host_network = {
	.network = SANDBOX_NETWORK_HOST,
};
static const struct resolv_options own_network = {
	.network = SANDBOX_NETWORK_PRIVATE,
};

static void servers_of_the_host_are_taken(void **state)
{
	(void)state;
	check("# comment\nnameserver 192.0.2.1 # here\n  "
	      "nameserver\t2001:db8::1\n"
	      "search a.example b.example\noptions ndots:2\nsortlist x\n",
	      &own_network,
	      "nameserver 192.0.2.1\nnameserver 2001:db8::1\n"
	      "search a.example b.example\noptions ndots:2\n");
}

static void loopback_servers_hold_on_the_host_network_only(void **state)
{
	static const char text[] = "nameserver 127.0.0.1\nnameserver ::1\n"
				   "nameserver 192.0.2.7\n";

	(void)state;
	check(text, &host_network, text);
	check(text, &own_network, "nameserver 192.0.2.7\n");
}

static void check_loopback_server(const char *host, const char *want)
{
	char got[INET6_ADDRSTRLEN] = "";

	assert_int_equal(resolv_conf_loopback_server(host, got), *want != '\0');
	assert_string_equal(got, want);
}

static void a_server_on_loopback_is_the_first_or_the_only_way(void **state)
{
	(void)state;
	check_loopback_server("nameserver 127.0.0.53\n", "127.0.0.53");
	check_loopback_server("nameserver 2001:db8::1\nnameserver 127.0.0.1\n",
			      "127.0.0.1");
	check_loopback_server("nameserver ::1\nnameserver 127.0.0.1\n",
			      "127.0.0.1");
	check_loopback_server("nameserver 192.0.2.1\nnameserver 127.0.0.1\n",
			      "");
	check_loopback_server("nameserver ::1\nnameserver 192.0.2.1\n", "");
	check_loopback_server("nameserver 2001:db8::1\nnameserver ::1\n",
			      "::1");
	check_loopback_server("nameserver 2001:db8::1\n", "");
	check_loopback_server("", "");
}

static void without_a_server_public_ones_are_used(void **state)
{
	static const char want[] = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";

	(void)state;
	check("", &host_network, want);
	check("nameserver 127.0.0.53\n", &own_network, want);
	check("nameserver ::ffff:127.0.0.1", &own_network, want);
	check("nameserver\nnameservers 192.0.2.1\n", &own_network, want);
}

static void given_values_replace_the_hosts(void **state)
{
	static const char *const servers[] = { "192.0.2.9", NULL };
	static const char *const none[] = { ".", NULL };
	static const char *const options[] = { "ndots:1", "rotate", NULL };
	const struct resolv_options o = {
		.network = SANDBOX_NETWORK_PRIVATE,
		.servers = servers,
		.search = none,
		.options = options,
	};

	(void)state;
	check("nameserver 192.0.2.1\nsearch x\noptions y\n", &o,
	      "nameserver 192.0.2.9\noptions ndots:1 rotate\n");
}

static void check_hosts(const char *const *add, enum sandbox_network network,
			const char *want)
{
	AUTO(buf_release) struct buf got = BUF_INIT;
	struct error err = ERROR_INIT;
	int r = hosts_make("box", add, network, &got, &err);

	if (!want) {
		assert_int_equal(r, -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		return;
	}
	assert_int_equal(r, 0);
	assert_string_equal(got.data, want);
}

#define LOOPBACK                                                               \
	"127.0.0.1\tlocalhost box\n"                                           \
	"::1\tlocalhost ip6-localhost ip6-loopback\n"

static void hosts_are_added_in_every_form(void **state)
{
	static const char *const add[] = { "a:192.0.2.1", "b=192.0.2.2",
					   "c:2001:db8::1", "d=[2001:db8::2]",
					   NULL };

	(void)state;
	check_hosts(NULL, SANDBOX_NETWORK_NONE, LOOPBACK);
	check_hosts(add, SANDBOX_NETWORK_NONE,
		    LOOPBACK "192.0.2.1\ta\n192.0.2.2\tb\n2001:db8::1\tc\n"
			     "2001:db8::2\td\n");
}

static void the_host_has_a_name_where_it_can_be_reached(void **state)
{
	static const char *const add[] = { "up:host-gateway", NULL };
	AUTO(buf_release) struct buf want = BUF_INIT;
	char address[HOST_ADDRESS_SIZE];

	(void)state;
	check_hosts(add, SANDBOX_NETWORK_HOST, LOOPBACK "127.0.0.1\tup\n");
	check_hosts(add, SANDBOX_NETWORK_NONE, NULL);
	host_address(address);
	buf_printf(&want, LOOPBACK "%s\tup\n", address);
	check_hosts(add, SANDBOX_NETWORK_PRIVATE, *address ? want.data : NULL);
}

static void a_resolver_takes_the_place_of_loopback_servers(void **state)
{
	const struct resolv_options o = {
		.network = SANDBOX_NETWORK_PRIVATE,
		.resolver = "10.0.0.3",
	};

	(void)state;
	check("nameserver 127.0.0.53\nsearch x\n", &o,
	      "nameserver 10.0.0.3\nsearch x\n");
	check("nameserver 192.0.2.1\nnameserver 127.0.0.1\nnameserver ::1\n",
	      &o, "nameserver 192.0.2.1\nnameserver 10.0.0.3\n");
	check("nameserver 192.0.2.1\n", &o, "nameserver 192.0.2.1\n");
}

static void forged_host_entries_are_refused(void **state)
{
	static const char *const bad[] = {
		"a",
		"a:",
		":192.0.2.1",
		"a:nowhere",
		"a b:192.0.2.1",
		"a\n6.6.6.6 registry:192.0.2.1",
		"a:192.0.2.1\n6.6.6.6 b",
		"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *const add[] = { bad[i], NULL };

		check_hosts(add, SANDBOX_NETWORK_HOST, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(servers_of_the_host_are_taken),
		cmocka_unit_test(
			loopback_servers_hold_on_the_host_network_only),
		cmocka_unit_test(
			a_resolver_takes_the_place_of_loopback_servers),
		cmocka_unit_test(
			a_server_on_loopback_is_the_first_or_the_only_way),
		cmocka_unit_test(without_a_server_public_ones_are_used),
		cmocka_unit_test(given_values_replace_the_hosts),
		cmocka_unit_test(hosts_are_added_in_every_form),
		cmocka_unit_test(the_host_has_a_name_where_it_can_be_reached),
		cmocka_unit_test(forged_host_entries_are_refused),
	};

	return cmocka_run_group_tests_name("resolv", tests, NULL, NULL);
}
