#include "accrued/hash.h"
#include "accrued/require.h"

#define MURMUR2_SEED 0x9747b28cU
#define MURMUR2_MULTIPLIER 0x5bd1e995U

uint32_t murmur2(const void *data, size_t size) {
    const uint8_t *at = data;
    uint32_t hash = MURMUR2_SEED ^ (uint32_t)size;
    for (; size >= 4; size -= 4, at += 4) {
        uint32_t word =
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        word *= MURMUR2_MULTIPLIER;
        word ^= word >> 24;
        word *= MURMUR2_MULTIPLIER;
        hash = hash * MURMUR2_MULTIPLIER ^ word;
    }
    if (size > 0) {
        for (size_t i = size; i-- > 0;) {
            hash ^= (uint32_t)at[i] << (8 * i);
        }
        hash *= MURMUR2_MULTIPLIER;
    }
    hash ^= hash >> 13;
    hash *= MURMUR2_MULTIPLIER;
    return hash ^ hash >> 15;
}

int32_t murmur2_partition(const void *key, size_t size, int32_t partition_count) {
    REQUIRE(partition_count > 0);
    return (int32_t)((murmur2(key, size) & 0x7fffffffU) % (uint32_t)partition_count);
}
