#include "accrued/text.h"

#include <criterion/criterion.h>
#include <stdio.h>

static int sign(int value) {
    return (value > 0) - (value < 0);
}

Test(text, equality_tells_null_from_empty) {
    cr_expect(text_equal(text_null(), text_null()));
    cr_expect(text_equal(TEXT(""), TEXT("")));
    cr_expect(!text_equal(text_null(), TEXT("")));
    cr_expect(!text_equal(TEXT(""), text_null()));
    cr_expect(text_equal(TEXT("a\0b"), TEXT("a\0b")));
    cr_expect(!text_equal(TEXT("a\0b"), TEXT("a\0c")));
    cr_expect(!text_equal(TEXT("a"), TEXT("A")));
    cr_expect(!text_equal(TEXT("a"), TEXT("ab")));
    cr_expect(text_is_null(text_of(NULL)));
    cr_expect_eq(text_of("abc").size, 3);
}

Test(text, order_is_by_bytes_null_first_prefix_before_extension) {
    const struct text ascending[] = {
        text_null(), TEXT(""),     TEXT("\0"),   TEXT("\0\0"), TEXT("\0a"),  TEXT("A"),
        TEXT("AB"),  TEXT("B"),    TEXT("a"),    TEXT("a\0"),  TEXT("aa"),   TEXT("ab"),
        TEXT("b"),   TEXT("\x7F"), TEXT("\x80"), TEXT("\xC3"), TEXT("\xFF"), TEXT("\xFF\x01"),
    };
    size_t count = sizeof ascending / sizeof ascending[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int expected = (i > k) - (i < k);
            cr_expect_eq(sign(text_compare(ascending[i], ascending[k])), expected, "%zu, %zu", i,
                         k);
            cr_expect_eq(text_equal(ascending[i], ascending[k]), i == k, "%zu, %zu", i, k);
        }
    }
}

Test(text, prefixes) {
    cr_expect(text_starts_with(TEXT("abc"), TEXT("")));
    cr_expect(text_starts_with(TEXT("abc"), TEXT("abc")));
    cr_expect(text_starts_with(TEXT(""), TEXT("")));
    cr_expect(!text_starts_with(TEXT("abc"), TEXT("abcd")));
    cr_expect(!text_starts_with(TEXT("abc"), TEXT("Ab")));
    cr_expect(!text_starts_with(text_null(), TEXT("a")));
    cr_expect(!text_starts_with(text_null(), TEXT("")));
    cr_expect(text_starts_with(TEXT("a\0b"), TEXT("a\0")));
}

Test(text, contains_folds_ascii_and_nothing_else) {
    cr_expect(text_contains_ignoring_case(TEXT("Microsoft Teams Phone"), TEXT("teams")));
    cr_expect(text_contains_ignoring_case(TEXT("x"), TEXT("")));
    cr_expect(text_contains_ignoring_case(TEXT(""), TEXT("")));
    cr_expect(text_contains_ignoring_case(TEXT("abc"), TEXT("C")));
    cr_expect(text_contains_ignoring_case(TEXT("aab"), TEXT("AB")));
    cr_expect(!text_contains_ignoring_case(TEXT("abc"), TEXT("abcd")));
    cr_expect(!text_contains_ignoring_case(TEXT("abc"), TEXT("ac")));
    cr_expect(!text_contains_ignoring_case(text_null(), TEXT("a")));
    cr_expect(!text_contains_ignoring_case(text_null(), TEXT("")));
    cr_expect(!text_contains_ignoring_case(TEXT("@["), TEXT("`")));
    /* é and É are other bytes: no folding beyond ASCII. */
    cr_expect(!text_contains_ignoring_case(TEXT("caf\xC3\xA9"), TEXT("\xC3\x89")));
    /* The match may not reach behind the borrowed end. */
    cr_expect(!text_contains_ignoring_case((struct text){"teams", 4}, TEXT("teams")));
}

Test(text, every_byte_folds_as_ascii_says) {
    for (int c = 0; c < 256; c++) {
        char from[1] = {(char)c};
        char to[1] = {0};
        int wanted = c >= 'A' && c <= 'Z' ? c + 32 : c;
        struct text folded = text_fold((struct text){from, 1}, to);
        cr_expect_eq((unsigned char)folded.data[0], wanted, "%d", c);
        cr_expect_eq(text_is_folded((struct text){from, 1}), wanted == c, "%d", c);
        for (int d = 0; d < 256; d++) {
            char other[1] = {(char)d};
            int wanted_other = d >= 'A' && d <= 'Z' ? d + 32 : d;
            cr_expect_eq(text_equal_ignoring_case((struct text){from, 1}, (struct text){other, 1}),
                         wanted == wanted_other, "%d, %d", c, d);
        }
    }
    cr_expect(text_is_null(text_fold(text_null(), NULL)));
    cr_expect(text_is_folded(text_null()));
    cr_expect(!text_equal_ignoring_case(text_null(), TEXT("")));
    cr_expect(text_equal_ignoring_case(text_null(), text_null()));
    char in_place[] = "9A1F-B";
    text_fold((struct text){in_place, 6}, in_place);
    cr_expect_str_eq(in_place, "9a1f-b");
}

/* Decoded and encoded again it must be the same: a naive decoder, with nothing of text.c. */
static bool naive_utf8(const unsigned char *bytes, size_t size) {
    size_t at = 0;
    while (at < size) {
        unsigned char lead = bytes[at];
        size_t more = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : 3;
        if (lead >= 0x80 && (lead >> 6 == 2 || lead >> 3 > 30 || at + more >= size)) {
            return false;
        }
        uint32_t code = more == 0 ? lead : lead & (0x3FU >> more);
        for (size_t i = 1; i <= more; i++) {
            if (bytes[at + i] >> 6 != 2) {
                return false;
            }
            code = code << 6 | (bytes[at + i] & 0x3FU);
        }
        static const uint32_t lowest[] = {0, 0x80, 0x800, 0x10000};
        if (code < lowest[more] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
            return false;
        }
        at += more + 1;
    }
    return true;
}

Test(text, utf8_of_every_two_and_three_bytes) {
    for (uint32_t value = 0; value < 0x1000000; value++) {
        const unsigned char bytes[] = {(unsigned char)(value >> 16), (unsigned char)(value >> 8),
                                       (unsigned char)value};
        /* All leads, but only the edges of what follows a plain first byte. */
        if (bytes[0] < 0x80 && bytes[0] != 'a') {
            continue;
        }
        if (text_is_utf8((struct text){(const char *)bytes, 3}) != naive_utf8(bytes, 3)) {
            cr_assert(false, "%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
        }
    }
    for (uint32_t value = 0; value < 0x10000; value++) {
        const unsigned char bytes[] = {(unsigned char)(value >> 8), (unsigned char)value};
        cr_assert_eq(text_is_utf8((struct text){(const char *)bytes, 2}), naive_utf8(bytes, 2),
                     "%02x %02x", bytes[0], bytes[1]);
    }
}

Test(text, utf8_of_four_bytes_at_every_edge) {
    static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90,
                                          0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    size_t count = sizeof edges;
    for (unsigned lead = 0xE0; lead < 0x100; lead++) {
        for (size_t i = 0; i < count * count * count; i++) {
            const unsigned char bytes[] = {(unsigned char)lead, edges[i / count / count],
                                           edges[i / count % count], edges[i % count]};
            cr_assert_eq(text_is_utf8((struct text){(const char *)bytes, 4}), naive_utf8(bytes, 4),
                         "%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
        }
    }
    cr_expect(text_is_utf8(text_null()));
    cr_expect(text_is_utf8(TEXT("")));
    cr_expect(text_is_utf8(TEXT("a\0b")));
}

Test(text, integers) {
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"0000000000000000000000009223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"9223372036854775810", false, 0},
        {"9999999999999999999", false, 0},
        {"18446744073709551617", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {"1 ", false, 0},
        {" 1", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"1e3", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 4711;
        cr_expect_eq(text_to_int64(text_of(cases[i].text), &value), cases[i].good, "\"%s\"",
                     cases[i].text);
        cr_expect_eq(value, cases[i].good ? cases[i].value : 4711, "\"%s\"", cases[i].text);
    }
    int64_t value = 4711;
    cr_expect(!text_to_int64(text_null(), &value));
    cr_expect(!text_to_int64((struct text){"1\0", 2}, &value));
    cr_expect(text_to_int64((struct text){"123", 2}, &value));
    cr_expect_eq(value, 12);
}
