/* Runs all parts; the name of each stands on the output when it has ended well. */
#include "threads.h"

#include "accrued/log.h"

#include <string.h>
#include <unistd.h>

struct part {
    const char *name;
    void (*run)(void);
    void (*run_in)(const char *directory);
};

static const struct part parts[] = {
    {"ledgers_are_loaded_side_by_side", NULL, ledgers_are_loaded_side_by_side},
    {"a_loading_is_given_up", NULL, a_loading_is_given_up},
    {"metrics_are_written_and_read", metrics_are_written_and_read, NULL},
    {"lags_are_written_and_read", lags_are_written_and_read, NULL},
    {"log_lines_are_written", log_lines_are_written, NULL},
    {"questions_are_answered", questions_are_answered, NULL},
    {"pages_are_read_while_lanes_work", pages_are_read_while_lanes_work, NULL},
};

int main(int argc, char **argv) {
    char directory[] = "/tmp/accrued-threads-XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (argc > 1 && strcmp(argv[1], parts[i].name) != 0) {
            continue;
        }
        if (parts[i].run != NULL) {
            parts[i].run();
        } else {
            parts[i].run_in(directory);
        }
        printf("good %s\n", parts[i].name);
        (void)fflush(stdout);
    }
    CHECK(rmdir(directory) == 0);
    return 0;
}
