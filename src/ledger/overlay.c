#include "overlay.h"

#include "accrued/require.h"

#include <stdlib.h>

#define SLOTS_MIN 64

void overlay_init(struct overlay *overlay) {
    *overlay = (struct overlay){.items = NULL};
    buffer_init(&overlay->bytes);
}

void overlay_release(struct overlay *overlay) {
    buffer_release(&overlay->bytes);
    free(overlay->items);
    free(overlay->slots);
    overlay_init(overlay);
}

void overlay_clear(struct overlay *overlay) {
    buffer_clear(&overlay->bytes);
    if (overlay->count > 0) {
        memset(overlay->slots, 0, overlay->slot_capacity * sizeof overlay->slots[0]);
    }
    overlay->count = 0;
}

size_t overlay_room(const struct overlay *overlay) {
    return overlay->bytes.capacity + overlay->item_capacity * sizeof overlay->items[0] +
           overlay->slot_capacity * sizeof overlay->slots[0];
}

/* The slot of the key: either its item's, or the empty one where it would go. */
static size_t probe(const struct overlay *overlay, uint64_t hash, struct text key) {
    size_t mask = overlay->slot_capacity - 1;
    size_t at = (size_t)hash & mask;
    while (overlay->slots[at] != 0) {
        size_t item = overlay->slots[at] - 1;
        if (overlay->items[item].hash == hash &&
            text_starts_with(overlay_entry(overlay, item), key)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

bool overlay_find(const struct overlay *overlay, uint64_t hash, struct text key, size_t *ret_item) {
    if (overlay->count == 0) {
        return false;
    }
    size_t at = probe(overlay, hash, key);
    if (overlay->slots[at] == 0) {
        return false;
    }
    *ret_item = overlay->slots[at] - 1;
    return true;
}

static void grow_slots(struct overlay *overlay) {
    size_t capacity = overlay->slot_capacity == 0 ? SLOTS_MIN : overlay->slot_capacity * 2;
    free(overlay->slots);
    overlay->slots = calloc(capacity, sizeof overlay->slots[0]);
    REQUIRE(overlay->slots != NULL);
    overlay->slot_capacity = capacity;
    for (size_t i = 0; i < overlay->count; i++) {
        size_t at = (size_t)overlay->items[i].hash & (capacity - 1);
        while (overlay->slots[at] != 0) {
            at = (at + 1) & (capacity - 1);
        }
        overlay->slots[at] = (uint32_t)i + 1;
    }
}

void overlay_add(struct overlay *overlay, uint64_t hash, struct text key, size_t size,
                 struct overlay_origin origin) {
    REQUIRE(size >= key.size && size <= overlay->bytes.size && size <= UINT32_MAX);
    if ((overlay->count + 1) * 2 > overlay->slot_capacity) {
        grow_slots(overlay);
    }
    struct overlay_item item = {hash, overlay->bytes.size - size, (uint32_t)size, origin};
    size_t at = probe(overlay, hash, key);
    if (overlay->slots[at] != 0) {
        struct overlay_item *before = &overlay->items[overlay->slots[at] - 1];
        item.origin = before->origin.at != 0 ? before->origin : origin;
        *before = item;
        return;
    }
    if (overlay->count == overlay->item_capacity) {
        size_t capacity = overlay->item_capacity == 0 ? 64 : overlay->item_capacity * 2;
        struct overlay_item *items = realloc(overlay->items, capacity * sizeof *items);
        REQUIRE(items != NULL);
        overlay->items = items;
        overlay->item_capacity = capacity;
    }
    overlay->items[overlay->count++] = item;
    overlay->slots[at] = (uint32_t)overlay->count;
}
