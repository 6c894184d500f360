#include "accrued/arena.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#define PIECES 3000

struct piece {
    unsigned char *data;
    size_t size;
    unsigned char mark;
};

static size_t random_size(void) {
    switch (rand() % 20) {
    case 0: return 0;
    case 1: return (size_t)(rand() % 100000); /* larger than a chunk */
    case 2: return 16384;
    default: return (size_t)(rand() % 200);
    }
}

/* No two pieces share a byte, each is aligned, all of it over several rounds of the same chunks. */
Test(arena, pieces_never_overlap) {
    static struct piece pieces[PIECES];
    struct arena arena;
    arena_init(&arena);
    srand(5);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            size_t size = random_size();
            pieces[i] = (struct piece){arena_take(&arena, size), size, (unsigned char)rand()};
            cr_assert_eq((uintptr_t)pieces[i].data % 16, 0);
            if (size > 0) {
                memset(pieces[i].data, pieces[i].mark, size);
            }
        }
        for (size_t i = 0; i < PIECES; i++) {
            for (size_t at = 0; at < pieces[i].size; at++) {
                cr_assert_eq(pieces[i].data[at], pieces[i].mark, "round %d, piece %zu", round, i);
            }
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
}

Test(arena, a_steady_state_reserves_nothing_more) {
    static const size_t sizes[] = {10, 20000, 16384, 1, 100000, 5000, 16000, 400, 0, 40000};
    struct arena arena;
    arena_init(&arena);
    cr_expect_eq(arena_size(&arena), 0);
    arena_clear(&arena); /* of nothing */
    size_t steady = 0;
    for (int round = 0; round < 50; round++) {
        size_t taken = 0;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            (void)arena_take(&arena, sizes[i]);
            taken += sizes[i];
        }
        cr_assert(arena_size(&arena) >= taken && arena_size(&arena) < 2 * taken, "it counts all");
        cr_assert(round == 0 || arena_size(&arena) == steady, "round %d", round);
        steady = arena_size(&arena);
        arena_clear(&arena);
        cr_assert_eq(arena_size(&arena), steady, "a clear keeps the chunks");
    }
    arena_release(&arena);
    cr_expect_eq(arena_size(&arena), 0);
    arena_release(&arena);
}

/* Rounds of different sizes, small ones after large ones: the chunks in between come back. */
Test(arena, chunks_that_were_too_small_once_are_used_again) {
    struct arena arena;
    arena_init(&arena);
    size_t largest = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 10; i++) {
            (void)arena_take(&arena, round % 2 == 0 ? 12000 : 50000);
        }
        largest = round == 1 ? arena_size(&arena) : largest;
        cr_assert(round < 2 || arena_size(&arena) <= 2 * largest, "round %d: %zu", round,
                  arena_size(&arena));
        arena_clear(&arena);
    }
    arena_release(&arena);
}

Test(arena, copies_and_folds) {
    struct arena arena;
    arena_init(&arena);
    char source[] = "Ab\0Z\xC3\x89";
    struct text copy = arena_copy(&arena, (struct text){source, 6});
    struct text folded = arena_fold(&arena, (struct text){source, 6});
    memset(source, 'x', sizeof source);
    cr_expect(text_equal(copy, TEXT("Ab\0Z\xC3\x89")));
    cr_expect(text_equal(folded, TEXT("ab\0z\xC3\x89")));
    cr_expect_eq(copy.data[6], '\0');
    cr_expect_eq(folded.data[6], '\0');
    for (size_t size = 0; size <= 6; size++) {
        struct text part = arena_copy(&arena, (struct text){copy.data, size});
        cr_expect(text_equal(part, (struct text){"Ab\0Z\xC3\x89", size}));
        cr_expect_eq(part.data[size], '\0');
    }
    cr_expect(text_is_null(arena_copy(&arena, text_null())));
    cr_expect(text_is_null(arena_fold(&arena, text_null())));
    cr_expect(text_equal(arena_copy(&arena, TEXT("")), TEXT("")), "empty stays empty");
    cr_expect(text_equal(arena_fold(&arena, TEXT("")), TEXT("")));
    arena_release(&arena);
}

Test(arena, a_size_beyond_memory_is_a_bug, .signal = SIGABRT) {
    struct arena arena;
    arena_init(&arena);
    (void)arena_take(&arena, SIZE_MAX);
}
