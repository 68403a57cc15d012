#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "store/digest.h"

/* FIPS 180-2, appendix B.1. */
#define ABC                                                                    \
	"sha256:ba7816bf8f01cfea414140de5dae2223"                              \
	"b00361a396177a9cb410ff61f20015ad"

static void the_digest_of_a_known_text_is_the_published_one(void **state)
{
	struct digest d;

	(void)state;
	digest_bytes("abc", 3, &d);
	assert_string_equal(d.text, ABC);
	assert_string_equal(digest_hex(&d), ABC + strlen("sha256:"));
}

static void hashing_in_pieces_gives_the_same_digest(void **state)
{
	AUTO(hash_free) struct hash *h = NULL;
	struct error err = ERROR_INIT;
	struct digest d;

	(void)state;
	assert_int_equal(hash_new(&h, &err), 0);
	hash_update(h, "a", 1);
	hash_digest(h, &d);
	assert_string_not_equal(d.text, ABC);
	hash_update(h, "bc", 2);
	hash_finish(h, &d);
	assert_string_equal(d.text, ABC);
	hash_update(h, "abc", 3);
	hash_finish(h, &d);
	assert_string_equal(d.text, ABC);
}

static void neighbouring_fields_cannot_run_together(void **state)
{
	AUTO(hash_free) struct hash *h = NULL;
	struct error err = ERROR_INIT;
	struct digest a, b;

	(void)state;
	assert_int_equal(hash_new(&h, &err), 0);
	hash_field_str(h, "ab");
	hash_field_str(h, "c");
	hash_finish(h, &a);
	hash_field_str(h, "a");
	hash_field_str(h, "bc");
	hash_finish(h, &b);
	assert_false(digest_equal(&a, &b));
}

static void only_well_formed_sha256_digests_are_accepted(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256:",
		"sha256:../../../../etc/passwd",
		"sha512:ba7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad",
		"sha256:BA7816bf8f01cfea414140de5dae2223"
		"b00361a396177a9cb410ff61f20015ad",
		ABC "0",
		ABC "\n",
	};
	struct error err = ERROR_INIT;
	struct digest d = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(digest_parse(bad[i], &d, &err), -1);
		assert_int_equal(err.kind, ERROR_INTEGRITY);
		assert_false(digest_is_set(&d));
	}
	assert_int_equal(digest_parse(ABC, &d, &err), 0);
	assert_string_equal(d.text, ABC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			the_digest_of_a_known_text_is_the_published_one),
		cmocka_unit_test(hashing_in_pieces_gives_the_same_digest),
		cmocka_unit_test(neighbouring_fields_cannot_run_together),
		cmocka_unit_test(only_well_formed_sha256_digests_are_accepted),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
