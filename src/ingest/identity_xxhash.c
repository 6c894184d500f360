#include "identity.h"

#include "accrued/require.h"

#include <inttypes.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void identity_append(struct buffer *to, struct text value) {
    buffer_append_varint(to, value.size);
    char *at = (char *)buffer_reserve(to, value.size);
    (void)text_fold(value, at);
    to->size += value.size;
}

struct identity_hash identity_hash(struct text identity) {
    XXH128_hash_t hash = XXH3_128bits(identity.data, identity.size);
    return (struct identity_hash){hash.high64, hash.low64};
}

struct text identity_line_id(struct buffer *identity, const char *tag, uint32_t number,
                             char to[IDENTITY_LINE_ID_SIZE_MAX + 1]) {
    size_t size = identity->size;
    buffer_append_varint(identity, number);
    struct identity_hash hash = identity_hash(buffer_text(identity));
    identity->size = size;
    int written = snprintf(to, IDENTITY_LINE_ID_SIZE_MAX + 1, "%s-%016" PRIx64 "%016" PRIx64, tag,
                           hash.high, hash.low);
    REQUIRE(written > 0 && written <= IDENTITY_LINE_ID_SIZE_MAX);
    return (struct text){to, (size_t)written};
}
