#include "accrued/text.h"

#include <criterion/criterion.h>
#include <signal.h>

static const struct text nothing = {NULL, 0};

Test(text, equality_tells_null_from_empty) {
    cr_expect(text_equal(nothing, text_null()));
    cr_expect(text_equal(TEXT(""), text_of("")));
    cr_expect(!text_equal(nothing, TEXT("")));
    cr_expect(!text_equal(TEXT(""), nothing));
    cr_expect(text_equal(text_of(NULL), nothing));
    cr_expect(text_equal(TEXT("a\0b"), TEXT("a\0b")));
    cr_expect(!text_equal(TEXT("a\0b"), TEXT("a\0c")), "a NUL ends nothing");
    cr_expect(!text_equal(TEXT("ab"), TEXT("a")));
    cr_expect(!text_equal(TEXT("a"), TEXT("A")));
}

static int sign(int order) {
    return (order > 0) - (order < 0);
}

/* In ascending order; each against each, so the order is total and has no loop. */
Test(text, order_is_by_bytes_null_first_prefix_before_extension) {
    const struct text ascending[] = {
        nothing,      TEXT(""),         TEXT("\0"),   TEXT("\0a"),      TEXT("A"), TEXT("B"),
        TEXT("a"),    TEXT("a\0"),      TEXT("aA"),   TEXT("aa"),       TEXT("b"), TEXT("\x7F"),
        TEXT("\x80"), TEXT("\xC3\xA9"), TEXT("\xFF"), TEXT("\xFF\xFF"),
    };
    size_t count = sizeof ascending / sizeof ascending[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            cr_expect_eq(sign(text_compare(ascending[i], ascending[j])), (i > j) - (i < j),
                         "%zu and %zu", i, j);
            cr_expect_eq(text_equal(ascending[i], ascending[j]), i == j, "%zu and %zu", i, j);
        }
    }
}

Test(text, finds_prefixes_and_parts) {
    cr_expect(text_starts_with(TEXT("DZH318Z0"), TEXT("DZH")));
    cr_expect(text_starts_with(TEXT("DZH"), TEXT("DZH")));
    cr_expect(text_starts_with(TEXT("DZH"), TEXT("")));
    cr_expect(text_starts_with(TEXT(""), TEXT("")));
    cr_expect(!text_starts_with(TEXT("DZ"), TEXT("DZH")));
    cr_expect(!text_starts_with(TEXT("dzh318"), TEXT("DZH")), "a prefix is exact");
    cr_expect(!text_starts_with(nothing, TEXT("")), "null begins with nothing at all");

    cr_expect(text_contains_ignoring_case(TEXT("Microsoft TEAMS Phone"), TEXT("teams")));
    cr_expect(text_contains_ignoring_case(TEXT("teams"), TEXT("TEAMS")));
    cr_expect(text_contains_ignoring_case(TEXT("ateamteams"), TEXT("teams")),
              "after a false start");
    cr_expect(text_contains_ignoring_case(TEXT("ab"), TEXT("")));
    cr_expect(text_contains_ignoring_case(TEXT(""), TEXT("")));
    cr_expect(!text_contains_ignoring_case(TEXT("team"), TEXT("teams")));
    cr_expect(!text_contains_ignoring_case(nothing, TEXT("a")));
    cr_expect(!text_contains_ignoring_case(TEXT("\xC3\xA9"), TEXT("\xC3\x89")), "only ASCII folds");
}

/* The neighbours of A–Z and a–z, and bytes that differ by the same bit, are not letters. */
Test(text, folds_ascii_letters_and_nothing_else) {
    char all[256];
    char folded[256];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)i;
    }
    struct text text = {all, sizeof all};
    cr_expect(!text_is_folded(text));
    struct text result = text_fold(text, folded);
    cr_assert(text_is_folded(result));
    cr_assert_eq(result.size, text.size);
    for (size_t i = 0; i < sizeof all; i++) {
        char expected = i >= 'A' && i <= 'Z' ? (char)(i + 32) : (char)i;
        cr_expect_eq(result.data[i], expected, "byte %zu", i);
        bool is_letter = (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z');
        char twin = (char)(i ^ 32);
        cr_expect_eq(text_equal_ignoring_case((struct text){&all[i], 1}, (struct text){&twin, 1}),
                     is_letter, "byte %zu", i);
    }
    /* In place, too. */
    char place[] = "9A1F-\xC3\x89";
    cr_expect(text_equal(text_fold((struct text){place, 7}, place), TEXT("9a1f-\xC3\x89")));
    cr_expect(text_is_null(text_fold(nothing, NULL)));
    cr_expect(text_is_folded(nothing));
    cr_expect(!text_equal_ignoring_case(nothing, TEXT("")));
    cr_expect(text_equal_ignoring_case(nothing, nothing));
}

/* Long texts are looked at eight bytes at a time: any byte at any place still counts. */
Test(text, every_byte_at_every_place_of_a_long_text) {
    for (size_t size = 1; size <= 20; size++) {
        for (size_t place = 0; place < size; place++) {
            for (int byte = 0; byte < 256; byte++) {
                char bytes[20];
                memset(bytes, 'z', sizeof bytes);
                bytes[place] = (char)byte;
                struct text text = {bytes, size};
                cr_assert_eq(text_is_folded(text), byte < 'A' || byte > 'Z', "%zu %d", place, byte);
                cr_assert_eq(text_is_utf8(text), byte < 0x80, "%zu %d", place, byte);
            }
        }
        for (size_t place = 0; place + 2 <= size; place++) {
            char bytes[20];
            memset(bytes, 'x', sizeof bytes);
            memcpy(bytes + place, "\xC3\x89", 2);
            cr_assert(text_is_utf8((struct text){bytes, size}), "%zu %zu", size, place);
            memcpy(bytes + place, "aB", 2);
            cr_assert(text_contains_ignoring_case((struct text){bytes, size}, TEXT("Ab")));
            cr_assert(!text_contains_ignoring_case((struct text){bytes, size}, TEXT("aa")));
        }
    }
}

/* Encodes a code point in `size` bytes, needed or not. */
static struct text utf8_of(uint32_t point, size_t size, char to[4]) {
    static const unsigned leads[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1;) {
        to[i] = (char)(0x80 | (point & 0x3F));
        point >>= 6;
    }
    to[0] = (char)(leads[size] | point);
    return (struct text){to, size};
}

/* Every code point there is and every way to write it too long: 4.4 million cases. */
Test(text, utf8_by_its_definition) {
    for (uint32_t point = 0; point < 0x200000; point++) {
        size_t shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        bool is_character = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
        for (size_t size = shortest; size <= 4; size++) {
            char bytes[4];
            struct text text = utf8_of(point, size, bytes);
            bool expected = is_character && size == shortest;
            if (text_is_utf8(text) != expected) {
                cr_assert_fail("U+%X in %zu bytes", point, size);
            }
            if (expected && size > 1) {
                /* Cut anywhere, or with a stranger behind. */
                for (size_t cut = 1; cut < size; cut++) {
                    cr_assert(!text_is_utf8((struct text){bytes, cut}));
                    cr_assert(!text_is_utf8((struct text){bytes + cut, size - cut}));
                }
            }
        }
    }
}

Test(text, utf8_refuses_what_no_code_point_has) {
    const struct text bad[] = {
        TEXT("\x80"),
        TEXT("\xBF"),
        TEXT("\xC0\x80"),
        TEXT("\xC1\xBF"),
        TEXT("\xF5\x80\x80\x80"),
        TEXT("\xF8\x88\x80\x80\x80"),
        TEXT("\xFE"),
        TEXT("\xFF"),
        TEXT("a\xC3"),
        TEXT("\xC3(a"),
        TEXT("\xE2\x82"
             "a"),
        TEXT("\xE2"
             "a\x82"),
        TEXT("\xC3\xA9\x80"),
        TEXT("\xF0\x9F\x98"
             "a"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_expect(!text_is_utf8(bad[i]), "case %zu", i);
    }
    cr_expect(text_is_utf8(nothing));
    cr_expect(text_is_utf8(TEXT("")));
    cr_expect(text_is_utf8(TEXT("a\0b")));
    cr_expect(text_is_utf8(TEXT("z\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z")));
}

Test(text, numbers_are_digits_up_to_int64) {
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"000000000000000000009223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"9223372036854775810", false, 0},
        {"92233720368547758070", false, 0},
        {"99999999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"1e3", false, 0},
        {"0x1", false, 0},
        {"\xD9\xA1", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = -1;
        cr_expect_eq(text_to_int64(text_of(cases[i].text), &value), cases[i].good, "%s",
                     cases[i].text);
        cr_expect_eq(value, cases[i].good ? cases[i].value : -1, "%s: %lld", cases[i].text,
                     (long long)value);
    }
    int64_t value = -1;
    cr_expect(!text_to_int64(nothing, &value));
    cr_expect(!text_to_int64((struct text){"1\0", 2}, &value));
    cr_expect(text_to_int64((struct text){"123", 2}, &value));
    cr_expect_eq(value, 12, "ends where its size says");
}

/* Asking for a null prefix is a bug of the caller, not an answer. */
Test(text, a_null_prefix_is_a_bug, .signal = SIGABRT) {
    (void)text_starts_with(TEXT("a"), nothing);
}

/* A match may not reach behind the borrowed end, and only letters fold. */
Test(text, a_part_ends_where_the_text_ends) {
    cr_expect(!text_contains_ignoring_case((struct text){"teams", 4}, TEXT("teams")));
    cr_expect(!text_contains_ignoring_case(TEXT("@["), TEXT("`")));
    cr_expect(!text_contains_ignoring_case(nothing, TEXT("")), "null contains nothing at all");
    cr_expect(text_starts_with(TEXT("a\0b"), TEXT("a\0")));
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
