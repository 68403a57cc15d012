#include "store/base/map.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SLOTS 16 /* a power of two */

struct entry {
	struct entry *next; /* in the same slot */
	uint64_t hash;
	void *value;
	size_t key_len;
	unsigned char key[];
};

struct map {
	void (*release)(void *value);
	struct entry **slots;
	size_t n_slots;
	size_t len;
	uint64_t seed[2];
};

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = rotate(s->b, 13) ^ s->a;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a = rotate(s->a, 32) + s->d;
	s->c += s->b;
	s->d = rotate(s->d, 21) ^ s->a;
	s->b = rotate(s->b, 17) ^ s->c;
	s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	s->a ^= word;
}

/*
 * SipHash-1-3: keys may be chosen by whoever made an archive, and must not be
 * able to all fall into one slot.
 */
static uint64_t hash_key(const struct map *m, const void *key, size_t len)
{
	struct sip s = { m->seed[0] ^ 0x736f6d6570736575,
			 m->seed[1] ^ 0x646f72616e646f6d,
			 m->seed[0] ^ 0x6c7967656e657261,
			 m->seed[1] ^ 0x7465646279746573 };
	const unsigned char *p = key;
	uint64_t word, last = (uint64_t)len << 56;
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		sip_word(&s, word);
	}
	while (left > 0) {
		left--;
		last |= (uint64_t)p[left] << (8 * left);
	}
	sip_word(&s, last);
	s.c ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

struct map *map_new(void (*release)(void *value))
{
	struct map *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->release = release;
	m->n_slots = FIRST_SLOTS;
	m->slots = calloc(m->n_slots, sizeof(struct entry *));
	if (!m->slots) {
		free(m);
		return NULL;
	}
	/* Without randomness early at boot the table merely loses its shield.
	 */
	if (getrandom(m->seed, sizeof(m->seed), GRND_NONBLOCK) < 0)
		m->seed[0] = (uintptr_t)m;
	return m;
}

static void entry_free(const struct map *m, struct entry *e)
{
	if (m->release)
		m->release(e->value);
	free(e);
}

void map_free(struct map *map)
{
	size_t i;

	if (!map)
		return;
	for (i = 0; i < map->n_slots; i++) {
		struct entry *e = map->slots[i];

		while (e) {
			struct entry *next = e->next;

			entry_free(map, e);
			e = next;
		}
	}
	free(map->slots);
	free(map);
}

/* The link that points to the entry for `key`, or the one to hang it on. */
static struct entry **find(const struct map *m, uint64_t hash, const void *key,
			   size_t key_len)
{
	struct entry **link = &m->slots[hash & (m->n_slots - 1)];

	while (*link && ((*link)->hash != hash || (*link)->key_len != key_len ||
			 (key_len && memcmp((*link)->key, key, key_len) != 0)))
		link = &(*link)->next;
	return link;
}

void *map_get(const struct map *map, const void *key, size_t key_len)
{
	struct entry *e = *find(map, hash_key(map, key, key_len), key, key_len);

	return e ? e->value : NULL;
}

/* Twice the slots; when memory is short the chains just stay longer. */
static void grow(struct map *m)
{
	size_t n = m->n_slots * 2, i;
	struct entry **slots = calloc(n, sizeof(struct entry *));

	if (!slots)
		return;
	for (i = 0; i < m->n_slots; i++) {
		struct entry *e = m->slots[i];

		while (e) {
			struct entry *next = e->next;

			e->next = slots[e->hash & (n - 1)];
			slots[e->hash & (n - 1)] = e;
			e = next;
		}
	}
	free(m->slots);
	m->slots = slots;
	m->n_slots = n;
}

int map_put(struct map *map, const void *key, size_t key_len, void *value)
{
	uint64_t hash = hash_key(map, key, key_len);
	struct entry **link = find(map, hash, key, key_len);
	struct entry *e = *link;

	if (e) {
		if (map->release && e->value != value)
			map->release(e->value);
		e->value = value;
		return 0;
	}
	e = malloc(sizeof(*e) + key_len);
	if (!e)
		return -1;
	e->next = NULL;
	e->hash = hash;
	e->value = value;
	e->key_len = key_len;
	if (key_len)
		memcpy(e->key, key, key_len);
	*link = e;
	if (++map->len > map->n_slots)
		grow(map);
	return 0;
}

void map_remove(struct map *map, const void *key, size_t key_len)
{
	struct entry **link =
		find(map, hash_key(map, key, key_len), key, key_len);
	struct entry *e = *link;

	if (!e)
		return;
	*link = e->next;
	map->len--;
	entry_free(map, e);
}

size_t map_len(const struct map *map)
{
	return map->len;
}

void map_each(const struct map *map,
	      bool (*visit)(void *ctx, const void *key, size_t key_len,
			    void *value),
	      void *ctx)
{
	size_t i;

	for (i = 0; i < map->n_slots; i++) {
		struct entry *e = map->slots[i];

		for (; e; e = e->next)
			if (!visit(ctx, e->key, e->key_len, e->value))
				return;
	}
}
