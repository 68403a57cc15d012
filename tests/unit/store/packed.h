/* What our coders make, read back. */
#ifndef TESTS_UNIT_STORE_PACKED_H
#define TESTS_UNIT_STORE_PACKED_H

#include <stddef.h>
#include <stdint.h>

/* Fail the test unless ISA-L and libdeflate read `data` from the gzip file. */
void expect_packed(const uint8_t *packed, size_t packed_len,
		   const uint8_t *data, size_t len);

#endif
