/* What goes around deflated data to make it a member of a gzip file (RFC 1952).
 */
#ifndef STORE_GZIP_MEMBER_H
#define STORE_GZIP_MEMBER_H

#include <stddef.h>
#include <stdint.h>

#define GZIP_MEMBER_SIZE 18 /* bytes for both */

/* Both write at `out` and return where to go on. */
uint8_t *gzip_member_begin(uint8_t *out);
uint8_t *gzip_member_end(uint8_t *out, const uint8_t *data, size_t len);

#endif
