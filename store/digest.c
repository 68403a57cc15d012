#include "store/digest.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#define PREFIX	   "sha256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define RAW_LEN	   32

struct hash {
	EVP_MD_CTX *ctx;
	bool failed; /* OpenSSL ran out of memory; no digest comes out */
};

static bool is_hex_digit(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_digest(const char *text)
{
	const char *hex = text + PREFIX_LEN;
	size_t i;

	if (strncmp(text, PREFIX, PREFIX_LEN) != 0)
		return false;
	for (i = 0; i < DIGEST_HEX_LEN; i++)
		if (!is_hex_digit(hex[i]))
			return false;
	return hex[DIGEST_HEX_LEN] == '\0';
}

int digest_parse(const char *text, struct digest *ret, struct error *err)
{
	if (!is_digest(text))
		return error_set(err, ERROR_INTEGRITY,
				 "'%.100s' is not a sha256 digest", text);
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->text, text, PREFIX_LEN + DIGEST_HEX_LEN);
	return 0;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return !strcmp(a->text, b->text);
}

bool digest_is_set(const struct digest *d)
{
	return d->text[0] != '\0';
}

const char *digest_hex(const struct digest *d)
{
	return d->text + PREFIX_LEN;
}

static void format_digest(const unsigned char raw[static RAW_LEN],
			  struct digest *ret)
{
	static const char digits[] = "0123456789abcdef";
	char *hex = ret->text + PREFIX_LEN;
	size_t i;

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->text, PREFIX, PREFIX_LEN);
	for (i = 0; i < RAW_LEN; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
}

void digest_bytes(const void *data, size_t len, struct digest *ret)
{
	unsigned char raw[EVP_MAX_MD_SIZE];

	memset(ret, 0, sizeof(*ret));
	if (EVP_Digest(data, len, raw, NULL, EVP_sha256(), NULL))
		format_digest(raw, ret);
}

int hash_new(struct hash **ret, struct error *err)
{
	AUTO(hash_free) struct hash *h = calloc(1, sizeof(*h));

	if (!h)
		return error_nomem(err, "hashing");
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL))
		return error_nomem(err, "hashing");
	*ret = steal_pointer(&h);
	return 0;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hash_update(struct hash *h, const void *data, size_t len)
{
	if (len > 0 && !EVP_DigestUpdate(h->ctx, data, len))
		h->failed = true;
}

void hash_field(struct hash *h, const void *data, size_t len)
{
	uint64_t n = len;
	unsigned char prefix[8];
	size_t i;

	/* Little endian wherever it runs: keys travel between machines. */
	for (i = 0; i < sizeof(prefix); i++)
		prefix[i] = (unsigned char)(n >> (8 * i));
	hash_update(h, prefix, sizeof(prefix));
	hash_update(h, data, len);
}

void hash_field_str(struct hash *h, const char *str)
{
	hash_field(h, str, strlen(str));
}

void hash_digest(const struct hash *h, struct digest *ret)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	unsigned char raw[EVP_MAX_MD_SIZE];

	memset(ret, 0, sizeof(*ret));
	if (copy && !h->failed && EVP_MD_CTX_copy_ex(copy, h->ctx) &&
	    EVP_DigestFinal_ex(copy, raw, NULL))
		format_digest(raw, ret);
	EVP_MD_CTX_free(copy);
}

void hash_finish(struct hash *h, struct digest *ret)
{
	unsigned char raw[EVP_MAX_MD_SIZE];

	memset(ret, 0, sizeof(*ret));
	if (!h->failed && EVP_DigestFinal_ex(h->ctx, raw, NULL))
		format_digest(raw, ret);
	h->failed = !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL);
}
