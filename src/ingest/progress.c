#include "progress.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERVAL_MS 100
#define BAR_WIDTH 30

void progress_init(struct progress *progress) {
    const char *terminal = getenv("TERM");
    bool is_dumb = terminal == NULL || strcmp(terminal, "dumb") == 0;
    *progress = (struct progress){.is_terminal = isatty(STDERR_FILENO) != 0 && !is_dumb};
}

const char *progress_count(uint64_t count, char to[PROGRESS_COUNT_SIZE]) {
    char digits[PROGRESS_COUNT_SIZE];
    int size = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
    REQUIRE(size > 0 && (size_t)size < sizeof digits);
    size_t at = 0;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            to[at++] = ',';
        }
        to[at++] = digits[i];
    }
    to[at] = '\0';
    return to;
}

void progress_show(struct progress *progress, int64_t done, int64_t total, uint64_t lines) {
    if (!progress->is_terminal) {
        return;
    }
    int64_t now_ms = clock_steady_ms();
    if (progress->is_drawn && now_ms - progress->shown_ms < INTERVAL_MS) {
        return;
    }
    char count[PROGRESS_COUNT_SIZE];
    (void)progress_count(lines, count);
    if (total > 0) {
        int64_t part = done < total ? done : total;
        int filled = (int)(part * BAR_WIDTH / total);
        (void)fprintf(stderr, "\r\033[K[%.*s%*s] %3d%%  %s lines", filled,
                      "##############################", BAR_WIDTH - filled, "",
                      (int)(part * 100 / total), count);
    } else {
        (void)fprintf(stderr, "\r\033[K%s lines", count);
    }
    (void)fflush(stderr);
    progress->is_drawn = true;
    progress->shown_ms = now_ms;
}

void progress_clear(struct progress *progress) {
    if (progress->is_drawn) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
        progress->is_drawn = false;
    }
}
