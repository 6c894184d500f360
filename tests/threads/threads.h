/* threads.h: what the parts of this program share. A part starts threads, does for a moment what
 * the service does, and checks what came of it; ThreadSanitizer watches. */
#ifndef ACCRUED_TESTS_THREADS_H
#define ACCRUED_TESTS_THREADS_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: wrong: %s\n", __FILE__, __LINE__, #condition);           \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* ledgers.c */
void ledgers_are_loaded_side_by_side(const char *directory);
void a_loading_is_given_up(const char *directory);

/* observing.c */
void metrics_are_written_and_read(void);
void lags_are_written_and_read(void);
void log_lines_are_written(void);
void questions_are_answered(void);
void pages_are_read_while_lanes_work(void);

#endif
