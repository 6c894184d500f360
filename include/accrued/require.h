/* require.h: assertions that stay on in release builds. Room: base. Pure.
 *
 * A broken invariant is a bug, and a bug that touches money must stop the
 * process before the next transaction commits (architecture.md, failures, road
 * 1). REQUIRE therefore logs to stderr and aborts; the open Kafka transaction
 * is then aborted by the coordinator. */
#ifndef ACCRUED_REQUIRE_H
#define ACCRUED_REQUIRE_H

_Noreturn void require_failed(const char *condition, const char *file, int line,
                              const char *function);

#define REQUIRE(condition)                                                                         \
    ((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__, __func__))

#endif
