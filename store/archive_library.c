#include "store/archive_library.h"

#include <archive.h>
#include <archive_entry.h>
#include <pthread.h>
#include <stdarg.h>

#include "store/base/library.h"

/* Functions of an archive, and of an entry, with nothing else to pass. */
#define PLAIN(X)                                                               \
	X(int, archive_errno)                                                  \
	X(const char *, archive_error_string)                                  \
	X(int, archive_read_data_skip)                                         \
	X(int, archive_read_free)                                              \
	X(int, archive_read_support_filter_none)                               \
	X(int, archive_read_support_filter_gzip)                               \
	X(int, archive_read_support_filter_bzip2)                              \
	X(int, archive_read_support_filter_xz)                                 \
	X(int, archive_read_support_filter_zstd)                               \
	X(int, archive_read_support_format_raw)                                \
	X(int, archive_read_support_format_tar)
#define OF_ENTRY(X)                                                            \
	X(__LA_MODE_T, archive_entry_filetype)                                 \
	X(la_int64_t, archive_entry_gid)                                       \
	X(const char *, archive_entry_hardlink)                                \
	X(time_t, archive_entry_mtime)                                         \
	X(long, archive_entry_mtime_nsec)                                      \
	X(const char *, archive_entry_pathname)                                \
	X(__LA_MODE_T, archive_entry_perm)                                     \
	X(dev_t, archive_entry_rdevmajor)                                      \
	X(dev_t, archive_entry_rdevminor)                                      \
	X(la_int64_t, archive_entry_size)                                      \
	X(const char *, archive_entry_symlink)                                 \
	X(la_int64_t, archive_entry_uid)                                       \
	X(int, archive_entry_xattr_reset)
#define OTHER(X)                                                               \
	X(struct archive *, archive_read_new)                                  \
	X(int, archive_read_next_header)                                       \
	X(int, archive_read_open)                                              \
	X(la_ssize_t, archive_read_data)                                       \
	X(int, archive_read_data_block)                                        \
	X(int, archive_entry_xattr_next)                                       \
	X(void, archive_set_error)

#define NUMBER(type, name) number_##name,
#define NAME(type, name)   #name,

enum { PLAIN(NUMBER) OF_ENTRY(NUMBER) OTHER(NUMBER) COUNT };

static const char *const names[COUNT] = { PLAIN(NAME) OF_ENTRY(NAME)
						  OTHER(NAME) };

/*
 * What a process has loaded it has loaded once and for all: written under
 * `once`, only read afterwards.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *functions[COUNT];
static struct error failure;

static void load(void)
{
	library_load("libarchive.so.13", names, COUNT, functions, &failure);
}

int archive_library_load(struct error *err)
{
	pthread_once(&once, load);
	if (failure.kind == ERROR_NONE)
		return 0;
	*err = failure;
	return -1;
}

/*
 * The functions' types are those of their declarations. Hidden: where the
 * library is linked as well, it shall go on to find its own.
 */
#pragma GCC visibility push(hidden)

#define REAL(name) ((__typeof__(&name))functions[number_##name])
#define FORWARD_PLAIN(type, name)                                              \
	type name(struct archive *a)                                           \
	{                                                                      \
		return REAL(name)(a);                                          \
	}
#define FORWARD_ENTRY(type, name)                                              \
	type name(struct archive_entry *e)                                     \
	{                                                                      \
		return REAL(name)(e);                                          \
	}

/* cppcheck-suppress CastIntegerToAddressAtReturn */
PLAIN(FORWARD_PLAIN)
/* cppcheck-suppress CastIntegerToAddressAtReturn */
OF_ENTRY(FORWARD_ENTRY)

struct archive *archive_read_new(void)
{
	return REAL(archive_read_new)();
}

int archive_read_next_header(struct archive *a, struct archive_entry **e)
{
	return REAL(archive_read_next_header)(a, e);
}

int archive_read_open(struct archive *a, void *ctx,
		      archive_open_callback *opener,
		      archive_read_callback *reader,
		      archive_close_callback *closer)
{
	return REAL(archive_read_open)(a, ctx, opener, reader, closer);
}

la_ssize_t archive_read_data(struct archive *a, void *data, size_t len)
{
	return REAL(archive_read_data)(a, data, len);
}

int archive_read_data_block(struct archive *a, const void **data, size_t *len,
			    la_int64_t *offset)
{
	return REAL(archive_read_data_block)(a, data, len, offset);
}

int archive_entry_xattr_next(struct archive_entry *e, const char **name,
			     const void **value, size_t *len)
{
	return REAL(archive_entry_xattr_next)(e, name, value, len);
}

void archive_set_error(struct archive *a, int number, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	REAL(archive_set_error)(a, number, "%s", text);
}

#pragma GCC visibility pop
