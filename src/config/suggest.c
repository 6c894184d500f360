#include "accrued/suggest.h"

#include "accrued/require.h"

#include <stdio.h>

#define NAME_SIZE_MAX 64
#define EDITS_MAX 4
#define BEGINNING_SIZE_MIN 4

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

static char folded(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (char)(c + ('a' - 'A'));
    }
    return c == '-' ? '_' : c;
}

/* Optimal string alignment: edits that turn `a` into `b`, three rows of the table at a time. */
static size_t distance(struct text a, struct text b) {
    size_t rows[3][NAME_SIZE_MAX + 1];
    REQUIRE(a.size <= NAME_SIZE_MAX && b.size <= NAME_SIZE_MAX);
    for (size_t j = 0; j <= b.size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            char from = folded(a.data[i - 1]);
            char to = folded(b.data[j - 1]);
            size_t edits = above[j - 1] + (from == to ? 0 : 1);
            edits = smaller(edits, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && from == folded(b.data[j - 2]) && folded(a.data[i - 2]) == to) {
                edits = smaller(edits, rows[(i - 2) % 3][j - 2] + 1);
            }
            row[j] = edits;
        }
    }
    return rows[a.size % 3][b.size];
}

static bool begins(struct text name, struct text beginning) {
    for (size_t i = 0; i < beginning.size; i++) {
        if (i == name.size || folded(name.data[i]) != folded(beginning.data[i])) {
            return false;
        }
    }
    return true;
}

/* "bootstrap" for bootstrap_servers: too many edits, but there is only one name that it can be. */
static const char *only_one_that_begins(struct text given, const char *const *known, size_t count) {
    const char *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (begins(text_of(known[i]), given)) {
            if (found != NULL) {
                return NULL;
            }
            found = known[i];
        }
    }
    return given.size < BEGINNING_SIZE_MIN ? NULL : found;
}

const char *suggest_nearest(struct text given, const char *const *known, size_t count) {
    if (given.size == 0 || given.size > NAME_SIZE_MAX) {
        return NULL;
    }
    const char *nearest = NULL;
    /* A third of the letters wrong, and at most four, is a typing mistake; more is another word. */
    size_t nearest_edits = smaller(given.size / 3 + 1, EDITS_MAX) + 1;
    for (size_t i = 0; i < count; i++) {
        REQUIRE(known[i] != NULL);
        struct text name = text_of(known[i]);
        if (name.size > NAME_SIZE_MAX) {
            continue;
        }
        size_t edits = distance(given, name);
        if (edits < nearest_edits && edits < name.size) {
            nearest = known[i];
            nearest_edits = edits;
        }
    }
    return nearest != NULL ? nearest : only_one_that_begins(given, known, count);
}

const char *suggest_tail(struct text given, const char *const *known, size_t count,
                         char to[SUGGESTION_SIZE_MAX]) {
    const char *nearest = suggest_nearest(given, known, count);
    to[0] = '\0';
    if (nearest != NULL) {
        (void)snprintf(to, SUGGESTION_SIZE_MAX, ", did you mean \"%s\"?", nearest);
    }
    return to;
}
