/* Prometheus text exposition format 0.0.4, and the labels in it. */
#include "metric.h"

#include "accrued/require.h"

static const char *type_name(enum metric_type type) {
    switch (type) {
    case METRIC_COUNTER: return "counter";
    case METRIC_GAUGE: return "gauge";
    case METRIC_HISTOGRAM: return "histogram";
    }
    REQUIRE(false && "a metric type without a name");
}

static size_t span_label_name(const char *at) {
    size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return at[0] >= '0' && at[0] <= '9' ? 0 : size;
}

/* `at` stands behind the opening quote; the result is the closing quote, or NULL. */
static const char *label_value_end(const char *at) {
    while (*at != '"') {
        if (*at == '\\') {
            at++;
            if (*at != '\\' && *at != '"' && *at != 'n') {
                return NULL;
            }
        }
        if (*at == '\0' || *at == '\n') {
            return NULL;
        }
        at++;
    }
    return at;
}

bool metric_labels_are_valid(const char *labels) {
    const char *at = labels;
    while (*at != '\0') {
        size_t size = span_label_name(at);
        if (size == 0 || at[size] != '=' || at[size + 1] != '"') {
            return false;
        }
        at = label_value_end(at + size + 2);
        if (at == NULL) {
            return false;
        }
        at++;
        if (*at == ',' && at[1] != '\0') {
            at++;
        } else if (*at != '\0') {
            return false;
        }
    }
    return true;
}

/* Size of the UTF-8 character that begins the text; 0: it is none. */
static size_t character_size(struct text text) {
    for (size_t size = 1; size <= 4 && size <= text.size; size++) {
        if (text_is_utf8((struct text){text.data, size})) {
            return size;
        }
    }
    return 0;
}

void metric_append_label(struct buffer *labels, const char *key, struct text value) {
    REQUIRE(labels != NULL && key != NULL);
    REQUIRE(span_label_name(key) > 0 && key[span_label_name(key)] == '\0');
    if (labels->size > 0) {
        buffer_append_byte(labels, ',');
    }
    buffer_append_string(labels, key);
    buffer_append_string(labels, "=\"");
    for (size_t i = 0; i < value.size;) {
        size_t size = character_size((struct text){value.data + i, value.size - i});
        if (value.data[i] == '\n') {
            buffer_append_string(labels, "\\n");
        } else if (value.data[i] == '\\' || value.data[i] == '"') {
            buffer_append_byte(labels, '\\');
            buffer_append_byte(labels, (uint8_t)value.data[i]);
        } else if (size == 0 || value.data[i] == '\0') {
            buffer_append_string(labels, "\xef\xbf\xbd");
        } else {
            buffer_append(labels, value.data + i, size);
        }
        i += size == 0 ? 1 : size;
    }
    buffer_append_byte(labels, '"');
}

bool metric_label(const char *labels, const char *key, struct buffer *to) {
    REQUIRE(labels != NULL && key != NULL && to != NULL);
    for (const char *at = labels; *at != '\0';) {
        size_t size = span_label_name(at);
        const char *value = at + size + 2;
        const char *end = label_value_end(value);
        REQUIRE(size > 0 && end != NULL);
        if (strlen(key) == size && memcmp(at, key, size) == 0) {
            for (; value < end; value++) {
                bool is_escape = *value == '\\';
                value += is_escape ? 1 : 0;
                buffer_append_byte(to, is_escape && *value == 'n' ? '\n' : (uint8_t)*value);
            }
            return true;
        }
        at = end + (end[1] == ',' ? 2 : 1);
    }
    return false;
}

static void append_help(struct buffer *to, const struct metric_family *family) {
    buffer_append_format(to, "# HELP %s ", family->name);
    for (const char *at = family->help; *at != '\0'; at++) {
        if (*at == '\n') {
            buffer_append_string(to, "\\n");
        } else if (*at == '\\') {
            buffer_append_string(to, "\\\\");
        } else {
            buffer_append_byte(to, (uint8_t)*at);
        }
    }
    buffer_append_format(to, "\n# TYPE %s %s\n", family->name, type_name(family->type));
}

static void append_plain(struct buffer *to, const struct metric *metric) {
    char value[DECIMAL_TEXT_SIZE];
    metric_format(metric, value);
    bool has_labels = metric->labels[0] != '\0';
    buffer_append_format(to, "%s%s%s%s %s\n", metric->family->name, has_labels ? "{" : "",
                         metric->labels, has_labels ? "}" : "", value);
}

static void append_histogram(struct buffer *to, const struct metric *metric) {
    const struct histogram *histogram = metric->histogram;
    const char *name = metric->family->name;
    const char *labels = metric->labels;
    bool has_labels = labels[0] != '\0';
    unsigned decimals = atomic_load_explicit(&metric->decimals, memory_order_relaxed);
    char value[DECIMAL_TEXT_SIZE];
    int64_t count = 0;
    for (size_t i = 0; i <= histogram->bound_count; i++) {
        count += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        if (i < histogram->bound_count) {
            decimal_format(histogram->bounds[i], decimals, value);
        } else {
            memcpy(value, "+Inf", sizeof "+Inf");
        }
        buffer_append_format(to, "%s_bucket{%s%sle=\"%s\"} %lld\n", name, labels,
                             has_labels ? "," : "", value, (long long)count);
    }
    decimal_format(metric_value(metric), decimals, value);
    const char *open = has_labels ? "{" : "";
    const char *close = has_labels ? "}" : "";
    buffer_append_format(to, "%s_sum%s%s%s %s\n", name, open, labels, close, value);
    /* The count is what the last bucket said, also while others observe. */
    buffer_append_format(to, "%s_count%s%s%s %lld\n", name, open, labels, close, (long long)count);
}

void metrics_append_text(struct buffer *to) {
    REQUIRE(to != NULL);
    const struct metric_family *family = metric_family_first();
    while (family != NULL) {
        bool has_help = false;
        const struct metric *metric = atomic_load_explicit(&family->first, memory_order_acquire);
        while (metric != NULL) {
            if (!atomic_load_explicit(&metric->is_hidden, memory_order_relaxed)) {
                if (!has_help) {
                    append_help(to, family);
                    has_help = true;
                }
                if (family->type == METRIC_HISTOGRAM) {
                    append_histogram(to, metric);
                } else {
                    append_plain(to, metric);
                }
            }
            metric = atomic_load_explicit(&metric->next, memory_order_acquire);
        }
        family = atomic_load_explicit(&family->next, memory_order_acquire);
    }
}
