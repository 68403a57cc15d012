#include "store/platform.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "store/base/cleanup.h"
#include "store/base/text.h"

/* What people and `uname -m` write, and what images say. */
static const struct {
	const char *alias, *arch, *variant;
} aliases[] = {
	{ "x86_64", "amd64", NULL },	  { "x86-64", "amd64", NULL },
	{ "i386", "386", NULL },	  { "i486", "386", NULL },
	{ "i586", "386", NULL },	  { "i686", "386", NULL },
	{ "aarch64", "arm64", NULL },	  { "armhf", "arm", "v7" },
	{ "armel", "arm", "v6" },	  { "armv5l", "arm", "v5" },
	{ "armv6l", "arm", "v6" },	  { "armv7l", "arm", "v7" },
	{ "armv8l", "arm", "v8" },	  { "mipsel", "mipsle", NULL },
	{ "mips64el", "mips64le", NULL }, { "loongarch64", "loong64", NULL },
};

static const char *const systems[] = {
	"linux",   "windows", "darwin",	 "freebsd", "netbsd",
	"openbsd", "solaris", "illumos", "aix",	    "wasip1",
};

/* The variant that goes without saying. */
static const struct {
	const char *arch, *variant;
} implied[] = {
	{ "amd64", "v1" },
	{ "arm64", "v8" },
};

static void set_text(char *dst, size_t size, const char *src)
{
	snprintf(dst, size, "%s", src);
}

static void normalize(struct platform *p)
{
	size_t i;

	if (!strcmp(p->os, "macos"))
		set_text(p->os, sizeof(p->os), "darwin");
	for (i = 0; i < ARRAY_LEN(aliases); i++)
		if (!strcmp(p->arch, aliases[i].alias)) {
			set_text(p->arch, sizeof(p->arch), aliases[i].arch);
			if (aliases[i].variant && !p->variant[0])
				set_text(p->variant, sizeof(p->variant),
					 aliases[i].variant);
			break;
		}
	/* "arm64/8" is heard, too. */
	if (isdigit((unsigned char)p->variant[0]) && !p->variant[1]) {
		p->variant[1] = p->variant[0];
		p->variant[0] = 'v';
		p->variant[2] = '\0';
	}
	for (i = 0; i < ARRAY_LEN(implied); i++)
		if (!strcmp(p->arch, implied[i].arch) &&
		    !strcmp(p->variant, implied[i].variant))
			p->variant[0] = '\0';
	/* A plain "arm" has meant v7 wherever it was written. */
	if (!strcmp(p->arch, "arm") && !p->variant[0])
		set_text(p->variant, sizeof(p->variant), "v7");
}

void platform_normalize(struct platform *p)
{
	text_lower(p->os);
	text_lower(p->arch);
	text_lower(p->variant);
	normalize(p);
}

struct platform platform_host(void)
{
	struct platform p = { .os = "linux" };
	struct utsname machine;

	if (uname(&machine) == 0)
		text_copy_lower(p.arch, sizeof(p.arch), machine.machine);
	normalize(&p);
	return p;
}

int platform_wanted(const char *text, struct platform *ret, struct error *err)
{
	if (text)
		return platform_parse(text, ret, err);
	*ret = platform_host();
	return 0;
}

static bool is_system(const char *word)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(systems); i++)
		if (!strcmp(word, systems[i]))
			return true;
	return !strcmp(word, "macos");
}

/* One word of [A-Za-z0-9_.-] from `*text` on into `dst`. */
static bool take_word(const char **text, char *dst, size_t size)
{
	size_t len = strspn(*text, "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	size_t i;

	if (!len || len >= size)
		return false;
	for (i = 0; i < len; i++)
		dst[i] = (char)tolower((unsigned char)(*text)[i]);
	dst[len] = '\0';
	*text += len;
	return true;
}

/* "(10.0.17763.1)" behind the system's name. */
static bool take_os_version(const char **text, struct platform *p)
{
	if (**text != '(')
		return true;
	(*text)++;
	if (!take_word(text, p->os_version, sizeof(p->os_version)) ||
	    **text != ')')
		return false;
	(*text)++;
	return true;
}

static bool take_platform(const char *text, struct platform *p)
{
	if (!take_word(&text, p->os, sizeof(p->os)) ||
	    !take_os_version(&text, p))
		return false;
	if (!*text) {
		/* A lone word. */
		if (is_system(p->os))
			set_text(p->arch, sizeof(p->arch),
				 platform_host().arch);
		else {
			set_text(p->arch, sizeof(p->arch), p->os);
			set_text(p->os, sizeof(p->os), "linux");
		}
		return true;
	}
	if (*text++ != '/' || !take_word(&text, p->arch, sizeof(p->arch)))
		return false;
	if (!*text)
		return true;
	return *text++ == '/' &&
	       take_word(&text, p->variant, sizeof(p->variant)) && !*text;
}

int platform_parse(const char *text, struct platform *ret, struct error *err)
{
	struct platform p = { 0 };

	if (!take_platform(text, &p))
		return error_set(err, ERROR_USAGE,
				 "invalid platform '%s': expected "
				 "OS/ARCH[/VARIANT], as in linux/arm64",
				 text);
	normalize(&p);
	*ret = p;
	return 0;
}

char *platform_format(const struct platform *p, char *buf)
{
	snprintf(buf, PLATFORM_TEXT_SIZE, "%s/%s%s%s", p->os, p->arch,
		 p->variant[0] ? "/" : "", p->variant);
	return buf;
}

/* "v7" -> 7; no variant is the architecture's lowest. */
static int variant_level(const struct platform *p)
{
	if (!p->variant[0])
		return !strcmp(p->arch, "arm64") ? 8 : 1;
	if (p->variant[0] != 'v' || !isdigit((unsigned char)p->variant[1]))
		return -1;
	return atoi(p->variant + 1);
}

/*
 * Windows images run on hosts of the same build; a wish may name fewer
 * numbers than the image carries.
 */
static bool os_version_serves(const char *want, const char *have)
{
	size_t len = strlen(want);

	return !len || (!strncmp(want, have, len) &&
			(have[len] == '\0' || have[len] == '.'));
}

int platform_match(const struct platform *want, const struct platform *have)
{
	struct platform w = *want, h = *have;
	int wanted, level;

	platform_normalize(&w);
	platform_normalize(&h);
	if (strcmp(w.os, h.os) ||
	    !os_version_serves(w.os_version, h.os_version))
		return 0;
	if (!strcmp(w.arch, h.arch)) {
		if (!strcmp(w.variant, h.variant))
			return 1000;
		wanted = variant_level(&w);
		level = variant_level(&h);
		return wanted < 0 || level < 0 || level > wanted ? 0
								 : 100 + level;
	}
	return 0;
}
