/* The overlay becomes blocks. */
#include "ledger_state.h"

#include "accrued/require.h"

#include <stdlib.h>

static void begin_sealed(struct ledger *ledger, size_t first_item) {
    if (ledger->block_count == ledger->block_capacity) {
        size_t capacity = ledger->block_capacity == 0 ? 8 : ledger->block_capacity * 2;
        struct sealed_block *blocks = realloc(ledger->blocks, capacity * sizeof *blocks);
        REQUIRE(blocks != NULL);
        ledger->blocks = blocks;
        ledger->block_capacity = capacity;
    }
    ledger->head.id++;
    size_t start = block_begin(&ledger->sealed, &ledger->head);
    ledger->blocks[ledger->block_count++] = (struct sealed_block){
        .id = ledger->head.id,
        .start = start,
        .entries_at = ledger->sealed.size - start,
        .first_item = first_item,
    };
}

static void finish_sealed(struct ledger *ledger) {
    struct sealed_block *block = &ledger->blocks[ledger->block_count - 1];
    block_finish(&ledger->sealed, block->start, block->item_count);
    block->size = ledger->sealed.size - block->start;
}

void ledger_pack(struct ledger *ledger, size_t block_size_max) {
    begin_sealed(ledger, 0);
    for (size_t i = 0; i < ledger->overlay.count; i++) {
        struct text entry = overlay_entry(&ledger->overlay, i);
        struct sealed_block *block = &ledger->blocks[ledger->block_count - 1];
        if (block->item_count > 0 &&
            ledger->sealed.size - block->start + entry.size + 10 > block_size_max) {
            finish_sealed(ledger);
            begin_sealed(ledger, i);
            block = &ledger->blocks[ledger->block_count - 1];
        }
        block_append_entry(&ledger->sealed, entry);
        block->item_count++;
    }
    finish_sealed(ledger);
}
