#include "accrued/text.h"

#include "accrued/require.h"

static inline char fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

int text_compare(struct text a, struct text b) {
    if (a.data == NULL || b.data == NULL) {
        return (a.data != NULL) - (b.data != NULL);
    }
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

bool text_starts_with(struct text t, struct text prefix) {
    REQUIRE(prefix.data != NULL);
    return t.data != NULL && t.size >= prefix.size &&
           (prefix.size == 0 || memcmp(t.data, prefix.data, prefix.size) == 0);
}

bool text_contains_ignoring_case(struct text t, struct text needle) {
    REQUIRE(needle.data != NULL);
    if (t.data == NULL || t.size < needle.size) {
        return false;
    }
    if (needle.size == 0) {
        return true;
    }
    char first = fold(needle.data[0]);
    for (size_t start = 0; start + needle.size <= t.size; start++) {
        struct text part = {t.data + start, needle.size};
        if (fold(t.data[start]) == first && text_equal_ignoring_case(part, needle)) {
            return true;
        }
    }
    return false;
}

bool text_equal_ignoring_case(struct text a, struct text b) {
    if (a.size != b.size || (a.data == NULL) != (b.data == NULL)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (fold(a.data[i]) != fold(b.data[i])) {
            return false;
        }
    }
    return true;
}

/* Size of the UTF-8 sequence that starts at `at`, or 0 if there is none. */
static size_t utf8_sequence(const unsigned char *at, size_t left) {
    unsigned char lead = at[0];
    if (lead < 0x80) {
        return 1;
    }
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || left < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xE0 && at[1] < 0xA0) || (lead == 0xF0 && at[1] < 0x90);
    bool surrogate = lead == 0xED && at[1] > 0x9F;
    bool too_large = lead == 0xF4 && at[1] > 0x8F;
    return overlong || surrogate || too_large ? 0 : size;
}

bool text_is_utf8(struct text t) {
    if (text_is_ascii(t)) {
        return true; /* as most are */
    }
    const unsigned char *at = (const unsigned char *)t.data;
    size_t left = t.size;
    while (left > 0) {
        size_t size = utf8_sequence(at, left);
        if (size == 0) {
            return false;
        }
        at += size;
        left -= size;
    }
    return true;
}

struct text text_fold(struct text t, char *to) {
    if (t.data == NULL) {
        return t;
    }
    REQUIRE(to != NULL);
    for (size_t i = 0; i < t.size; i++) {
        to[i] = fold(t.data[i]);
    }
    return (struct text){to, t.size};
}

bool text_is_folded_bytewise(struct text t) {
    for (size_t i = 0; i < t.size; i++) {
        if (t.data[i] >= 'A' && t.data[i] <= 'Z') {
            return false;
        }
    }
    return true;
}

bool text_to_int64(struct text t, int64_t *ret_value) {
    if (t.size == 0) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = 0; i < t.size; i++) {
        if (t.data[i] < '0' || t.data[i] > '9') {
            return false;
        }
        int digit = t.data[i] - '0';
        if (value > (INT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}
