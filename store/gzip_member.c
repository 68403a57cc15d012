#include "store/gzip_member.h"

#include <libdeflate.h>
#include <string.h>

/* No time, no system. */
static const uint8_t head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff };

uint8_t *gzip_member_begin(uint8_t *out)
{
	memcpy(out, head, sizeof(head));
	return out + sizeof(head);
}

static uint8_t *put_u32(uint8_t *out, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		*out++ = (uint8_t)(v >> (8 * i));
	return out;
}

uint8_t *gzip_member_end(uint8_t *out, const uint8_t *data, size_t len)
{
	out = put_u32(out, libdeflate_crc32(0, data, len));
	return put_u32(out, (uint32_t)len);
}
