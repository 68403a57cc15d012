#include "tests/unit/store/packed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "store/compress.h"
#include "tests/unit/store/bytes.h"

void expect_packed(const uint8_t *packed, size_t packed_len,
		   const uint8_t *data, size_t len)
{
	struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
	AUTO(stream_free) struct stream *s = NULL;
	AUTO(buf_release) struct buf plain = BUF_INIT;
	autofree uint8_t *other = malloc(len + 1);
	struct error err = ERROR_INIT;
	size_t got = 0;

	assert_int_equal(stream_decompress(stream_in_steps((const char *)packed,
							   packed_len, 9999),
					   NULL, &s, &err),
			 0);
	assert_int_equal(read_to_buf(s, &plain, &err), 0);
	assert_int_equal(plain.len, len);
	if (len > 0)
		assert_memory_equal(plain.data, data, len);
	assert_int_equal(libdeflate_gzip_decompress(d, packed, packed_len,
						    other, len, &got),
			 LIBDEFLATE_SUCCESS);
	libdeflate_free_decompressor(d);
	assert_int_equal(got, len);
	assert_memory_equal(other, data, len);
}
