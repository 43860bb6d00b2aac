/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* CRC-32C (Castagnoli, RFC 3720), by the processor's own instruction where it has one. */
#ifndef PEP_SERVER_CRC32C_H
#define PEP_SERVER_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of what `crc` is of, 0 = of nothing, and these bytes after it. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* The same by tables alone. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

/*
 * Joins what was computed apart: of A and B after it, it is
 * crc32c_shift(of A, size of B) ^ of B. Takes as long whatever the size, which is below 2^32.
 */
uint32_t crc32c_shift(uint32_t crc, size_t size);

#endif
