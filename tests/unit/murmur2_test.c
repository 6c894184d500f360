#include "accrued/hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Kafka's own vectors (UtilsTest.testMurmur2): what every Java producer computes. */
static const struct {
    const char *key;
    int32_t hash;
} vectors[] = {
    {"21", -973932308},
    {"foobar", -790332482},
    {"a-little-bit-long-string", -985981536},
    {"a-little-bit-longer-string", -1486304829},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
    {"abc", 479470107},
};

Test(murmur2, agrees_with_kafkas_own_vectors) {
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        int32_t hash = (int32_t)murmur2(vectors[i].key, strlen(vectors[i].key));
        cr_expect_eq(hash, vectors[i].hash, "%s: %d", vectors[i].key, hash);
    }
}

/* A key is where a record happens to lie: any address. */
Test(murmur2, reads_from_any_address) {
    char shifted[64];
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        size_t size = strlen(vectors[i].key);
        for (size_t shift = 0; shift < 8; shift++) {
            memcpy(shifted + shift, vectors[i].key, size);
            cr_expect_eq((int32_t)murmur2(shifted + shift, size), vectors[i].hash);
        }
    }
}

/* Bytes above 0x7F are negative in Java, which masks them; tails of 1, 2 and 3 bytes. Written down
 * from Java's algorithm in its own terms: signed bytes, then & 0xff. */
static uint32_t java_murmur2(const signed char *data, int length) {
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cU ^ (uint32_t)length;
    for (int i = 0; i < length / 4; i++) {
        const signed char *at = data + i * 4;
        uint32_t k = (uint32_t)(at[0] & 0xff) + ((uint32_t)(at[1] & 0xff) << 8) +
                     ((uint32_t)(at[2] & 0xff) << 16) + ((uint32_t)(at[3] & 0xff) << 24);
        k *= m;
        k ^= k >> 24;
        k *= m;
        h *= m;
        h ^= k;
    }
    const signed char *tail = data + length / 4 * 4;
    int left = length % 4;
    if (left == 3) {
        h ^= (uint32_t)(tail[2] & 0xff) << 16;
    }
    if (left >= 2) {
        h ^= (uint32_t)(tail[1] & 0xff) << 8;
    }
    if (left >= 1) {
        h ^= (uint32_t)(tail[0] & 0xff);
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    h ^= h >> 15;
    return h;
}

Test(murmur2, agrees_with_java_on_any_bytes_of_any_length) {
    signed char bytes[67];
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        cr_assert_eq(
            (int32_t)java_murmur2((const signed char *)vectors[i].key, (int)strlen(vectors[i].key)),
            vectors[i].hash, "the oracle itself");
    }
    srand(11);
    for (int round = 0; round < 20000; round++) {
        int length = round % (int)sizeof bytes;
        for (int i = 0; i < length; i++) {
            bytes[i] = (signed char)(rand() % 256 - 128);
        }
        cr_assert_eq(murmur2(bytes, (size_t)length), java_murmur2(bytes, length), "round %d",
                     round);
    }
}

Test(murmur2, a_partition_is_never_negative) {
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        size_t size = strlen(vectors[i].key);
        for (int32_t count = 1; count < 100; count++) {
            int32_t expected = (vectors[i].hash & 0x7fffffff) % count;
            cr_expect_eq(murmur2_partition(vectors[i].key, size, count), expected, "%s of %d",
                         vectors[i].key, count);
        }
        cr_expect_eq(murmur2_partition(vectors[i].key, size, INT32_MAX),
                     (vectors[i].hash & 0x7fffffff) % INT32_MAX);
    }
}

Test(murmur2, an_empty_key_has_a_partition_too) {
    cr_expect_eq(murmur2("", 0), java_murmur2((const signed char *)"", 0));
    cr_expect_eq(murmur2(NULL, 0), murmur2("", 0));
}

/* hash64 is part of stored formats: published XXH3 vectors hold it where it is. */
Test(hash64, is_xxh3_with_a_seed) {
    cr_expect_eq(hash64("", 0, 0), UINT64_C(0x2D06800538D394C2));
    cr_expect_neq(hash64("a", 1, 0), hash64("a", 1, 1));
    cr_expect_eq(hash64(NULL, 0, 0), hash64("", 0, 0));
}
