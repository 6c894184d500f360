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

/* Well-formed UTF-8 (no overlong forms, no surrogates, ≤ U+10FFFF). */
bool text_is_utf8(struct text t);

/* Folds ASCII A–Z to a–z into `to` (at least t.size bytes); returns the folded text. */
struct text text_fold(struct text t, char *to);

/* True if the text has no ASCII A–Z, that is, folding would change nothing. */
bool text_is_folded(struct text t);

/* Decimal digits only, no sign: into *ret_value; false if empty, other, or > INT64_MAX. */
bool text_to_int64(struct text t, int64_t *ret_value);

#endif
