/* rate_diff.h: what another programs file would change for a whole file of lines. Room: cli. Main
 * thread. */
#ifndef ACCRUED_CLI_RATE_DIFF_H
#define ACCRUED_CLI_RATE_DIFF_H

#include <stdbool.h>

struct rate_diff_options {
    const char *programs;
    const char *catalog; /* NULL: none */
    const char *other_programs;
    const char *other_catalog; /* NULL: the same */
    const char *reference;     /* NULL: none */
    const char *lines;
    bool no_link;
    bool summary;
};

/* Writes the differences to standard output, totals to standard error. Returns the exit code. */
int rate_diff(const struct rate_diff_options *options);

#endif
