/* fetch.h: one request to the registry, at the first address that answers. Private to decode.
 * Adapter: libcurl. A fetcher is for one thread. */
#ifndef ACCRUED_DECODE_FETCH_H
#define ACCRUED_DECODE_FETCH_H

#include "accrued/registry.h"

#include <stdatomic.h>

struct fetcher;

/* `stop` makes requests end soon. NULL: *fault. */
struct fetcher *fetcher_open(const struct registry_options *options, const atomic_bool *stop,
                             struct fault *fault);
void fetcher_free(struct fetcher *fetcher);

/* GET, or POST where `request` is not null. true: *ret_status is 200 or a refusal that means what
 * it says (400, 404, 409, 422); what any address said otherwise, or failed to say, is in *fault. */
bool fetcher_ask(struct fetcher *fetcher, const char *path, struct text request, long *ret_status,
                 struct buffer *ret_body, struct fault *fault);

/* Appends `text` as a part of a path. */
void fetch_append_escaped(struct buffer *to, struct text text);

#endif
