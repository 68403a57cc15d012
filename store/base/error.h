/*
 * One error object for the whole program: a kind, the errno where it
 * happened, an optional place in a Dockerfile and a chain of contexts.
 *
 * It lives on the caller's stack and never allocates, so running out of
 * memory travels the same road as everything else. Functions that can fail
 * return 0 (or a descriptor, a count), or -1 with `err` filled. `err` is never
 * NULL. A function that succeeds leaves `err` alone.
 */
#ifndef STORE_BASE_ERROR_H
#define STORE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Each kind means a different reaction; see error_exit_status(). */
enum error_kind {
	ERROR_NONE = 0,
	ERROR_USAGE,	  /* the command line is wrong */
	ERROR_DOCKERFILE, /* the Dockerfile (or .dockerignore) is wrong */
	ERROR_COMMAND,	  /* a RUN ended with a failure */
	ERROR_NOT_FOUND,  /* a named thing does not exist */
	ERROR_NETWORK,	  /* may be tried again */
	ERROR_AUTH,	  /* credentials missing or refused */
	ERROR_INTEGRITY,  /* bytes are not what was announced */
	ERROR_REFUSED,	  /* hostile or unsupported input */
	ERROR_SYSTEM,	  /* a system call failed */
	ERROR_NOMEM,
	ERROR_CANCELED, /* a signal or a timeout; `sys` is the signal number */
};

struct error {
	enum error_kind kind; /* set where it happened */
	int sys;	      /* errno there, 0 when no system call failed */
	int first_line;	      /* lines of the Dockerfile to blame, 0 for none */
	int last_line;
	size_t used;
	char text[2048]; /* NUL-separated frames, innermost first */
};

#define ERROR_INIT { .kind = ERROR_NONE }

/* All of these return -1. A new error replaces whatever `err` held. */
int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A failed system call: appends ": " and strerror(sys) to the message. */
int error_sys(struct error *err, int sys, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Out of memory while doing `what`. */
int error_nomem(struct error *err, const char *what);

/*
 * Add the caller's context: "pulling 'x'" around "connection refused". When
 * the buffer fills, outer frames are lost, never the cause.
 */
int error_wrap(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Name the Dockerfile lines to blame, unless an inner frame already did.
 * Lines count from 1.
 */
int error_at_lines(struct error *err, int first_line, int last_line);

/* An analyzer sees one file at a time and would not know what they return. */
#ifdef __clang_analyzer__
#define error_set(...) ((void)error_set(__VA_ARGS__), -1)
#define error_sys(...) ((void)error_sys(__VA_ARGS__), -1)
#define error_nomem(...) ((void)error_nomem(__VA_ARGS__), -1)
#define error_wrap(...) ((void)error_wrap(__VA_ARGS__), -1)
#define error_at_lines(...) ((void)error_at_lines(__VA_ARGS__), -1)
#endif

/* Forget what `err` holds. */
void error_clear(struct error *err);

/*
 * Write the message, outermost frame first, frames joined by ": ", into
 * `buf` of `size` bytes (always NUL-terminated). Returns `buf`.
 */
char *error_message(const struct error *err, char *buf, size_t size);

/* Exit status for a command that ends with `err`: 1, 2 or 128 + signal. */
int error_exit_status(const struct error *err);

#endif
