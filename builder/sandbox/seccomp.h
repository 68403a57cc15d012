/*
 * The filter of system calls that containers get: docker's default profile,
 * compiled once and loaded into each container as bytes.
 */
#ifndef BUILDER_SANDBOX_SECCOMP_H
#define BUILDER_SANDBOX_SECCOMP_H

#include <linux/filter.h>
#include <stdint.h>

#include "store/base/cleanup.h"
#include "store/base/error.h"

/* A program for seccomp(2); `code` holds `n` instructions. */
struct seccomp_program {
	struct sock_filter *code;
	size_t n;
};

/*
 * Compile the default profile for a process with capabilities `caps` (some
 * calls are allowed only with a capability).
 */
int seccomp_compile(uint64_t caps, struct seccomp_program *ret,
		    struct error *err);
void seccomp_program_release(struct seccomp_program *p);
DEFINE_RELEASE(struct seccomp_program, seccomp_program_release);

/*
 * Filter this thread from now on. Needs CAP_SYS_ADMIN or no_new_privs.
 */
int seccomp_program_load(const struct seccomp_program *p, struct error *err);

/* The compiled program for the capabilities nearly all containers have. */
struct seccomp_cache;

int seccomp_cache_new(uint64_t caps, struct seccomp_cache **ret,
		      struct error *err);
void seccomp_cache_free(struct seccomp_cache *cache);
DEFINE_CLEANUP(struct seccomp_cache *, seccomp_cache_free);

/*
 * Load the default profile. A program that is not in the cache is compiled,
 * which takes milliseconds.
 */
int seccomp_cache_load(const struct seccomp_cache *cache, uint64_t caps,
		       struct error *err);

#endif
