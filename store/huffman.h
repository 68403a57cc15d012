/* Prefix codes of bounded length, as deflate wants them (RFC 1951, 3.2.2). */
#ifndef STORE_HUFFMAN_H
#define STORE_HUFFMAN_H

#include <stddef.h>
#include <stdint.h>

#define HUFFMAN_SYMBOLS_MAX 288

/*
 * Lengths in bits, at most `max` of them, for `n` symbols that occur `counts`
 * times; 0 for those that do not. At least two symbols have to occur, and
 * 1 << max of them have to fit.
 */
void huffman_lengths(const uint32_t *counts, size_t n, unsigned max,
		     uint8_t *lengths);

/* The canonical codes for `lengths`, first bit of the code lowest. */
void huffman_codes(const uint8_t *lengths, size_t n, uint16_t *codes);

#endif
