#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/git_url.h"
#include "store/base/buf.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"

/* "remote|user|ref|subdir|checksum|switches" of a URL, "error: ..." */
static char *describe(const char *text)
{
	static const char *const kinds[] = { "", "branch:", "tag:" };
	static const char *const switches[] = { "", "off", "on" };
	AUTO(git_url_release) struct git_url u = { 0 };
	struct error err = ERROR_INIT;
	char message[2048];
	struct buf out = BUF_INIT;

	if (git_url_parse(text, &u, &err) < 0) {
		buf_printf(&out, "error: %s",
			   error_message(&err, message, sizeof(message)));
		return buf_steal(&out);
	}
	buf_printf(&out, "%s|%s|%s%s|%s|%s|keep=%s sub=%s%s", u.remote,
		   u.user ? u.user : "", kinds[u.ref_kind], u.ref ? u.ref : "",
		   u.subdir, u.checksum ? u.checksum : "",
		   switches[u.keep_git_dir], switches[u.submodules],
		   u.commit_times ? " commit-times" : "");
	return buf_steal(&out);
}

struct example {
	const char *url;
	const char *parts;
};

static void check(const struct example *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		autofree char *got = describe(cases[i].url);

		if (strcmp(got, cases[i].parts) != 0)
			fail_msg("%s\n  gives    %s\n  expected %s",
				 cases[i].url, got, cases[i].parts);
	}
}

static void urls_are_taken_apart(void **state)
{
	static const struct example cases[] = {
		{ "https://h/x.git", "https://h/x.git|||||keep= sub=" },
		{ "https://h:8443/x.git#main:dir/sub",
		  "https://h:8443/x.git||main|dir/sub||keep= sub=" },
		{ "https://h/x.git#:dir/",
		  "https://h/x.git|||dir||keep= sub=" },
		{ "https://h/x.git#v1", "https://h/x.git||v1|||keep= sub=" },
		{ "https://h/x.git#", "https://h/x.git|||||keep= sub=" },
		{ "https://h/x.git#feature/a%20b",
		  "error: refused the git URL: its ref is no valid name" },
		{ "https://u:p%40@h/x.git",
		  "https://h/x.git|u:p%40||||keep= sub=" },
		{ "git@h:a/x.git#r", "git@h:a/x.git||r|||keep= sub=" },
		{ "ssh://git@h:22/x", "ssh://git@h:22/x|||||keep= sub=" },
		{ "git://h/x", "git://h/x|||||keep= sub=" },
		{ "github.com/a/b#c",
		  "https://github.com/a/b||c|||keep= sub=" },
		{ "https://[::1]:80/x.git",
		  "https://[::1]:80/x.git|||||keep= sub=" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void query_keys_say_the_same_and_more(void **state)
{
	static const struct example cases[] = {
		{ "https://h/x.git?branch=b&subdir=d",
		  "https://h/x.git||branch:b|d||keep= sub=" },
		{ "https://h/x.git?tag=v1&checksum=" SHA,
		  "https://h/x.git||tag:v1||" SHA "|keep= sub=" },
		{ "https://h/x.git?ref=refs%2Fpull%2F1%2Fhead",
		  "https://h/x.git||refs/pull/1/head|||keep= sub=" },
		{ "https://h/x.git?commit=ABCDEF0#main",
		  "https://h/x.git||main||abcdef0|keep= sub=" },
		{ "https://h/x.git?keep-git-dir&submodules=false&mtime=commit",
		  "https://h/x.git|||||keep=on sub=off commit-times" },
		{ "https://h/x.git?fetch-by-commit=1&mtime=checkout",
		  "https://h/x.git|||||keep= sub=" },
		{ "https://h/x.git?", "https://h/x.git|||||keep= sub=" },
		{ "https://h/x.git?nonsense=1",
		  "error: unexpected query \"nonsense\"" },
		{ "https://h/x.git?ref=a#b",
		  "error: the git URL names more than one ref" },
		{ "https://h/x.git?subdir=a#:b",
		  "error: the git URL names more than one folder" },
		{ "https://h/x.git?submodules=maybe",
		  "error: invalid submodules value: \"maybe\"" },
		{ "https://h/x.git?checksum=xyz",
		  "error: invalid checksum \"xyz\": a commit is named by 7 "
		  "to 64 hexadecimal digits" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

#define REFUSED "error: refused the git URL: "

static void what_could_become_an_option_is_refused(void **state)
{
	static const struct example cases[] = {
		{ "https://h/x.git#--upload-pack=touch /tmp/x",
		  REFUSED "its ref looks like an option" },
		{ "https://h/x.git?ref=--upload-pack%3Dx",
		  REFUSED "its ref looks like an option" },
		{ "ssh://-oProxyCommand=x/y",
		  REFUSED "its host looks like an option" },
		{ "ssh://-oProxyCommand=x@h/y",
		  REFUSED "its user looks like an option" },
		{ "ssh://git@-oProxyCommand=x/y",
		  REFUSED "its host looks like an option" },
		{ "git@-oProxyCommand=x:y",
		  REFUSED "its host looks like an option" },
		{ "git@h:-x", REFUSED "its path looks like an option" },
		{ "ssh://h/-x", REFUSED "its path looks like an option" },
		{ "https://-h/x.git", REFUSED "its host looks like an option" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void only_four_schemes_are_spoken(void **state)
{
	static const struct example cases[] = {
		{ "ext::sh -c id",
		  REFUSED "it holds blanks or control characters" },
		{ "ext::sh",
		  REFUSED "only http, https, ssh and git are spoken" },
		{ "file:///etc/x.git",
		  REFUSED "only http, https, ssh and git are spoken" },
		{ "ftp://h/x.git",
		  REFUSED "only http, https, ssh and git are spoken" },
		{ "x.git", "error: \"x.git\" is no git URL" },
		{ "https://h", "error: the git URL has no path" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

static void folders_and_refs_stay_inside(void **state)
{
	static const struct example cases[] = {
		{ "https://h/x.git#:../..",
		  REFUSED "its folder leads out of the repository" },
		{ "https://h/x.git#m:a/../../b",
		  REFUSED "its folder leads out of the repository" },
		{ "https://h/x.git#m:%2e%2e/b",
		  REFUSED "its folder leads out of the repository" },
		{ "https://h/x.git#m:/etc", "https://h/x.git||m|etc||keep= "
					    "sub=" },
		{ "https://h/x.git#a..b", REFUSED "its ref is no valid name" },
		{ "https://h/x.git#a%0ab",
		  REFUSED "it holds control characters" },
		{ "https://h/x.git#a%00b",
		  "error: bad escape sequence in a URL" },
		{ "https://h/x.git?subdir=a%0ab",
		  REFUSED "it holds control characters" },
	};

	(void)state;
	check(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(query_keys_say_the_same_and_more),
		cmocka_unit_test(what_could_become_an_option_is_refused),
		cmocka_unit_test(only_four_schemes_are_spoken),
		cmocka_unit_test(folders_and_refs_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
