/* Platforms "os[(osversion)]/arch[/variant]", normalised as the field does. */
#ifndef STORE_PLATFORM_H
#define STORE_PLATFORM_H

#include <stdbool.h>

#include "store/base/error.h"

struct platform {
	char os[32];
	char arch[32];
	char variant[32];    /* "" for none */
	char os_version[64]; /* "" for none */
};

/*
 * Parse and normalise ("x86_64" -> amd64, "aarch64" -> arm64, ...). A lone
 * word is an OS if known, else an architecture of this machine's OS.
 */
int platform_parse(const char *text, struct platform *ret, struct error *err);

/* Bring what a document says to the same form. */
void platform_normalize(struct platform *p);

/* The machine's own. */
struct platform platform_host(void);

/* What a user asks for; NULL: the machine's own. */
int platform_wanted(const char *text, struct platform *ret, struct error *err);

/* "linux/arm/v7"; `buf` of at least PLATFORM_TEXT_SIZE. */
#define PLATFORM_TEXT_SIZE 128
char *platform_format(const struct platform *p, char *buf);

/*
 * Can an image for `have` serve a wish for `want`? 0: no; larger is better.
 * Variants: the highest not above the wanted one.
 */
int platform_match(const struct platform *want, const struct platform *have);

#endif
