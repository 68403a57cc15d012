/*
 * Seccomp profiles in docker's format, --security-opt seccomp=FILE: the OCI
 * runtime spec's, with rules that depend on capabilities, architecture and
 * kernel.
 */
#ifndef BUILDER_SANDBOX_SECCOMP_JSON_H
#define BUILDER_SANDBOX_SECCOMP_JSON_H

#include "builder/sandbox/seccomp.h"

/*
 * Compile the profile in `text` for a process with capabilities `caps`.
 * ERROR_USAGE says what in it is wrong. Names of system calls that this
 * libseccomp does not know are skipped; where others are denied by default,
 * calls younger than the youngest one named get ENOSYS.
 */
int seccomp_json_compile(const char *text, size_t len, uint64_t caps,
			 struct seccomp_program *ret, struct error *err);

#endif
