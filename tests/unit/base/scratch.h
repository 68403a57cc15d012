/* A fresh directory for a test, removed with all it holds. */
#ifndef TESTS_UNIT_BASE_SCRATCH_H
#define TESTS_UNIT_BASE_SCRATCH_H

struct scratch {
	char path[4096];
	int fd;
};

/* For cmocka: setup and teardown with a struct scratch as the state. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* These fail the test when they cannot do their work; `fd` is a directory. */
void make_file(int fd, const char *path, const char *contents);
void make_dir(int fd, const char *path);
void make_link(int fd, const char *path, const char *target);

/* Contents of a small file; the caller frees. */
char *read_text(int fd, const char *path);

/* Entries of a directory without "." and "..". */
unsigned count_entries(int fd, const char *path);

#endif
