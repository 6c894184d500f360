#include "visitors.h"

#include "accrued/require.h"

void visitors_init(struct visitors *visitors) {
    visitors->count = 0;
    visitors->looked_ms = -1;
    for (size_t i = 0; i < VISITOR_COUNT_MAX; i++) {
        visitors->places[i].descriptor = -1;
    }
}

struct visitor *visitors_add(struct visitors *visitors, int descriptor, int64_t now_ms) {
    REQUIRE(descriptor >= 0);
    for (size_t i = 0; i < VISITOR_COUNT_MAX; i++) {
        struct visitor *visitor = &visitors->places[i];
        if (visitor->descriptor < 0) {
            *visitor = (struct visitor){descriptor, now_ms};
            visitors->count++;
            return visitor;
        }
    }
    return NULL;
}

void visitors_remove(struct visitors *visitors, struct visitor *visitor) {
    REQUIRE(visitor->descriptor >= 0 && visitors->count > 0);
    visitor->descriptor = -1;
    visitors->count--;
}

static void forgive(struct visitors *visitors, int64_t pause_ms, int64_t now_ms) {
    for (size_t i = 0; i < VISITOR_COUNT_MAX; i++) {
        struct visitor *visitor = &visitors->places[i];
        int64_t since_ms = visitor->since_ms + pause_ms;
        visitor->since_ms = since_ms < now_ms ? since_ms : now_ms;
    }
}

void visitors_expire(struct visitors *visitors, int64_t now_ms, void (*end)(int descriptor)) {
    int64_t pause_ms = visitors->looked_ms < 0 ? 0 : now_ms - visitors->looked_ms;
    visitors->looked_ms = now_ms;
    if (pause_ms > VISITOR_PAUSE_MS_MAX) {
        forgive(visitors, pause_ms, now_ms);
    }
    int64_t time_ms =
        visitors->count >= VISITOR_COUNT_CROWDED ? VISITOR_TIME_CROWDED_MS : VISITOR_TIME_MS;
    for (size_t i = 0; i < VISITOR_COUNT_MAX; i++) {
        const struct visitor *visitor = &visitors->places[i];
        if (visitor->descriptor >= 0 && now_ms - visitor->since_ms >= time_ms) {
            end(visitor->descriptor);
        }
    }
}
