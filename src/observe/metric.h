/* metric.h: how the registry keeps families and series. For metrics*.c only.
 *
 * Both lists only grow, at their end and under one lock; `next` is published with release order, so
 * readers walk them without a lock. */
#ifndef ACCRUED_OBSERVE_METRIC_H
#define ACCRUED_OBSERVE_METRIC_H

#include "accrued/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

struct histogram {
    size_t bound_count;
    int64_t bounds[METRIC_BOUND_COUNT_MAX];
    _Atomic int64_t counts[METRIC_BOUND_COUNT_MAX + 1]; /* the last: above every bound */
};

struct metric {
    struct metric *_Atomic next;
    struct metric_family *family;
    char *labels;
    _Atomic int64_t value; /* a histogram's sum */
    _Atomic unsigned decimals;
    atomic_bool is_hidden;
    _Atomic unsigned sum_scale; /* of `sum`, which is then the value; 0: `value` is */
    pthread_mutex_t sum_lock;
    int128 sum; /* under sum_lock */
    struct histogram *histogram;
};

struct metric_family {
    struct metric_family *_Atomic next;
    struct metric *_Atomic first;
    struct metric *last; /* under the registry's lock */
    enum metric_type type;
    char *name;
    char *help;
};

/* First family, or NULL. */
struct metric_family *metric_family_first(void);

bool metric_labels_are_valid(const char *labels);

#endif
