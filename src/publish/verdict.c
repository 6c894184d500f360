#include "accrued/verdict.h"

#include "accrued/require.h"

const char *verdict_name(enum verdict verdict) {
    switch (verdict) {
    case VERDICT_COMMITTED: return "committed";
    case VERDICT_AGAIN: return "again";
    case VERDICT_ABORT: return "abort";
    case VERDICT_WAIT: return "wait";
    case VERDICT_REBUILD: return "rebuild";
    case VERDICT_STOP: return "stop";
    }
    REQUIRE(false && "a verdict without a name");
}

enum verdict verdict_of(struct kafka_error_facts facts) {
    /* Fenced counts before the flags: 2.0.2 calls PRODUCER_FENCED abortable, but a producer that
     * was replaced must never try again under the same epoch. It is not proof of another instance
     * either: a coordinator that timed a transaction out does the same (P25). */
    if (facts.class == KAFKA_ERROR_FENCED || facts.is_fatal) {
        return VERDICT_REBUILD;
    }
    if (facts.class == KAFKA_ERROR_UNAUTHORISED || facts.class == KAFKA_ERROR_TOO_LARGE) {
        return VERDICT_STOP;
    }
    if (facts.requires_abort) {
        return VERDICT_ABORT;
    }
    /* No flag at all means fatal or unknown: never guess that it went well. */
    return facts.is_retriable ? VERDICT_AGAIN : VERDICT_REBUILD;
}
