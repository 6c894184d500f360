/* route.h: which map reads this row? Private to ingest. Pure, but for what it says on stderr.
 *
 * One map for the whole of a CSV file; items of the API say of which type each is. */
#ifndef ACCRUED_INGEST_ROUTE_H
#define ACCRUED_INGEST_ROUTE_H

#include "mapper.h"

struct route {
    const char *file; /* for what is told */
    const struct supplied *supplied;
    struct mapper given; /* with has_given: always this one */
    struct mapper mappers[INGEST_MAP_COUNT];
    struct mapper *last; /* what the last row was read with */
    size_t last_header_count;
    bool has_given;
    bool is_api;   /* only formats that the Partner Center API has */
    bool is_quiet; /* does not say what it took the file for */
    bool is_checked[INGEST_MAP_COUNT + 1];
};

/* `map` NULL: recognise. */
void route_init(struct route *route, const char *file, const struct ingest_map *map,
                const struct supplied *supplied);

enum routed { ROUTED, ROUTED_UNKNOWN, ROUTED_FAILED };
/* ROUTED: *ret_mapper is bound to the row's header. ROUTED_FAILED: *fault, the file cannot be read
 * with its map at all. */
enum routed route_row(struct route *route, const struct row *row, struct mapper **ret_mapper,
                      struct fault *fault);

/* The first few columns of a header, for a message. */
void route_append_columns(struct buffer *to, const struct header *header);

#endif
