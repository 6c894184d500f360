#include "accrued/inquiries.h"

#include "accrued/clock.h"
#include "accrued/require.h"

#include <time.h>

static const char nobody[] =
    "<section><h2>Nobody here has the line</h2><p class=\"none\">The customer's partition belongs "
    "to another process of the group. Ask that one, or use <code>accrued explain</code>, which "
    "asks "
    "the topics.</p></section>\n";

void inquiries_init(struct inquiries *inquiries, size_t lane_count) {
    REQUIRE(lane_count > 0 && lane_count <= INQUIRY_LANE_COUNT_MAX);
    *inquiries = (struct inquiries){.lane_count = lane_count};
    pthread_condattr_t attributes;
    REQUIRE(pthread_condattr_init(&attributes) == 0);
    REQUIRE(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    REQUIRE(pthread_cond_init(&inquiries->changed, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    REQUIRE(pthread_mutex_init(&inquiries->lock, NULL) == 0);
    buffer_init(&inquiries->answer);
}

void inquiries_release(struct inquiries *inquiries) {
    buffer_release(&inquiries->answer);
    (void)pthread_cond_destroy(&inquiries->changed);
    (void)pthread_mutex_destroy(&inquiries->lock);
}

static bool is_same(const struct inquiries *inquiries, struct text customer_id,
                    struct text line_id) {
    return inquiries->state != INQUIRY_NONE &&
           text_equal((struct text){inquiries->customer_id, inquiries->customer_size},
                      customer_id) &&
           text_equal((struct text){inquiries->line_id, inquiries->line_size}, line_id);
}

static void put(struct inquiries *inquiries, struct text customer_id, struct text line_id) {
    memcpy(inquiries->customer_id, customer_id.data, customer_id.size);
    memcpy(inquiries->line_id, line_id.data, line_id.size);
    inquiries->customer_size = customer_id.size;
    inquiries->line_size = line_id.size;
    inquiries->number++;
    memset(inquiries->has_declined, 0, sizeof inquiries->has_declined);
    inquiries->put_at_ms = clock_steady_ms();
    inquiries->state = INQUIRY_PUT;
    atomic_store(&inquiries->open, inquiries->number);
}

static bool is_too_old(const struct inquiries *inquiries) {
    return inquiries->state == INQUIRY_PUT &&
           clock_steady_ms() - inquiries->put_at_ms >= INQUIRY_MS_MAX;
}

/* May another question take the place? One that a lane is at must be let end. */
static bool gives_way(const struct inquiries *inquiries) {
    return inquiries->state == INQUIRY_NONE || inquiries->state == INQUIRY_ANSWERED ||
           is_too_old(inquiries);
}

static void await(struct inquiries *inquiries, int64_t patience_ms) {
    struct timespec end;
    REQUIRE(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    end.tv_sec += patience_ms / 1000;
    end.tv_nsec += patience_ms % 1000 * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    int error = 0;
    while (inquiries->state != INQUIRY_ANSWERED && error == 0) {
        error = pthread_cond_timedwait(&inquiries->changed, &inquiries->lock, &end);
    }
}

enum inquiry_result inquiries_ask(struct inquiries *inquiries, struct text customer_id,
                                  struct text line_id, int64_t patience_ms, struct buffer *to) {
    REQUIRE(customer_id.size > 0 && customer_id.size <= INQUIRY_ID_SIZE_MAX);
    REQUIRE(line_id.size > 0 && line_id.size <= INQUIRY_ID_SIZE_MAX);
    enum inquiry_result result = INQUIRY_BUSY;
    pthread_mutex_lock(&inquiries->lock);
    bool is_ours = is_same(inquiries, customer_id, line_id);
    if (!is_ours && gives_way(inquiries)) {
        put(inquiries, customer_id, line_id);
        await(inquiries, patience_ms);
        is_ours = true;
    }
    if (is_ours) {
        result = INQUIRY_LATER;
    }
    if (is_ours && is_too_old(inquiries)) {
        inquiries->state = INQUIRY_NONE;
        atomic_store(&inquiries->open, 0);
        result = INQUIRY_GIVEN_UP;
    }
    if (is_ours && inquiries->state == INQUIRY_ANSWERED) {
        buffer_append_text(to, buffer_text(&inquiries->answer));
        inquiries->state = INQUIRY_NONE;
        result = INQUIRY_DONE;
    }
    pthread_mutex_unlock(&inquiries->lock);
    return result;
}

static bool is_open(const struct inquiries *inquiries, uint64_t number) {
    return inquiries->state == INQUIRY_PUT && inquiries->number == number;
}

bool inquiries_look(struct inquiries *inquiries, struct inquiry *ret_inquiry) {
    pthread_mutex_lock(&inquiries->lock);
    bool is_there = inquiries->state == INQUIRY_PUT;
    if (is_there) {
        ret_inquiry->number = inquiries->number;
        ret_inquiry->customer_size = inquiries->customer_size;
        ret_inquiry->line_size = inquiries->line_size;
        memcpy(ret_inquiry->customer_id, inquiries->customer_id, inquiries->customer_size);
        memcpy(ret_inquiry->line_id, inquiries->line_id, inquiries->line_size);
    }
    pthread_mutex_unlock(&inquiries->lock);
    return is_there;
}

static void settle(struct inquiries *inquiries, struct text html) {
    buffer_clear(&inquiries->answer);
    buffer_append_text(&inquiries->answer, html);
    inquiries->state = INQUIRY_ANSWERED;
    atomic_store(&inquiries->open, 0);
    pthread_cond_signal(&inquiries->changed);
}

static bool have_all_declined(const struct inquiries *inquiries) {
    for (size_t i = 0; i < inquiries->lane_count; i++) {
        if (!inquiries->has_declined[i]) {
            return false;
        }
    }
    return true;
}

void inquiries_decline(struct inquiries *inquiries, uint64_t number, size_t lane) {
    REQUIRE(lane < inquiries->lane_count);
    pthread_mutex_lock(&inquiries->lock);
    if (is_open(inquiries, number)) {
        inquiries->has_declined[lane] = true;
        if (have_all_declined(inquiries)) {
            settle(inquiries, text_of(nobody));
        }
    }
    pthread_mutex_unlock(&inquiries->lock);
}

bool inquiries_take(struct inquiries *inquiries, uint64_t number) {
    pthread_mutex_lock(&inquiries->lock);
    bool is_ours = is_open(inquiries, number);
    if (is_ours) {
        inquiries->state = INQUIRY_TAKEN;
        atomic_store(&inquiries->open, 0);
    }
    pthread_mutex_unlock(&inquiries->lock);
    return is_ours;
}

void inquiries_answer(struct inquiries *inquiries, uint64_t number, struct text html) {
    pthread_mutex_lock(&inquiries->lock);
    REQUIRE(inquiries->state == INQUIRY_TAKEN && inquiries->number == number);
    settle(inquiries, html);
    pthread_mutex_unlock(&inquiries->lock);
}
