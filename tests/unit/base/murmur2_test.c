#include "accrued/hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The vectors of Kafka's own UtilsTest: Java's partitioner and ours must agree for good. */
Test(murmur2, kafkas_vectors) {
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = strlen(cases[i].key);
        cr_expect_eq((int32_t)murmur2(cases[i].key, size), cases[i].hash, "%s", cases[i].key);
        for (int32_t count = 1; count < 100; count++) {
            cr_expect_eq(murmur2_partition(cases[i].key, size, count),
                         (cases[i].hash & 0x7fffffff) % count, "%s of %d", cases[i].key, count);
        }
        cr_expect_eq(murmur2_partition(cases[i].key, size, INT32_MAX),
                     (cases[i].hash & 0x7fffffff) % INT32_MAX);
    }
}

/* Bytes above 0x7F are signed in Java; the size may end anywhere; the data may lie anywhere. */
Test(murmur2, the_value_depends_on_nothing_but_the_bytes) {
    unsigned char block[72];
    for (size_t size = 0; size <= 32; size++) {
        uint32_t expected = 0;
        for (size_t shift = 0; shift < 8; shift++) {
            memset(block, 0x5A + (int)shift, sizeof block);
            for (size_t i = 0; i < size; i++) {
                block[shift + i] = (unsigned char)(0xFF - 7 * i);
            }
            uint32_t hash = murmur2(block + shift, size);
            expected = shift == 0 ? hash : expected;
            cr_expect_eq(hash, expected, "size %zu, shift %zu", size, shift);
        }
    }
    cr_expect_eq(murmur2(NULL, 0), murmur2("", 0));
    cr_expect_eq(murmur2("", 0), 275646681U); /* Utils.murmur2(new byte[0]) */
}

/* Java's own algorithm in its own terms: signed bytes, masked one by one. */
static uint32_t java_murmur2(const signed char *data, int length) {
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cU ^ (uint32_t)length;
    for (int i = 0; i < length / 4; i++) {
        const signed char *at = data + 4 * i;
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
    h ^= left == 3 ? (uint32_t)(tail[2] & 0xff) << 16 : 0;
    h ^= left >= 2 ? (uint32_t)(tail[1] & 0xff) << 8 : 0;
    if (left >= 1) {
        h ^= (uint32_t)(tail[0] & 0xff);
        h *= m;
    }
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

Test(murmur2, agrees_with_java_on_any_bytes_of_any_length) {
    signed char bytes[67];
    cr_assert_eq((int32_t)java_murmur2((const signed char *)"abc", 3), 479470107, "the oracle");
    cr_assert_eq((int32_t)java_murmur2((const signed char *)"foobar", 6), -790332482);
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

Test(murmur2, hash64_is_xxh3_and_stays_it) {
    /* XXH3_64bits of the empty input, seed 0: from xxHash's own documentation of XXH3. */
    cr_expect_eq(hash64("", 0, 0), UINT64_C(0x2D06800538D394C2));
    cr_expect_eq(hash64(NULL, 0, 0), hash64("", 0, 0));
    cr_expect_neq(hash64("a", 1, 0), hash64("a", 1, 1));
    cr_expect_neq(hash64("a", 1, 0), hash64("a\0", 2, 0));
}
