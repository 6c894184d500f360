/* text.h: a borrowed run of bytes. Room: base. Pure.
 *
 * `data == NULL` is null (absent); `data != NULL && size == 0` is empty. The
 * bytes belong to somebody else and are not NUL-terminated. */
#ifndef ACCRUED_TEXT_H
#define ACCRUED_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    const char *data;
    size_t size;
};

/* For printf: printf("%.*s", TEXT_ARGS(t)). A null text prints as nothing. */
#define TEXT_ARGS(t) (int)(t).size, (t).data ? (t).data : ""
/* A text from a string literal. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

static inline struct text text_null(void) {
    return (struct text){NULL, 0};
}

static inline struct text text_of(const char *string) {
    return (struct text){string, string ? strlen(string) : 0};
}

static inline bool text_is_null(struct text t) {
    return t.data == NULL;
}

/* Byte-wise equality; two nulls are equal, null and empty are not. */
static inline bool text_equal(struct text a, struct text b) {
    if (a.size != b.size || (a.data == NULL) != (b.data == NULL)) {
        return false;
    }
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}

/* Byte order, null first, a prefix before its extensions: <0, 0, >0. */
int text_compare(struct text a, struct text b);

bool text_starts_with(struct text t, struct text prefix);

/* Is `needle` in `t`, ignoring the case of ASCII letters? Empty: yes. */
bool text_contains_ignoring_case(struct text t, struct text needle);

/* Equal when ASCII letters are folded. */
bool text_equal_ignoring_case(struct text a, struct text b);

/* Eight bytes that are the same. */
#define TEXT_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))

static inline uint64_t text_word(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* The last eight bytes of a text, so that a walk by words need not end with single bytes; of a
 * shorter one all that it has, some twice or with zeros. What walks so is inline: each of a line's
 * texts is looked through. */
static inline uint64_t text_last_word(struct text t) {
    uint64_t word = 0;
    if (t.size >= sizeof word) {
        return text_word(t.data + t.size - sizeof word);
    }
    if (t.size >= sizeof(uint32_t)) {
        uint32_t parts[2];
        memcpy(&parts[0], t.data, sizeof parts[0]);
        memcpy(&parts[1], t.data + t.size - sizeof parts[1], sizeof parts[1]);
        return (uint64_t)parts[0] << 32 | parts[1];
    }
    for (size_t i = 0; i < t.size; i++) {
        word = word << 8 | (unsigned char)t.data[i];
    }
    return word;
}

static inline bool text_is_ascii(struct text t) {
    uint64_t seen = text_last_word(t);
    for (size_t at = 0; at + sizeof seen < t.size; at += sizeof seen) {
        seen |= text_word(t.data + at);
    }
    return (seen & TEXT_EACH_BYTE(0x80)) == 0;
}

/* Well-formed UTF-8 (no overlong forms, no surrogates, ≤ U+10FFFF). */
bool text_is_utf8(struct text t);

/* Folds ASCII A–Z to a–z into `to` (at least t.size bytes); returns the folded text. */
struct text text_fold(struct text t, char *to);

/* text_is_folded of a text that has one of '@' to '_'. */
bool text_is_folded_bytewise(struct text t);

/* True if the text has no ASCII A–Z, that is, folding would change nothing. */
static inline bool text_is_folded(struct text t) {
    /* Bit 6 is left where it is set and bit 5 is not. */
    uint64_t word = text_last_word(t);
    uint64_t seen = word & ~(word << 1);
    for (size_t at = 0; at + sizeof word < t.size; at += sizeof word) {
        word = text_word(t.data + at);
        seen |= word & ~(word << 1);
    }
    return (seen & TEXT_EACH_BYTE(0x40)) == 0 || text_is_folded_bytewise(t);
}

/* Decimal digits only, no sign: into *ret_value; false if empty, other, or > INT64_MAX. */
bool text_to_int64(struct text t, int64_t *ret_value);

#endif
