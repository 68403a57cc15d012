#include "registry/curl_library.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdarg.h>

#include "store/base/library.h"

/* Type, name, parameters, arguments. */
#define FUNCTIONS(X)                                                           \
	X(CURL *, curl_easy_init, (void), ())                                  \
	X(void, curl_easy_cleanup, (CURL * easy), (easy))                      \
	X(CURLcode, curl_easy_pause, (CURL * easy, int what), (easy, what))    \
	X(void, curl_easy_reset, (CURL * easy), (easy))                        \
	X(const char *, curl_easy_strerror, (CURLcode code), (code))           \
	X(CURLcode, curl_global_init, (long flags), (flags))                   \
	X(CURLM *, curl_multi_init, (void), ())                                \
	X(CURLMcode, curl_multi_cleanup, (CURLM * multi), (multi))             \
	X(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL * easy),      \
	  (multi, easy))                                                       \
	X(CURLMcode, curl_multi_remove_handle, (CURLM * multi, CURL * easy),   \
	  (multi, easy))                                                       \
	X(CURLMcode, curl_multi_perform, (CURLM * multi, int *running),        \
	  (multi, running))                                                    \
	X(CURLMsg *, curl_multi_info_read, (CURLM * multi, int *left),         \
	  (multi, left))                                                       \
	X(CURLMcode, curl_multi_poll,                                          \
	  (CURLM * multi, struct curl_waitfd * others, unsigned n,             \
	   int timeout_ms, int *ready),                                        \
	  (multi, others, n, timeout_ms, ready))                               \
	X(struct curl_slist *, curl_slist_append,                              \
	  (struct curl_slist * list, const char *text), (list, text))          \
	X(void, curl_slist_free_all, (struct curl_slist * list), (list))

#define NUMBER(type, name, parameters, arguments) number_##name,
#define NAME(type, name, parameters, arguments)	  #name,

enum {
	FUNCTIONS(NUMBER) number_curl_easy_getinfo,
	number_curl_easy_setopt,
	COUNT
};

static const char *const names[COUNT] = { FUNCTIONS(NAME) "curl_easy_getinfo",
					  "curl_easy_setopt" };

/*
 * What a process has loaded it has loaded once and for all: written under
 * `once`, only read afterwards.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *functions[COUNT];
static struct error failure;

static void load(void)
{
	CURLcode code;

	if (library_load("libcurl.so.4", names, COUNT, functions, &failure) < 0)
		return;
	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (code != CURLE_OK)
		error_set(&failure, ERROR_SYSTEM, "cannot prepare libcurl: %s",
			  curl_easy_strerror(code));
}

int curl_library_load(struct error *err)
{
	pthread_once(&once, load);
	if (failure.kind == ERROR_NONE)
		return 0;
	*err = failure;
	return -1;
}

/* The function's type is that of its declaration in <curl/curl.h>. */
#define REAL(name) ((__typeof__(&name))functions[number_##name])
#define FORWARD(type, name, parameters, arguments)                             \
	type name parameters                                                   \
	{                                                                      \
		return REAL(name) arguments;                                   \
	}

FUNCTIONS(FORWARD)

/* What follows the option is a pointer, whatever is asked. */
#undef curl_easy_getinfo
CURLcode curl_easy_getinfo(CURL *easy, CURLINFO info, ...)
{
	void *ret;
	va_list args;

	va_start(args, info);
	ret = va_arg(args, void *);
	va_end(args);
	return REAL(curl_easy_getinfo)(easy, info, ret);
}

/* An option's number tells the type of its value. */
#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *easy, CURLoption option, ...)
{
	CURLcode code;
	va_list args;

	va_start(args, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		code = REAL(curl_easy_setopt)(easy, option, va_arg(args, long));
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		code = REAL(curl_easy_setopt)(easy, option,
					      va_arg(args, curl_off_t));
	else
		code = REAL(curl_easy_setopt)(easy, option,
					      va_arg(args, void *));
	va_end(args);
	return code;
}
