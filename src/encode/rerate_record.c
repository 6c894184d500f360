#include "accrued/rerate_record.h"

#include "accrued/require.h"
#include "datum.h"

bool rerate_request_check(const struct rerate_request *request, struct fault *fault) {
    if (request->request_id.size == 0 || request->request_id.size > RERATE_REQUEST_ID_SIZE_MAX) {
        return fault_set(fault, "request_id: 1 to %d bytes", RERATE_REQUEST_ID_SIZE_MAX);
    }
    if (request->scope != RERATE_ALL &&
        (request->id.size == 0 || request->id.size > LINE_TEXT_SIZE_MAX)) {
        return fault_set(fault, "id: 1 to %d bytes with scope %s", LINE_TEXT_SIZE_MAX,
                         rerate_scope_name(request->scope));
    }
    if (request->scope == RERATE_ALL && !text_is_null(request->id)) {
        return fault_set(fault, "id: none with scope all");
    }
    if (!text_is_utf8(request->request_id) || !text_is_utf8(request->id) ||
        !text_is_utf8(request->reason)) {
        return fault_set(fault, "a text is not UTF-8");
    }
    if (request->charge_start.from >= request->charge_start.to) {
        return fault_set(fault, "from: not before to; nothing can be meant");
    }
    return true;
}

static uint8_t *put_optional_day(uint8_t *at, int32_t day, int32_t open) {
    at = put_branch(at, day != open);
    return day != open ? put_number(at, day) : at;
}

/* In the order of schemas/rerate-request.avsc; its enum has the order of enum rerate_scope. */
void rerate_append_avro(struct buffer *to, const struct rerate_request *request,
                        int64_t requested_at_ms) {
    REQUIRE(!text_is_null(request->request_id));
    uint8_t *at =
        buffer_reserve(to, 4 * NUMBER_SIZE_MAX + string_size_max(request->request_id) +
                               string_size_max(request->id) + string_size_max(request->reason));
    at = put_string(at, request->request_id);
    at = put_number(at, (int64_t)request->scope);
    at = put_optional_string(at, request->id);
    at = put_optional_day(at, request->charge_start.from, DAY_MIN);
    at = put_optional_day(at, request->charge_start.to, DAY_MAX);
    at = put_optional_string(at, request->reason);
    at = put_number(at, requested_at_ms);
    buffer_written(to, at);
}

static struct text read_string(struct cursor *from) {
    int64_t size = cursor_zigzag(from);
    if (size < 0 || (uint64_t)size > cursor_left(from)) {
        from->bad = true;
        return text_null();
    }
    return cursor_take(from, (size_t)size);
}

static bool read_branch(struct cursor *from) {
    int64_t branch = cursor_zigzag(from);
    from->bad = from->bad || (branch != BRANCH_NULL && branch != BRANCH_VALUE);
    return branch == BRANCH_VALUE;
}

/* An empty optional text is null (accrual-model.md §2). */
static struct text read_optional_string(struct cursor *from) {
    struct text text = read_branch(from) ? read_string(from) : text_null();
    return text.size == 0 ? text_null() : text;
}

static int32_t read_optional_day(struct cursor *from, int32_t open) {
    int64_t day = read_branch(from) ? cursor_zigzag(from) : open;
    from->bad = from->bad || day < INT32_MIN || day > INT32_MAX;
    return from->bad ? open : (int32_t)day;
}

bool rerate_read_avro(struct text datum, struct arena *arena, struct rerate_request *ret_request,
                      struct fault *fault) {
    struct cursor from = cursor_of(datum.data, datum.size);
    struct rerate_request request = *ret_request;
    request.request_id = read_string(&from);
    int64_t scope = cursor_zigzag(&from);
    request.id = read_optional_string(&from);
    request.charge_start.from = read_optional_day(&from, DAY_MIN);
    request.charge_start.to = read_optional_day(&from, DAY_MAX);
    request.reason = read_optional_string(&from);
    (void)cursor_zigzag(&from); /* requested_at: for people */
    if (from.bad || cursor_left(&from) > 0) {
        return fault_set(fault, "not a RerateRequest of rerate-request.avsc");
    }
    if (scope < 0 || scope >= RERATE_SCOPE_COUNT) {
        return fault_set(fault, "scope: no symbol %lld", (long long)scope);
    }
    request.scope = (enum rerate_scope)scope;
    if (request.scope == RERATE_CUSTOMER) {
        request.id = arena_fold(arena, request.id);
    }
    if (!rerate_request_check(&request, fault)) {
        return false;
    }
    *ret_request = request;
    return true;
}
