/* Level, repeats, and the write. The line itself is log_line.c's. */
#include "accrued/log.h"

#include "accrued/clock.h"
#include "accrued/require.h"
#include "log_line.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define QUOTE_COUNT 9
#define QUOTE_SIZE 1024
/* Event names are literals of this program: far fewer. Their parts come and go: the one that was
 * quiet for longest makes room. If all of these are talking, what is new is not limited. */
#define REPEATS_COUNT_MAX 256
#define WINDOW_MS 1000

static _Atomic int log_level_now = LOG_INFO;
static _Atomic int log_format_now = LOG_LOGFMT;

/* Repeats of one event name and part in the current window. */
struct repeats {
    const char *event;
    char part[LOG_PART_SIZE_MAX]; /* "": none */
    enum log_level level;
    int64_t window_start_ms;
    int64_t count;
    int64_t suppressed;
};

static pthread_mutex_t repeats_lock = PTHREAD_MUTEX_INITIALIZER;
static struct repeats repeats[REPEATS_COUNT_MAX]; /* under repeats_lock, as is the count */
static size_t repeats_count;

void log_configure(enum log_level level, enum log_format format) {
    REQUIRE(level <= LOG_DEBUG && format <= LOG_JSON);
    atomic_store(&log_level_now, (int)level);
    atomic_store(&log_format_now, (int)format);
}

bool log_enabled(enum log_level level) {
    return (int)level <= atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

/* A log that cannot be written is no reason to stop paying: errors end the attempt. */
static void write_whole(const char *data, size_t size) {
    size_t written = 0;
    while (written < size) {
        ssize_t now = write(STDERR_FILENO, data + written, size - written);
        if (now < 0 && errno == EINTR) {
            continue;
        }
        if (now <= 0) {
            return;
        }
        written += (size_t)now;
    }
}

static void write_event(enum log_level level, const char *event, const char *fields) {
    int error = errno;
    struct log_line line;
    log_line_begin(&line, (enum log_format)atomic_load(&log_format_now), clock_wall_ms(), level,
                   event);
    log_line_fields(&line, fields);
    log_line_finish(&line);
    write_whole(line.data, line.size);
    errno = error;
}

static void tell_suppressed(struct repeats *entry) {
    char fields[LOG_PART_SIZE_MAX + 48];
    (void)snprintf(fields, sizeof fields, "%s%ssuppressed=%lld", entry->part,
                   entry->part[0] == '\0' ? "" : " ", (long long)entry->suppressed);
    entry->suppressed = 0;
    write_event(entry->level, entry->event, fields);
}

/* Under repeats_lock: tells about windows that are over, all of them if `now_ms` is INT64_MAX. */
static void repeats_expire(int64_t now_ms) {
    for (size_t i = 0; i < repeats_count; i++) {
        struct repeats *entry = &repeats[i];
        if (entry->suppressed > 0 && now_ms - entry->window_start_ms >= WINDOW_MS) {
            tell_suppressed(entry);
        }
    }
}

/* Under repeats_lock. NULL: none of them is over. */
static struct repeats *repeats_oldest(int64_t now_ms) {
    struct repeats *oldest = NULL;
    for (size_t i = 0; i < repeats_count; i++) {
        bool is_over = now_ms - repeats[i].window_start_ms >= WINDOW_MS;
        if (is_over && (oldest == NULL || repeats[i].window_start_ms < oldest->window_start_ms)) {
            oldest = &repeats[i];
        }
    }
    return oldest;
}

/* Under repeats_lock, after repeats_expire. NULL: the table is full of those that are talking. */
static struct repeats *repeats_find(const char *event, const char *part, int64_t now_ms) {
    for (size_t i = 0; i < repeats_count; i++) {
        if ((repeats[i].event == event || strcmp(repeats[i].event, event) == 0) &&
            strncmp(repeats[i].part, part, LOG_PART_SIZE_MAX - 1) == 0) {
            return &repeats[i];
        }
    }
    struct repeats *entry =
        repeats_count < REPEATS_COUNT_MAX ? &repeats[repeats_count++] : repeats_oldest(now_ms);
    if (entry != NULL) {
        *entry = (struct repeats){.event = event, .window_start_ms = INT64_MIN / 2};
        (void)snprintf(entry->part, sizeof entry->part, "%s", part);
    }
    return entry;
}

/* May this event be written now? */
static bool repeats_admit(const char *event, const char *part, enum log_level level) {
    int64_t now_ms = clock_steady_ms();
    pthread_mutex_lock(&repeats_lock);
    repeats_expire(now_ms);
    struct repeats *entry = repeats_find(event, part, now_ms);
    bool admitted = true;
    if (entry != NULL) {
        if (now_ms - entry->window_start_ms >= WINDOW_MS) {
            entry->window_start_ms = now_ms;
            entry->count = 0;
        }
        entry->level = level;
        entry->count++;
        admitted = entry->count <= LOG_REPEATS_MAX;
        entry->suppressed += admitted ? 0 : 1;
    }
    pthread_mutex_unlock(&repeats_lock);
    return admitted;
}

__attribute__((format(printf, 4, 0))) static void tell(enum log_level level, const char *event,
                                                       const char *part, const char *fields,
                                                       va_list arguments) {
    REQUIRE(event != NULL && part != NULL && fields != NULL);
    if (!log_enabled(level) || !repeats_admit(event, part, level)) {
        return;
    }
    char text[LOG_LINE_SIZE_MAX];
    int used = snprintf(text, LOG_PART_SIZE_MAX + 1, "%.*s%s", LOG_PART_SIZE_MAX - 1, part,
                        part[0] == '\0' ? "" : " ");
    REQUIRE(used >= 0 && used <= LOG_PART_SIZE_MAX);
    (void)vsnprintf(text + used, sizeof text - (size_t)used, fields, arguments);
    write_event(level, event, text);
}

void log_event(enum log_level level, const char *event, const char *fields, ...) {
    va_list arguments;
    va_start(arguments, fields);
    tell(level, event, "", fields, arguments);
    va_end(arguments);
}

void log_event_of(enum log_level level, const char *event, const char *part, const char *fields,
                  ...) {
    va_list arguments;
    va_start(arguments, fields);
    tell(level, event, part, fields, arguments);
    va_end(arguments);
}

void log_flush(void) {
    pthread_mutex_lock(&repeats_lock);
    repeats_expire(INT64_MAX);
    pthread_mutex_unlock(&repeats_lock);
}

/* Begins with a letter or slash and has nothing that needs a quote. A number that is an id must
 * stay text for those who read JSON, so it is quoted. */
static bool is_plain_word(const char *value) {
    const char *others = "0123456789-_./:@+,%";
    bool begins_well = (value[0] >= 'a' && value[0] <= 'z') ||
                       (value[0] >= 'A' && value[0] <= 'Z') || value[0] == '/';
    if (!begins_well || strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ||
        strcmp(value, "null") == 0) {
        return false;
    }
    for (const char *at = value; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!is_letter && strchr(others, *at) == NULL) {
            return false;
        }
    }
    return strlen(value) < QUOTE_SIZE;
}

const char *log_quote(const char *value) {
    static _Thread_local char ring[QUOTE_COUNT][QUOTE_SIZE];
    static _Thread_local unsigned next;
    char *to = ring[next];
    next = (next + 1) % QUOTE_COUNT;
    const char *from = value == NULL ? "" : value;
    if (is_plain_word(from)) {
        memcpy(to, from, strlen(from) + 1);
        return to;
    }
    size_t size = 0;
    to[size++] = '"';
    /* Room for the longest escape, the closing quote and the NUL. */
    for (; *from != '\0' && size + 6 + 2 <= QUOTE_SIZE; from++) {
        unsigned char byte = (unsigned char)*from;
        if (byte == '"' || byte == '\\') {
            to[size++] = '\\';
            to[size++] = *from;
        } else if (byte == '\n') {
            to[size++] = '\\';
            to[size++] = 'n';
        } else if (byte < ' ' || byte == 0x7f) {
            size += (size_t)snprintf(to + size, QUOTE_SIZE - size, "\\u%04x", byte);
        } else {
            to[size++] = *from;
        }
    }
    to[size++] = '"';
    to[size] = '\0';
    return to;
}
