#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/sandbox/pass_fd.h"
#include "store/base/cleanup.h"

static int make_pair(void **state)
{
	static int pair[2];

	*state = pair;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
	const int *pair = *state;

	close(pair[0]);
	return close(pair[1]);
}

/* The number that the next descriptor would get. */
static int next_number(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static void descriptors_come_with_their_bytes(void **state)
{
	const int *pair = *state;
	const int sent[] = { 0, 1 };
	int came[PASS_FDS_MAX];
	char text[8] = "";
	size_t n;

	assert_int_equal(pass_fds_send(pair[0], "some", 5, sent, 2, 0), 0);
	assert_int_equal(pass_fds_receive(pair[1], text, sizeof(text), came,
					  PASS_FDS_MAX, &n),
			 5);
	assert_string_equal(text, "some");
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fcntl(came[i], F_GETFD), FD_CLOEXEC);
		close(came[i]);
	}
}

static void a_message_may_have_none(void **state)
{
	const int *pair = *state;
	struct error err = ERROR_INIT;
	char byte;
	int fd = -1;
	size_t n;

	assert_int_equal(pass_fds_send(pair[0], "x", 1, NULL, 0, 0), 0);
	assert_int_equal(pass_fds_receive(pair[1], &byte, 1, &fd, 1, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(fd, -1);
	assert_int_equal(pass_fds_send(pair[0], "x", 1, NULL, 0, 0), 0);
	assert_int_equal(pass_fd_receive(pair[1], &err), -1);
	assert_int_equal(err.kind, ERROR_SYSTEM);
}

static void what_there_is_no_room_for_is_closed(void **state)
{
	const int *pair = *state;
	const int sent[] = { 0, 0, 0 };
	int next = next_number();
	char byte;
	int fd;
	size_t n;

	assert_int_equal(pass_fds_send(pair[0], "x", 1, sent, 3, 0), 0);
	assert_int_equal(pass_fds_receive(pair[1], &byte, 1, &fd, 1, &n), 1);
	assert_int_equal(n, 1);
	close(fd);
	assert_int_equal(next_number(), next);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(descriptors_come_with_their_bytes),
		TEST(a_message_may_have_none),
		TEST(what_there_is_no_room_for_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
