/* A line's key: made once for all that is done with the line, or on the spot. */
#include "ledger_state.h"

struct ledger_key ledger_key_of(struct text customer_id, struct text line_id,
                                struct buffer *scratch, struct arena *arena) {
    buffer_clear(scratch);
    entry_append_key(scratch, customer_id, line_id);
    struct text bytes = arena_copy(arena, buffer_text(scratch));
    return (struct ledger_key){bytes, entry_key_hash(bytes)};
}

void ledger_expect_key(const struct ledger *ledger, struct ledger_key key) {
    overlay_expect(&ledger->overlay, key.hash);
    index_expect(&ledger->index, key.hash);
}

bool ledger_find(struct ledger *ledger, struct text customer_id, struct text line_id,
                 struct line_state *ret_state) {
    buffer_clear(&ledger->key);
    entry_append_key(&ledger->key, customer_id, line_id);
    struct text bytes = buffer_text(&ledger->key);
    return ledger_find_key(ledger, (struct ledger_key){bytes, entry_key_hash(bytes)}, ret_state);
}

void ledger_put(struct ledger *ledger, const struct line_state *state) {
    buffer_clear(&ledger->key);
    entry_append_key(&ledger->key, state->line.customer_id, state->line.line_id);
    struct text bytes = buffer_text(&ledger->key);
    ledger_put_key(ledger, (struct ledger_key){bytes, entry_key_hash(bytes)}, state);
}
