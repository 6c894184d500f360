/* suggest.h: which known name did a person mean? Room: config. Pure. */
#ifndef ACCRUED_SUGGEST_H
#define ACCRUED_SUGGEST_H

#include "accrued/text.h"

/* The known name nearest to `given` by edits (insert, delete, replace, swap of neighbours); if none
 * is near enough to be a typing mistake, the only one that begins with it; or NULL. */
const char *suggest_nearest(struct text given, const char *const *known, size_t count);

#define SUGGESTION_SIZE_MAX 160
/* `, did you mean "x"?` or nothing: the tail of a message. Returns `to`. */
const char *suggest_tail(struct text given, const char *const *known, size_t count,
                         char to[SUGGESTION_SIZE_MAX]);

#endif
