/* hash.h: a fast, well-spread 64-bit hash. Room: base. Adapter: xxHash (XXH3). Pure.
 *
 * The value is part of stored formats (ledger checksums, reference_hash, line ids of
 * ingest): it must never change for the same bytes and seed. */
#ifndef ACCRUED_HASH_H
#define ACCRUED_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t size, uint64_t seed);

/* Java's murmur2 as Kafka's default partitioner uses it (seed 0x9747b28c). */
uint32_t murmur2(const void *data, size_t size);
/* The partition of a key: (murmur2 & 0x7fffffff) mod partition_count. */
int32_t murmur2_partition(const void *key, size_t size, int32_t partition_count);

#endif
