/* Single values of --mount fields. Each returns false for a bad value. */
#ifndef PARSER_MOUNT_VALUE_H
#define PARSER_MOUNT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/* 1 t T true TRUE True, 0 f F false FALSE False. */
bool mount_value_bool(const char *text, bool *ret);

/* Digits of `base` up to UINT32_MAX. */
bool mount_value_number(const char *text, int base, uint32_t *ret);

/* "64m", "1.5g", "4096", "2 kib"; units are powers of 1024. */
bool mount_value_size(const char *text, uint64_t *ret_bytes);

#endif
