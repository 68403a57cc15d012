/* The small values: ports, modes, signals, JSON form, suggestions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "parser/chmod.h"
#include "parser/json_form.h"
#include "parser/port.h"
#include "parser/signal_name.h"
#include "parser/suggest.h"

static void port_ranges_are_spelt_out(void **state)
{
	static const struct {
		const char *spec;
		const char *first;
		const char *last;
		size_t count;
		bool mapped;
	} rows[] = {
		{ "80", "80/tcp", "80/tcp", 1, false },
		{ "80/TCP", "80/tcp", "80/tcp", 1, false },
		{ "90-92/udp", "90/udp", "92/udp", 3, false },
		{ "0-65535/sctp", "0/sctp", "65535/sctp", 65536, false },
		{ "8080:80", "80/tcp", "80/tcp", 1, true },
		{ "127.0.0.1:8080:80/udp", "80/udp", "80/udp", 1, true },
		{ "127.0.0.1::80", "80/tcp", "80/tcp", 1, true },
		{ "[::1]:1-2:3-4", "3/tcp", "4/tcp", 2, true },
		{ "::1:1:3", "3/tcp", "3/tcp", 1, true },
		{ "1-5:80", "80/tcp", "80/tcp", 1, true },
		{ "80/", "80/tcp", "80/tcp", 1, false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv ports = STRV_INIT;
		struct error err = ERROR_INIT;
		bool mapped = false;

		if (port_spec_parse(rows[i].spec, &ports, &mapped, &err) < 0)
			fail_msg("%s: %s", rows[i].spec, err.text);
		assert_int_equal(ports.len, rows[i].count);
		assert_string_equal(ports.items[0], rows[i].first);
		assert_string_equal(ports.items[ports.len - 1], rows[i].last);
		assert_int_equal(mapped, rows[i].mapped);
	}
}

#define PORTS	  " (ports are numbers from 0 to 65535, ranges ascend)"
#define PROTOCOLS " (use tcp, udp or sctp)"

static void bad_ports_are_refused(void **state)
{
	static const struct {
		const char *spec;
		const char *message;
	} rows[] = {
		{ "", "invalid containerPort: " PORTS },
		{ "x", "invalid containerPort: x" PORTS },
		{ "65536", "invalid containerPort: 65536" PORTS },
		{ "5-3", "invalid containerPort: 5-3" PORTS },
		{ "-3", "invalid containerPort: -3" PORTS },
		{ "80/foo", "invalid proto: foo" PROTOCOLS },
		{ "80/tcp/udp", "invalid proto: tcp/udp" PROTOCOLS },
		{ "x:80", "invalid hostPort: x" },
		{ "300.0.0.1:1:80", "invalid IP address: 300.0.0.1" },
		{ "1-3:80-81", "invalid ranges specified for container and "
			       "host Ports: 80-81 and 1-3" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv ports = STRV_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(
			port_spec_parse(rows[i].spec, &ports, NULL, &err), -1);
		assert_string_equal(err.text, rows[i].message);
	}
}

static void modes_are_changed(void **state)
{
	static const struct {
		const char *text;
		mode_t before;
		mode_t after;
	} rows[] = {
		{ "755", S_IFREG | 0600, 0755 },
		{ "0", S_IFREG | 0600, 0 },
		{ "07777", S_IFDIR | 0600, 07777 },
		{ "u+x", S_IFREG | 0644, 0744 },
		{ "+x", S_IFREG | 0644, 0755 },
		{ "a=r", S_IFREG | 04755, 0444 },
		{ "go-rwx", S_IFREG | 0777, 0700 },
		{ "a+X", S_IFREG | 0644, 0644 },
		{ "a+X", S_IFREG | 0744, 0755 },
		{ "a+X", S_IFDIR | 0644, 0755 },
		{ "u=rwX,go=rX", S_IFREG | 0666, 0644 },
		{ "u=rwX,go=rX", S_IFDIR | 0700, 0755 },
		{ "u+s", S_IFREG | 0755, 04755 },
		{ "g+s", S_IFREG | 0755, 02755 },
		{ "+t", S_IFDIR | 0777, 01777 },
		{ "u+t", S_IFDIR | 0777, 01777 },
		{ "g=u", S_IFREG | 0741, 0771 },
		{ "o=ug", S_IFREG | 0420, 0426 },
		{ "u=rw,g-w+x", S_IFREG | 0777, 0657 },
		{ "=", S_IFREG | 0777, 0 },
		{ "u+", S_IFREG | 0123, 0123 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct chmod_spec spec;
		struct error err = ERROR_INIT;
		mode_t got;

		if (chmod_parse(rows[i].text, &spec, &err) < 0)
			fail_msg("%s", err.text);
		got = chmod_apply(&spec, rows[i].before);
		if (got != rows[i].after)
			fail_msg("%s: %o becomes %o, not %o", rows[i].text,
				 rows[i].before, got, rows[i].after);
	}
}

static void bad_modes_are_refused(void **state)
{
	static const char *const bad[] = { "64a", "8",	  "10000", "",	"u",
					   "u+q", "u+x,", ",u+x",  "x", "-1" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		struct chmod_spec spec;
		struct error err = ERROR_INIT;

		if (chmod_parse(bad[i], &spec, &err) == 0)
			fail_msg("%s was accepted", bad[i]);
	}
}

static void signals_have_names_and_numbers(void **state)
{
	(void)state;
	assert_int_equal(signal_name_parse("SIGTERM"), 15);
	assert_int_equal(signal_name_parse("term"), 15);
	assert_int_equal(signal_name_parse("9"), 9);
	assert_int_equal(signal_name_parse("64"), 64);
	assert_int_equal(signal_name_parse("SIGRTMIN"), 34);
	assert_int_equal(signal_name_parse("RTMIN+3"), 37);
	assert_int_equal(signal_name_parse("SIGRTMAX-1"), 63);
	assert_int_equal(signal_name_parse("SIGWINCH"), 28);
	assert_int_equal(signal_name_parse("IOT"), 6);
	assert_int_equal(signal_name_parse("0"), -1);
	assert_int_equal(signal_name_parse("65"), -1);
	assert_int_equal(signal_name_parse("-9"), -1);
	assert_int_equal(signal_name_parse("RTMIN-1"), -1);
	assert_int_equal(signal_name_parse("RTMIN+31"), -1);
	assert_int_equal(signal_name_parse("RTMAX+1"), -1);
	assert_int_equal(signal_name_parse("FOO"), -1);
	assert_int_equal(signal_name_parse("SIG"), -1);
	assert_int_equal(signal_name_parse(""), -1);
}

static void bad_signals_get_a_hint(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "SIGTREM", "invalid signal: SIGTREM (did you mean "
			     "SIGTERM?)" },
		{ "klil", "invalid signal: klil (did you mean KILL?)" },
		{ "0", "invalid signal: 0" },
		{ "SIGNONSENSE", "invalid signal: SIGNONSENSE" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(signal_name_check(rows[i].text, &err), -1);
		assert_string_equal(err.text, rows[i].message);
	}
}

static void json_arrays_are_told_from_text(void **state)
{
	static const struct {
		const char *text;
		int status;
		size_t count;
	} rows[] = {
		{ "[]", 1, 0 },
		{ " [ \"a\" , \"b\" ] ", 1, 2 },
		{ "[\"\\ud800x\"]", 1, 1 },
		{ "[\"\xff\"]", 1, 1 },
		{ "", 0, 0 },
		{ "{}", 0, 0 },
		{ "[", 0, 0 },
		{ "[\"a\"", 0, 0 },
		{ "[\"a\"] x", 0, 0 },
		{ "[\"a\" \"b\"]", 0, 0 },
		{ "[\"a\",]", 0, 0 },
		{ "['a']", 0, 0 },
		{ "[\"\\q\"]", 0, 0 },
		{ "[\"\\u12\"]", 0, 0 },
		{ "[\"a\tb\"]", 0, 0 },
		{ "[01]", 0, 0 },
		{ "[-]", 0, 0 },
		{ "[1.]", 0, 0 },
		{ "[nul]", 0, 0 },
		{ "[{\"a\" 1}]", 0, 0 },
		{ "[1]", -1, 0 },
		{ "[-0.5e+3, null, true, {\"a\": [\"b\"]}, {}, []]", -1, 0 },
		{ "[\"a\", []]", -1, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		AUTO(strv_release) struct strv list = STRV_INIT;
		struct error err = ERROR_INIT;
		int got = json_form_parse(rows[i].text, strlen(rows[i].text),
					  &list, &err);

		if (got != rows[i].status || list.len != rows[i].count)
			fail_msg("%s: %d, %zu strings", rows[i].text, got,
				 list.len);
	}
}

static void only_near_names_are_suggested(void **state)
{
	static const char *const names[] = { "chown", "chmod", "from" };

	(void)state;
	assert_string_equal(suggest("chwon", names, 3, false), "chown");
	assert_string_equal(suggest("FORM", names, 3, true), "from");
	assert_null(suggest("FORM", names, 3, false));
	assert_null(suggest("platform", names, 3, false));
	assert_null(suggest("from", names, 3, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(port_ranges_are_spelt_out),
		cmocka_unit_test(bad_ports_are_refused),
		cmocka_unit_test(modes_are_changed),
		cmocka_unit_test(bad_modes_are_refused),
		cmocka_unit_test(signals_have_names_and_numbers),
		cmocka_unit_test(bad_signals_get_a_hint),
		cmocka_unit_test(json_arrays_are_told_from_text),
		cmocka_unit_test(only_near_names_are_suggested),
	};

	return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
