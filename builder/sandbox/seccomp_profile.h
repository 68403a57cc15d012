/* Docker's default seccomp profile as tables. */
#ifndef BUILDER_SANDBOX_SECCOMP_PROFILE_H
#define BUILDER_SANDBOX_SECCOMP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "builder/sandbox/syscall_filter.h"

/* Names of system calls, separated by blanks; an unknown name is skipped. */
extern const char seccomp_allowed[];

/*
 * Take the next of such names from `*names` into `ret`, an array of
 * SECCOMP_NAME_SIZE; false at the end.
 */
#define SECCOMP_NAME_SIZE 64
bool seccomp_next_name(const char **names, char *ret);

/* Allowed when the container has capability `cap`. */
struct seccomp_cap_rule {
	int cap;
	const char *names;
};

extern const struct seccomp_cap_rule seccomp_cap_rules[];
extern const size_t n_seccomp_cap_rules;

/* Allowed with certain arguments only, or never, by seccomp.c. */
struct seccomp_conditional {
	const char *name;
	struct verdict verdict;
};

extern const struct seccomp_conditional seccomp_conditional[];
extern const size_t n_seccomp_conditional;

/*
 * Calls younger than the installed libseccomp may be, with the number they
 * have on every architecture (they are counted the same since 424). `cap` is
 * -1 when no capability is needed.
 */
struct seccomp_numbered {
	const char *name;
	int number;
	int cap;
};

extern const struct seccomp_numbered seccomp_numbered[];
extern const size_t n_seccomp_numbered;

/*
 * Sockets and System V IPC on architectures that first had one call for all
 * of them (socketcall, ipc). libseccomp gives those names no numbers, as it
 * does not for calls that an architecture lacks; these are the direct ones. 0
 * where there is none.
 */
struct seccomp_direct {
	const char *name;
	int number;
};

extern const struct seccomp_direct seccomp_direct[];
extern const size_t n_seccomp_direct;

/* Above this number nothing is in the profile: those get ENOSYS. */
#define SECCOMP_LAST_KNOWN 466

#endif
