/* rate_input.h: the files of the offline form, read into the engine. Room: cli. Main thread.
 *
 * Forms: accrual-model.md §9. Into two engines where two sets of rules are compared: both see the
 * same, in the same order. */
#ifndef ACCRUED_CLI_RATE_INPUT_H
#define ACCRUED_CLI_RATE_INPUT_H

#include "accrued/offline.h"

#define RATE_ENGINE_COUNT_MAX 2

struct rate_input;

struct rate_input_hooks {
    /* A line that an engine refused, or a text that is none (engine 0). */
    void (*refused)(void *context, size_t engine, struct text raw, const struct reject *reject);
    /* A line that was taken by the first engine; may be NULL. */
    void (*taken)(void *context, const struct billing_line *line);
    void *context;
};

struct rate_input {
    const char *command; /* for messages */
    struct offline *engines[RATE_ENGINE_COUNT_MAX];
    size_t engine_count;
    struct rate_input_hooks hooks;
    struct arena arena; /* of the input line at hand */
    size_t line_number; /* of the file, blank lines counted */
    size_t line_count;  /* billing lines */
};

/* Set command, engines and hooks behind it. */
void rate_input_init(struct rate_input *input);
void rate_input_release(struct rate_input *input);

/* The reference file has nothing but reference values; what cannot be read stops the run. false:
 * the reason has been told. */
bool rate_input_reference(struct rate_input *input, const char *path);
/* Lines, changed reference values and re-rates; "-" is standard input. false: the file cannot be
 * read, the reason has been told. */
bool rate_input_lines(struct rate_input *input, const char *path);

#endif
