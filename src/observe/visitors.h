/* visitors.h: how long each connection to the page may take. For server_http.c only.
 *
 * libmicrohttpd ends connections that are silent for long. One that sends a byte now and then is
 * not silent and would stay for ever; thirty-two of them would shut everybody out. So each
 * connection has so much time from its beginning, or from its last answer, to the end of the next
 * one, and little of it when almost all places are taken. While the server itself stood still (the
 * process was frozen, the machine is overloaded) nobody could be answered: that time is nobody's.
 * One thread; time is an argument. */
#ifndef ACCRUED_OBSERVE_VISITORS_H
#define ACCRUED_OBSERVE_VISITORS_H

#include <stddef.h>
#include <stdint.h>

#define VISITOR_COUNT_MAX 32
/* From so many on, time is short. */
#define VISITOR_COUNT_CROWDED 24
#define VISITOR_TIME_MS 10000
#define VISITOR_TIME_CROWDED_MS 1000
/* Between two looks at the visitors; more is standing still. */
#define VISITOR_PAUSE_MS_MAX 300

struct visitor {
    int descriptor;   /* −1: the place is free */
    int64_t since_ms; /* beginning, or last answer */
};

struct visitors {
    struct visitor places[VISITOR_COUNT_MAX];
    size_t count;
    int64_t looked_ms; /* the last time; −1: not yet */
};

void visitors_init(struct visitors *visitors);
/* NULL: there is no place, which the caller's own limit should have prevented. */
struct visitor *visitors_add(struct visitors *visitors, int descriptor, int64_t now_ms);
void visitors_remove(struct visitors *visitors, struct visitor *visitor);
/* Hands out the descriptor of each whose time is over. To be called in each turn of the loop. */
void visitors_expire(struct visitors *visitors, int64_t now_ms, void (*end)(int descriptor));

#endif
