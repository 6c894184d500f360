/* Avro C has one error state for all threads: what a thread is told is still of its own mistake. */
#include "decode/record_reader.h"

#include "accrued/decode.h"
#include "accrued/require.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ROUNDS 3000
#define ACCRUAL_PATH ACCRUED_SOURCE_DIR "/schemas/accrual.avsc"

struct caller {
    char path[64];
    const char *told; /* what Avro C says of it */
    atomic_int *strange;
    struct fault first;
};

static void write_schema(struct caller *caller, const char *schema) {
    (void)snprintf(caller->path, sizeof caller->path, "%s/accrued-turn-XXXXXX", P_tmpdir);
    int file = mkstemp(caller->path);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, schema, strlen(schema)), (ssize_t)strlen(schema));
    cr_assert_eq(close(file), 0);
}

static void check(struct caller *caller, const struct fault *fault) {
    if (strstr(fault->text, caller->told) == NULL && atomic_fetch_add(caller->strange, 1) == 0) {
        caller->first = *fault;
    }
}

static void *read_nonsense(void *argument) {
    struct caller *caller = argument;
    struct fault fault = {""};
    struct record_reader *reader = record_reader_open(ACCRUAL_PATH, &fault);
    REQUIRE(reader != NULL);
    for (int i = 0; i < ROUNDS; i++) {
        /* A frame, a long string's size, and the end. */
        REQUIRE(!record_reader_read(reader, (struct text){"\0\0\0\0\2\x40\x41", 7}, &fault));
        check(caller, &fault);
    }
    record_reader_free(reader);
    return NULL;
}

static void *parse_nonsense(void *argument) {
    struct caller *caller = argument;
    struct fault fault = {""};
    for (int i = 0; i < ROUNDS; i++) {
        REQUIRE(schema_set_open(caller->path, NULL, 0, &fault) == NULL);
        check(caller, &fault);
    }
    return NULL;
}

Test(avro_turn, each_thread_is_told_of_its_own_mistake) {
    atomic_int strange = 0;
    struct caller reading = {.told = "Cannot read", .strange = &strange};
    struct caller parsing = {.told = "nonesuch", .strange = &strange};
    write_schema(&parsing, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"f\","
                           "\"type\":\"nonesuch\"}]}");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, i % 2 ? read_nonsense : parse_nonsense,
                                    i % 2 ? &reading : &parsing),
                     0);
    }
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
    cr_assert_eq(unlink(parsing.path), 0);
    cr_expect_eq(atomic_load(&strange), 0, "%d of %d are strange: reading \"%s\", parsing \"%s\"",
                 atomic_load(&strange), 4 * ROUNDS, reading.first.text, parsing.first.text);
}
