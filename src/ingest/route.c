#include "route.h"

#include "accrued/require.h"

#include <stdio.h>

#define COLUMNS_SHOWN_MAX 12

void route_init(struct route *route, const char *file, const struct ingest_map *map,
                const struct supplied *supplied) {
    *route = (struct route){.file = file, .supplied = supplied};
    if (map != NULL) {
        route->has_given = true;
        mapper_init(&route->given, map, supplied);
    }
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        mapper_init(&route->mappers[i], &ingest_maps[i], supplied);
    }
}

void route_append_columns(struct buffer *to, const struct header *header) {
    for (size_t i = 0; i < header->count && i < COLUMNS_SHOWN_MAX; i++) {
        buffer_append_format(to, "%s%.*s", i > 0 ? ", " : "", TEXT_ARGS(header->names[i]));
    }
    buffer_append_string(to, header->count > COLUMNS_SHOWN_MAX ? " …" : "");
}

static struct mapper *by_type(struct route *route, const struct row *row) {
    size_t column = 0;
    if (!header_find(row->header, "attributes.objectType", &column) || column >= row->count ||
        text_is_null(row->cells[column])) {
        return NULL;
    }
    for (size_t i = 0; i < INGEST_MAP_COUNT; i++) {
        const char *types[] = {ingest_maps[i].type_value, ingest_maps[i].type_value_2};
        for (size_t k = 0; k < 2; k++) {
            if (types[k] != NULL &&
                text_equal_ignoring_case(row->cells[column], text_of(types[k]))) {
                return &route->mappers[i];
            }
        }
    }
    return NULL;
}

/* Does this row have all the columns by which the format is known? */
static bool is_recognised(const struct ingest_map *map, const struct row *row, bool with_values) {
    for (size_t i = 0; i < INGEST_RECOGNISE_MAX && map->recognise[i] != NULL; i++) {
        size_t column = 0;
        if (!header_find(row->header, map->recognise[i], &column) ||
            (with_values && column < row->count && text_is_null(row->cells[column]))) {
            return false;
        }
    }
    return map->recognise[0] != NULL;
}

/* Best by the columns that have values in this row: a header of JSON has those of all rows so far.
 */
static struct mapper *by_columns(struct route *route, const struct row *row) {
    for (size_t i = 0; i < (size_t)2 * INGEST_MAP_COUNT; i++) {
        const struct ingest_map *map = &ingest_maps[i % INGEST_MAP_COUNT];
        bool is_open = !route->is_api || map->type_value != NULL;
        if (is_open && is_recognised(map, row, i < INGEST_MAP_COUNT)) {
            return &route->mappers[i % INGEST_MAP_COUNT];
        }
    }
    return NULL;
}

static struct mapper *choose(struct route *route, const struct row *row) {
    if (route->has_given) {
        return &route->given;
    }
    struct mapper *mapper = by_type(route, row);
    if (mapper == NULL && route->last != NULL && route->last_header_count == row->header->count) {
        return route->last;
    }
    return mapper != NULL ? mapper : by_columns(route, row);
}

enum routed route_row(struct route *route, const struct row *row, struct mapper **ret_mapper,
                      struct fault *fault) {
    struct mapper *mapper = choose(route, row);
    if (mapper == NULL) {
        return ROUTED_UNKNOWN;
    }
    mapper_bind(mapper, row->header);
    size_t index = route->has_given ? INGEST_MAP_COUNT : (size_t)(mapper - route->mappers);
    REQUIRE(index <= INGEST_MAP_COUNT);
    if (!route->is_checked[index]) {
        route->is_checked[index] = true;
        if (!route->has_given && !route->is_quiet) {
            (void)fprintf(stderr, "%s: read as %s\n", route->file, mapper->map->format);
        }
        if (!mapper_check(mapper, row->header, fault)) {
            (void)fault_prefix(fault, "%s: ", route->file);
            return ROUTED_FAILED;
        }
    }
    route->last = mapper;
    route->last_header_count = row->header->count;
    *ret_mapper = mapper;
    return ROUTED;
}
