/* overlay.h: entries posted by the open transaction, newest per line. Private to the ledger. */
#ifndef ACCRUED_LEDGER_OVERLAY_H
#define ACCRUED_LEDGER_OVERLAY_H

#include "accrued/buffer.h"

/* The entry in the log that a new one replaces, where that is known. */
struct overlay_origin {
    uint64_t at; /* 0: it is not known, or there is none */
    uint32_t stored_size;
};

struct overlay_item {
    uint64_t hash;
    size_t offset; /* of the entry in `bytes` */
    uint32_t size;
    struct overlay_origin origin;
};

struct overlay {
    struct buffer bytes;
    struct overlay_item *items;
    size_t count;
    size_t item_capacity;
    uint32_t *slots; /* item index + 1; 0: empty */
    size_t slot_capacity;
};

void overlay_init(struct overlay *overlay);
void overlay_release(struct overlay *overlay);
void overlay_clear(struct overlay *overlay);
/* Bytes of memory that it has taken. */
size_t overlay_room(const struct overlay *overlay);

static inline struct text overlay_entry(const struct overlay *overlay, size_t item) {
    const struct overlay_item *found = &overlay->items[item];
    return (struct text){(const char *)overlay->bytes.data + found->offset, found->size};
}

/* Asks memory for the place where the search for the hash begins. */
static inline void overlay_expect(const struct overlay *overlay, uint64_t hash) {
    if (overlay->count > 0) {
        __builtin_prefetch(&overlay->slots[(size_t)hash & (overlay->slot_capacity - 1)]);
    }
}

/* The item whose entry begins with the key's bytes. */
bool overlay_find(const struct overlay *overlay, uint64_t hash, struct text key, size_t *ret_item);
/* The entry of `size` bytes that was just appended to overlay->bytes, under its key. */
void overlay_add(struct overlay *overlay, uint64_t hash, struct text key, size_t size,
                 struct overlay_origin origin);

#endif
