/* The registry and the values. Text is metrics_text.c's. */
#include "metric.h"

#include "accrued/require.h"

#include <stdlib.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric_family *_Atomic family_first;
static struct metric_family *family_last; /* under registry_lock */

struct metric_family *metric_family_first(void) {
    return atomic_load_explicit(&family_first, memory_order_acquire);
}

static void *take_zeroed(size_t size) {
    void *memory = calloc(1, size);
    REQUIRE(memory != NULL);
    return memory;
}

static char *copy_string(const char *string) {
    char *copy = strdup(string);
    REQUIRE(copy != NULL);
    return copy;
}

static bool name_is_valid(const char *name) {
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
    return size > 0 && name[size] == '\0' && !(name[0] >= '0' && name[0] <= '9');
}

static struct metric_family *family_find(const char *name) {
    struct metric_family *family = metric_family_first();
    while (family != NULL && strcmp(family->name, name) != 0) {
        family = atomic_load_explicit(&family->next, memory_order_acquire);
    }
    return family;
}

/* Under registry_lock. */
static struct metric_family *family_add(const char *name, enum metric_type type, const char *help) {
    REQUIRE(name_is_valid(name));
    struct metric_family *family = take_zeroed(sizeof *family);
    family->name = copy_string(name);
    family->help = copy_string(help);
    family->type = type;
    if (family_last == NULL) {
        atomic_store_explicit(&family_first, family, memory_order_release);
    } else {
        atomic_store_explicit(&family_last->next, family, memory_order_release);
    }
    family_last = family;
    return family;
}

static struct metric *series_find(const struct metric_family *family, const char *labels) {
    struct metric *metric = atomic_load_explicit(&family->first, memory_order_acquire);
    while (metric != NULL && strcmp(metric->labels, labels) != 0) {
        metric = atomic_load_explicit(&metric->next, memory_order_acquire);
    }
    return metric;
}

/* Under registry_lock. */
static struct metric *series_add(struct metric_family *family, const char *labels,
                                 struct histogram *histogram, unsigned decimals) {
    REQUIRE(metric_labels_are_valid(labels));
    REQUIRE((histogram != NULL) == (family->type == METRIC_HISTOGRAM));
    struct metric *metric = take_zeroed(sizeof *metric);
    metric->family = family;
    metric->labels = copy_string(labels);
    metric->histogram = histogram;
    atomic_init(&metric->decimals, decimals);
    REQUIRE(pthread_mutex_init(&metric->sum_lock, NULL) == 0);
    if (family->last == NULL) {
        atomic_store_explicit(&family->first, metric, memory_order_release);
    } else {
        atomic_store_explicit(&family->last->next, metric, memory_order_release);
    }
    family->last = metric;
    return metric;
}

struct metric *metric_get(const char *name, enum metric_type type, const char *help,
                          const char *labels) {
    REQUIRE(name != NULL && help != NULL && labels != NULL);
    REQUIRE(type != METRIC_HISTOGRAM);
    pthread_mutex_lock(&registry_lock);
    struct metric_family *family = family_find(name);
    if (family == NULL) {
        family = family_add(name, type, help);
    }
    REQUIRE(family->type == type);
    struct metric *metric = series_find(family, labels);
    if (metric == NULL) {
        metric = series_add(family, labels, NULL, 0);
    }
    pthread_mutex_unlock(&registry_lock);
    return metric;
}

void metric_add(struct metric *metric, int64_t value) {
    REQUIRE(metric != NULL && metric->family->type != METRIC_HISTOGRAM);
    REQUIRE(value >= 0 || metric->family->type == METRIC_GAUGE);
    atomic_fetch_add_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value) {
    REQUIRE(metric != NULL && metric->family->type == METRIC_GAUGE);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
    atomic_store_explicit(&metric->is_hidden, false, memory_order_relaxed);
}

void metric_set_decimals(struct metric *metric, unsigned decimals) {
    REQUIRE(metric != NULL && decimals <= 18);
    atomic_store_explicit(&metric->decimals, decimals, memory_order_relaxed);
}

static void add_units(struct metric *metric, int128 units, unsigned scale) {
    REQUIRE(metric != NULL && metric->family->type == METRIC_GAUGE);
    pthread_mutex_lock(&metric->sum_lock);
    int128 sum;
    bool overflow = __builtin_add_overflow(metric->sum, units, &sum);
    REQUIRE(!overflow);
    metric->sum = sum;
    pthread_mutex_unlock(&metric->sum_lock);
    unsigned before = atomic_exchange_explicit(&metric->sum_scale, scale, memory_order_relaxed);
    REQUIRE(before == 0 || before == scale);
}

void metric_add_amount(struct metric *metric, struct amount amount) {
    add_units(metric, amount.units, AMOUNT_SCALE);
}

void metric_add_measure(struct metric *metric, struct measure measure) {
    add_units(metric, measure.units, MEASURE_SCALE);
}

void metric_hide(struct metric *metric) {
    REQUIRE(metric != NULL && metric->family->type == METRIC_GAUGE);
    atomic_store_explicit(&metric->is_hidden, true, memory_order_relaxed);
}

int64_t metric_value(const struct metric *metric) {
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

static int128 sum_of(const struct metric *metric) {
    /* The lock is the only part that a reader changes. */
    pthread_mutex_t *lock = (pthread_mutex_t *)&metric->sum_lock;
    pthread_mutex_lock(lock);
    int128 sum = metric->sum;
    pthread_mutex_unlock(lock);
    return sum;
}

struct amount metric_amount(const struct metric *metric) {
    unsigned scale = atomic_load_explicit(&metric->sum_scale, memory_order_relaxed);
    struct amount amount = {sum_of(metric)};
    /* What is too large for a decimal(28) is left as it is: nothing real is. */
    (void)decimal_rescale(amount.units, scale == 0 ? AMOUNT_SCALE : scale, AMOUNT_SCALE,
                          &amount.units);
    return amount;
}

size_t metric_format(const struct metric *metric, char to[DECIMAL_TEXT_SIZE]) {
    unsigned scale = atomic_load_explicit(&metric->sum_scale, memory_order_relaxed);
    if (scale > 0) {
        return decimal_format(sum_of(metric), scale, to);
    }
    unsigned decimals = atomic_load_explicit(&metric->decimals, memory_order_relaxed);
    return decimal_format(metric_value(metric), decimals, to);
}

static struct histogram *histogram_new(const int64_t *bounds, size_t bound_count) {
    REQUIRE(bound_count > 0 && bound_count <= METRIC_BOUND_COUNT_MAX);
    struct histogram *histogram = take_zeroed(sizeof *histogram);
    histogram->bound_count = bound_count;
    for (size_t i = 0; i < bound_count; i++) {
        REQUIRE(i == 0 || bounds[i - 1] < bounds[i]);
        histogram->bounds[i] = bounds[i];
    }
    return histogram;
}

struct metric *metric_histogram_get(const char *name, const char *help, const char *labels,
                                    const int64_t *bounds, size_t bound_count, unsigned decimals) {
    REQUIRE(name != NULL && help != NULL && labels != NULL && bounds != NULL);
    pthread_mutex_lock(&registry_lock);
    struct metric_family *family = family_find(name);
    if (family == NULL) {
        family = family_add(name, METRIC_HISTOGRAM, help);
    }
    REQUIRE(family->type == METRIC_HISTOGRAM);
    struct metric *metric = series_find(family, labels);
    if (metric == NULL) {
        metric = series_add(family, labels, histogram_new(bounds, bound_count), decimals);
    }
    REQUIRE(metric->histogram->bound_count == bound_count);
    pthread_mutex_unlock(&registry_lock);
    return metric;
}

void metric_observe(struct metric *metric, int64_t value) {
    REQUIRE(metric != NULL && metric->histogram != NULL);
    struct histogram *histogram = metric->histogram;
    size_t i = 0;
    while (i < histogram->bound_count && value > histogram->bounds[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&histogram->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t metric_histogram_count(const struct metric *metric) {
    REQUIRE(metric != NULL && metric->histogram != NULL);
    int64_t count = 0;
    for (size_t i = 0; i <= metric->histogram->bound_count; i++) {
        count += atomic_load_explicit(&metric->histogram->counts[i], memory_order_relaxed);
    }
    return count;
}

int64_t metric_histogram_sum(const struct metric *metric) {
    REQUIRE(metric != NULL && metric->histogram != NULL);
    return metric_value(metric);
}

int64_t metric_histogram_bound(const struct metric *metric, unsigned percent) {
    REQUIRE(metric != NULL && metric->histogram != NULL && percent <= 100);
    int64_t total = metric_histogram_count(metric);
    int64_t count = 0;
    for (size_t i = 0; i < metric->histogram->bound_count && total > 0; i++) {
        count += atomic_load_explicit(&metric->histogram->counts[i], memory_order_relaxed);
        if (count * 100 >= total * (int64_t)percent) {
            return metric->histogram->bounds[i];
        }
    }
    return -1;
}

unsigned metric_decimals(const struct metric *metric) {
    return atomic_load_explicit(&metric->decimals, memory_order_relaxed);
}

void metrics_each(const char *name,
                  void (*visit)(void *context, const char *labels, const struct metric *metric),
                  void *context) {
    REQUIRE(name != NULL && visit != NULL);
    const struct metric_family *family = family_find(name);
    if (family == NULL) {
        return;
    }
    const struct metric *metric = atomic_load_explicit(&family->first, memory_order_acquire);
    while (metric != NULL) {
        if (!atomic_load_explicit(&metric->is_hidden, memory_order_relaxed)) {
            visit(context, metric->labels, metric);
        }
        metric = atomic_load_explicit(&metric->next, memory_order_acquire);
    }
}
