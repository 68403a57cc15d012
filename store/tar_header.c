#include "store/tar_header.h"

#include <stdio.h>
#include <string.h>

/* Where the fields of a ustar block are. */
static const struct field {
	size_t offset;
	size_t size;
} field_name = { 0, 100 }, field_mode = { 100, 8 }, field_uid = { 108, 8 },
  field_gid = { 116, 8 }, field_size = { 124, 12 }, field_mtime = { 136, 12 },
  field_checksum = { 148, 8 }, field_type = { 156, 1 },
  field_link = { 157, 100 }, field_magic = { 257, 8 }, field_major = { 329, 8 },
  field_minor = { 337, 8 }, field_prefix = { 345, 155 };

static const char magic[8] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' };

/* Largest numbers that 7 and 11 octal digits hold. */
#define OCTAL7_MAX  07777777
#define OCTAL11_MAX 077777777777

void tar_pax_append(struct buf *records, const char *key, const void *value,
		    size_t len)
{
	size_t rest = strlen(key) + len + 3; /* blank, '=', newline */
	size_t total = rest + 1, power;

	/* The length counts its own digits. */
	for (power = 10; total >= power; power *= 10)
		total++;
	buf_printf(records, "%zu %s=", total, key);
	buf_append(records, value, len);
	buf_append_char(records, '\n');
}

static void append_number(struct buf *records, const char *key, int64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)value);

	tar_pax_append(records, key, text, (size_t)len);
}

static void put_octal(char *block, struct field f, uint64_t value)
{
	size_t i;

	for (i = f.size - 1; i > 0; i--) {
		block[f.offset + i - 1] = (char)('0' + (value & 7));
		value >>= 3;
	}
	block[f.offset + f.size - 1] = '\0';
}

static void put_text(char *block, struct field f, const char *text, size_t len)
{
	memcpy(block + f.offset, text, len < f.size ? len : f.size);
}

/* Sum of all bytes, the checksum's own taken as blanks. */
static unsigned checksum(const char *block)
{
	unsigned sum = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++) {
		bool own = i - field_checksum.offset < field_checksum.size;

		sum += own ? ' ' : (unsigned char)block[i];
	}
	return sum;
}

static void put_checksum(char *block)
{
	char text[8];

	snprintf(text, sizeof(text), "%06o", checksum(block));
	memcpy(block + field_checksum.offset, text, 7);
	block[field_checksum.offset + 7] = ' ';
}

/* Length of the prefix when `name` is split at a slash; 0: cannot be. */
static size_t split_name(const char *name, size_t len)
{
	size_t i = field_prefix.size < len - 2 ? field_prefix.size : len - 2;

	for (; i > 0 && len - i - 1 <= field_name.size; i--)
		if (name[i] == '/')
			return i;
	return 0;
}

/* Set the name; false when it does not fit. */
static bool put_name(char *block, const char *name)
{
	size_t len = strlen(name), split;

	if (len <= field_name.size) {
		put_text(block, field_name, name, len);
		return true;
	}
	split = split_name(name, len);
	if (split == 0) {
		put_text(block, field_name, name, len);
		return false;
	}
	put_text(block, field_prefix, name, split);
	put_text(block, field_name, name + split + 1, len - split - 1);
	return true;
}

/* The fixed part of a block. */
static void begin_block(char *block, char type, uint32_t mode)
{
	memset(block, 0, TAR_BLOCK);
	memcpy(block + field_magic.offset, magic, sizeof(magic));
	block[field_type.offset] = type;
	put_octal(block, field_mode, mode);
	put_octal(block, field_uid, 0);
	put_octal(block, field_gid, 0);
	put_octal(block, field_size, 0);
	put_octal(block, field_mtime, 0);
	put_octal(block, field_major, 0);
	put_octal(block, field_minor, 0);
}

/* A number in its field, or in a record and the field zero. */
static void put_number(char *block, struct field f, struct buf *records,
		       const char *key, int64_t value)
{
	int64_t max = f.size == 8 ? OCTAL7_MAX : OCTAL11_MAX;

	if (value >= 0 && value <= max)
		put_octal(block, f, (uint64_t)value);
	else
		append_number(records, key, value);
}

/* The block, and in `records` what it cannot hold. */
static void format_block(char *block, const struct tar_header *h,
			 bool name_in_records, struct buf *records)
{
	size_t link_len = strlen(h->link);

	begin_block(block, h->type, h->mode);
	if (!put_name(block, h->name) && !name_in_records)
		tar_pax_append(records, "path", h->name, strlen(h->name));
	put_text(block, field_link, h->link, link_len);
	if (link_len > field_link.size)
		tar_pax_append(records, "linkpath", h->link, link_len);
	put_number(block, field_uid, records, "uid", h->uid);
	put_number(block, field_gid, records, "gid", h->gid);
	put_number(block, field_size, records, "size", (int64_t)h->size);
	put_number(block, field_mtime, records, "mtime", h->mtime);
	put_octal(block, field_major, h->dev_major);
	put_octal(block, field_minor, h->dev_minor);
	put_checksum(block);
}

/* The entry of type 'x' that carries the records of the next one. */
static void append_records(struct buf *out, const char *name,
			   const struct buf *records)
{
	static const char zeros[TAR_BLOCK];
	char block[TAR_BLOCK], pax_name[101];
	const char *base = strrchr(name, '/');

	snprintf(pax_name, sizeof(pax_name), "PaxHeaders.0/%s",
		 base && base[1] ? base + 1 : "entry");
	begin_block(block, 'x', 0644);
	put_text(block, field_name, pax_name, strlen(pax_name));
	put_octal(block, field_size, records->len);
	put_checksum(block);
	buf_append(out, block, sizeof(block));
	buf_append(out, records->data, records->len);
	buf_append(out, zeros, tar_padding(records->len));
}

int tar_header_append(struct buf *out, const struct tar_header *h,
		      const struct buf *records, bool name_in_records,
		      struct error *err)
{
	AUTO(buf_release) struct buf all = BUF_INIT;
	char block[TAR_BLOCK];

	buf_append(&all, records->data, records->len);
	format_block(block, h, name_in_records, &all);
	if (buf_check(&all, "writing a tar", err) < 0)
		return -1;
	if (all.len > TAR_PAX_MAX)
		return error_set(err, ERROR_REFUSED,
				 "'%.200s' has too many extended attributes "
				 "for a tar",
				 h->name);
	if (all.len > 0)
		append_records(out, h->name, &all);
	buf_append(out, block, sizeof(block));
	return buf_check(out, "writing a tar", err);
}

static bool get_octal(const char *block, struct field f, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < f.size - 1; i++) {
		char c = block[f.offset + i];

		if (c < '0' || c > '7')
			return false;
		value = value << 3 | (uint64_t)(c - '0');
	}
	*ret = value;
	return block[f.offset + f.size - 1] == '\0';
}

static bool get_octal32(const char *block, struct field f, uint32_t *ret)
{
	uint64_t value;

	if (!get_octal(block, f, &value))
		return false;
	*ret = (uint32_t)value; /* 7 digits always fit */
	return true;
}

static size_t get_text(const char *block, struct field f, char *ret)
{
	size_t len = strnlen(block + f.offset, f.size);

	memcpy(ret, block + f.offset, len);
	ret[len] = '\0';
	return len;
}

static bool is_zero(const char *block)
{
	return block[0] == '\0' && !memcmp(block, block + 1, TAR_BLOCK - 1);
}

static bool checksum_is_right(const char *block)
{
	char copy[TAR_BLOCK];

	memcpy(copy, block, sizeof(copy));
	put_checksum(copy);
	return !memcmp(copy, block, sizeof(copy));
}

static bool get_fields(const char *block, struct tar_block *ret)
{
	uint64_t mtime;
	size_t len;

	if (!get_octal32(block, field_mode, &ret->mode) ||
	    !get_octal32(block, field_uid, &ret->uid) ||
	    !get_octal32(block, field_gid, &ret->gid) ||
	    !get_octal32(block, field_major, &ret->dev_major) ||
	    !get_octal32(block, field_minor, &ret->dev_minor) ||
	    !get_octal(block, field_size, &ret->size) ||
	    !get_octal(block, field_mtime, &mtime))
		return false;
	ret->mtime = (int64_t)mtime; /* 33 bits */
	ret->type = block[field_type.offset];
	len = get_text(block, field_prefix, ret->name);
	if (len > 0)
		ret->name[len++] = '/';
	get_text(block, field_name, ret->name + len);
	get_text(block, field_link, ret->link);
	return true;
}

int tar_block_parse(const char block[static TAR_BLOCK], struct tar_block *ret,
		    struct error *err)
{
	if (is_zero(block))
		return 0;
	if (memcmp(block + field_magic.offset, magic, sizeof(magic)) != 0 ||
	    !checksum_is_right(block) || !get_fields(block, ret))
		return error_set(err, ERROR_INTEGRITY,
				 "a header of the tar is damaged");
	return 1;
}

void tar_block_set_mtime(char block[static TAR_BLOCK], uint64_t mtime)
{
	put_octal(block, field_mtime, mtime);
	put_checksum(block);
}

void tar_block_set_size(char block[static TAR_BLOCK], uint64_t size)
{
	put_octal(block, field_size, size);
	put_checksum(block);
}

int tar_pax_parse(const char *data, size_t len, struct tar_pax *ret,
		  struct error *err)
{
	const char *blank = memchr(data, ' ', len < 8 ? len : 8);
	const char *equals;
	size_t total = 0;
	const char *p;

	for (p = data; blank && p < blank; p++) {
		if (*p < '0' || *p > '9')
			blank = NULL;
		else
			total = total * 10 + (size_t)(*p - '0');
	}
	if (!blank || total > len || total < (size_t)(blank - data) + 3 ||
	    data[total - 1] != '\n')
		goto bad;
	equals = memchr(blank + 1, '=', total - 1 - (size_t)(blank + 1 - data));
	if (!equals)
		goto bad;
	*ret = (struct tar_pax){
		.key = blank + 1,
		.key_len = (size_t)(equals - blank - 1),
		.value = equals + 1,
		.value_len = (size_t)(data + total - 1 - (equals + 1)),
		.len = total,
	};
	return 0;
bad:
	return error_set(err, ERROR_INTEGRITY,
			 "a PAX record of the tar is damaged");
}

bool tar_pax_is(const struct tar_pax *pax, const char *key)
{
	return pax->key_len == strlen(key) &&
	       !memcmp(pax->key, key, pax->key_len);
}

int tar_pax_number(const struct tar_pax *pax, int64_t *ret, struct error *err)
{
	char text[24];
	char *end;

	if (pax->value_len > 0 && pax->value_len < sizeof(text)) {
		memcpy(text, pax->value, pax->value_len);
		text[pax->value_len] = '\0';
		errno = 0;
		*ret = strtoll(text, &end, 10);
		if (*end == '\0' && errno == 0)
			return 0;
	}
	return error_set(err, ERROR_INTEGRITY,
			 "a number in a PAX record of the tar is damaged");
}
