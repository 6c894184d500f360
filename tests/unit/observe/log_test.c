#include "accrued/arena.h"
#include "accrued/clock.h"
#include "accrued/json_tree.h"
#include "accrued/log.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What was written to stderr since capture_begin. */
static FILE *captured;

static void capture_begin(void) {
    captured = tmpfile();
    cr_assert_not_null(captured);
    cr_assert(dup2(fileno(captured), STDERR_FILENO) >= 0);
}

static char *capture_take(void) {
    long size = lseek(fileno(captured), 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    cr_assert(pread(fileno(captured), text, (size_t)size, 0) == size);
    cr_assert(ftruncate(fileno(captured), 0) == 0);
    cr_assert(lseek(fileno(captured), 0, SEEK_SET) == 0);
    return text;
}

static size_t count_lines(const char *text) {
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

/* Until the window that limits repeats is over. */
static void next_window(void) {
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 50000000}, NULL);
}

/* All of it in one window: once more where the machine stood still amid it. */
static void talk_at_once(void (*talk)(void)) {
    int64_t begun_ms = clock_steady_ms();
    for (talk(); clock_steady_ms() - begun_ms > 500; talk()) {
        next_window();
        log_flush();
        free(capture_take());
        begun_ms = clock_steady_ms();
    }
}

/* The line's end behind the time, which changes. */
static void assert_logfmt(const char *wanted) {
    char *text = capture_take();
    cr_assert(strncmp(text, "time=20", 7) == 0, "%s", text);
    cr_assert_eq(strchr(text, ' ') - text, 29, "%s", text);
    cr_assert_str_eq(strchr(text, ' '), wanted);
    free(text);
}

Test(log, logfmt_is_one_line) {
    capture_begin();
    log_configure(LOG_INFO, LOG_LOGFMT);
    log_event(LOG_INFO, "batch_committed", "lane=%d lines=%zu", 3, (size_t)20000);
    assert_logfmt(" level=info event=batch_committed lane=3 lines=20000\n");
    log_event(LOG_WARN, "x", "reason=%s topic=%s partner=%s", log_quote("a \"b\"\nc\\d\x01"),
              log_quote("billing-lines"), log_quote("4821"));
    assert_logfmt(" level=warn event=x reason=\"a \\\"b\\\"\\nc\\\\d\\u0001\" topic=billing-lines "
                  "partner=\"4821\"\n");
    log_event(LOG_ERROR, "nothing", "%s", "");
    assert_logfmt(" level=error event=nothing\n");
    log_event(LOG_INFO, "raw", "a=%s b=2 flag", "one\ntwo");
    assert_logfmt(" level=info event=raw a=one two=true b=2 flag=true\n");
}

Test(log, level_is_a_threshold) {
    capture_begin();
    log_configure(LOG_WARN, LOG_LOGFMT);
    cr_assert(log_enabled(LOG_ERROR));
    cr_assert(!log_enabled(LOG_INFO));
    log_event(LOG_INFO, "quiet", "a=1");
    char *text = capture_take();
    cr_assert_str_empty(text);
    free(text);
}

static const struct json *parse_line(struct arena *arena, const char *text) {
    struct fault fault = {.text = ""};
    const struct json *line = json_parse(arena, text_of(text), &fault);
    cr_assert_not_null(line, "%s: %s", fault.text, text);
    return line;
}

static void assert_member(const struct json *line, const char *name, enum json_type type,
                          const char *wanted) {
    const struct json *member = json_member(line, name);
    cr_assert_not_null(member, "%s", name);
    cr_assert_eq(member->type, type, "%s is %s", name, json_type_name(member->type));
    if (wanted != NULL) {
        cr_assert(text_equal(member->text, text_of(wanted)), "%s: %.*s", name,
                  TEXT_ARGS(member->text));
    }
}

Test(log, json_from_the_same_call) {
    struct arena arena;
    arena_init(&arena);
    capture_begin();
    log_configure(LOG_INFO, LOG_JSON);
    log_event(LOG_INFO, "e",
              "lane=%d rate=0.5 id=%s zero=007 big=12345678901234567 ok=true word=up "
              "reason=%s empty=%s odd=\"a\\qb\"",
              -3, log_quote("4821"), log_quote("tab\there \"q\" \\ \xff é"), log_quote(NULL));
    char *text = capture_take();
    cr_assert_eq(count_lines(text), 1);
    const struct json *line = parse_line(&arena, text);
    assert_member(line, "level", JSON_STRING, "info");
    assert_member(line, "event", JSON_STRING, "e");
    assert_member(line, "time", JSON_STRING, NULL);
    assert_member(line, "lane", JSON_NUMBER, "-3");
    assert_member(line, "rate", JSON_NUMBER, "0.5");
    assert_member(line, "id", JSON_STRING, "4821");
    assert_member(line, "zero", JSON_STRING, "007");
    assert_member(line, "big", JSON_STRING, "12345678901234567");
    assert_member(line, "ok", JSON_TRUE, NULL);
    assert_member(line, "word", JSON_STRING, "up");
    assert_member(line, "reason", JSON_STRING, "tab\there \"q\" \\ \xef\xbf\xbd é");
    assert_member(line, "empty", JSON_STRING, "");
    assert_member(line, "odd", JSON_STRING, "a\\qb");
    free(text);
    arena_release(&arena);
}

Test(log, long_lines_are_cut_and_say_so) {
    struct arena arena;
    arena_init(&arena);
    capture_begin();
    char *value = malloc(LOG_LINE_SIZE_MAX * 2);
    /* Two-byte characters from an odd and from an even place: neither cut may halve one. */
    for (size_t lead = 0; lead < 8; lead++) {
        size_t size = lead;
        memset(value, 'x', lead);
        while (size + 2 < LOG_LINE_SIZE_MAX * 2) {
            memcpy(value + size, "é", 2);
            size += 2;
        }
        value[size] = '\0';
        for (enum log_format format = LOG_LOGFMT; format <= LOG_JSON; format++) {
            log_configure(LOG_INFO, format);
            log_event(LOG_INFO, format == LOG_JSON ? "long_json" : "long", "a=\"%s\" b=2", value);
            char *text = capture_take();
            cr_assert_leq(strlen(text), LOG_LINE_SIZE_MAX);
            cr_assert_geq(strlen(text), LOG_LINE_SIZE_MAX / 2);
            cr_assert_eq(count_lines(text), 1);
            cr_assert_not_null(strstr(text, format == LOG_JSON ? "\"cut\":true" : " cut=true\n"));
            if (format == LOG_JSON) {
                parse_line(&arena, text);
            }
            free(text);
        }
    }
    free(value);
    arena_release(&arena);
}

static void talk_of_three(void) {
    for (int i = 0; i < 25; i++) {
        log_event(LOG_WARN, "again", "i=%d", i);
        log_event(LOG_WARN, i % 2 == 0 ? "other" : "another", "i=%d", i);
    }
}

Test(log, repeats_are_limited_and_told) {
    capture_begin();
    log_configure(LOG_INFO, LOG_LOGFMT);
    talk_at_once(talk_of_three);
    char *text = capture_take();
    cr_assert_eq(count_lines(text), (size_t)LOG_REPEATS_MAX * 3, "%s", text);
    cr_assert_null(strstr(text, "suppressed"));
    free(text);
    next_window();
    log_event(LOG_INFO, "fresh", "a=1");
    text = capture_take();
    cr_assert_eq(count_lines(text), 4, "%s", text);
    cr_assert_not_null(strstr(text, "level=warn event=again suppressed=15\n"));
    cr_assert_not_null(strstr(text, "event=other suppressed=3\n"));
    cr_assert_not_null(strstr(text, "event=another suppressed=2\n"));
    free(text);
    log_flush();
    text = capture_take();
    cr_assert_str_empty(text);
    free(text);
}

static void talk_of_clients(void) {
    for (int i = 0; i < 25; i++) {
        log_event_of(LOG_WARN, "client", "client=a facility=FAIL", "i=%d", i);
    }
    log_event_of(LOG_WARN, "client", "client=b facility=FAIL", "i=%d", 1);
    log_event_of(LOG_WARN, "client", "client=a facility=FENCED", "i=%d", 2);
}

/* As of librdkafka's clients: one that talks silences no other. */
Test(log, repeats_of_one_part_silence_no_other) {
    capture_begin();
    log_configure(LOG_INFO, LOG_LOGFMT);
    talk_at_once(talk_of_clients);
    char *text = capture_take();
    cr_assert_eq(count_lines(text), (size_t)LOG_REPEATS_MAX + 2, "%s", text);
    cr_assert_not_null(strstr(text, "event=client client=b facility=FAIL i=1\n"));
    cr_assert_not_null(strstr(text, "event=client client=a facility=FENCED i=2\n"));
    free(text);
    log_flush();
    text = capture_take();
    cr_assert_eq(count_lines(text), 1, "%s", text);
    cr_assert_not_null(strstr(text, "event=client client=a facility=FAIL suppressed=15\n"));
    free(text);
}

static void talk_of_one_with_a_long_name(void) {
    char part[LOG_PART_SIZE_MAX * 2]; /* longer than is kept */
    memset(part, 'x', sizeof part - 1);
    part[sizeof part - 1] = '\0';
    for (int i = 0; i < 25; i++) {
        log_event_of(LOG_INFO, "client", part, "i=%d", i);
    }
}

/* Clients come and go, with new names: the limit holds for those of later. */
Test(log, parts_that_are_over_make_room) {
    capture_begin();
    log_configure(LOG_INFO, LOG_LOGFMT);
    char part[LOG_PART_SIZE_MAX * 2];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(part, sizeof part, "client=%d", i);
        log_event_of(LOG_INFO, "client", part, "a=1");
    }
    free(capture_take());
    next_window();
    talk_at_once(talk_of_one_with_a_long_name);
    char *text = capture_take();
    cr_assert_eq(count_lines(text), LOG_REPEATS_MAX, "%s", text);
    free(text);
}

static void *write_many(void *context) {
    const char *event = context;
    for (int i = 0; i < 2000; i++) {
        log_event(LOG_INFO, event, "i=%d text=%s", i, log_quote("some words here"));
    }
    return NULL;
}

Test(log, threads_do_not_mix_lines_and_none_is_lost) {
    struct arena arena;
    arena_init(&arena);
    capture_begin();
    log_configure(LOG_INFO, LOG_JSON);
    char *events[] = {"thread_a", "thread_b", "thread_a", "thread_b"};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        cr_assert(pthread_create(&threads[i], NULL, write_many, events[i]) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    log_flush();
    char *text = capture_take();
    int64_t told = 0;
    char *rest = text;
    for (char *line = strtok_r(rest, "\n", &rest); line != NULL;
         line = strtok_r(rest, "\n", &rest)) {
        const struct json *tree = parse_line(&arena, line);
        const struct json *suppressed = json_member(tree, "suppressed");
        int64_t value = 1;
        cr_assert(suppressed == NULL || text_to_int64(suppressed->text, &value));
        told += value;
        arena_clear(&arena);
    }
    cr_assert_eq(told, 4 * 2000);
    free(text);
    arena_release(&arena);
}
