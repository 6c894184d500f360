/* log.h: one event a line, for people and machines. Room: observe. Any thread.
 *
 * logfmt (default) or JSON on stderr: time, level, event, then fields. Adapters do not log; they
 * return a fault, and the lane or command that decides logs once. */
#ifndef ACCRUED_LOG_H
#define ACCRUED_LOG_H

#include "accrued/config.h"

void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);

/* fields: printf-like, logfmt syntax `key=%d other="%s"` is built by the helper below.
 * log_event(LOG_INFO, "batch_committed", "lane=%d lines=%zu", …). Values that contain spaces or
 * quotes must be passed through log_quote. Repeats of one event name are limited (10 a second). */
__attribute__((format(printf, 3, 4))) void log_event(enum log_level level, const char *event,
                                                     const char *fields, ...);

/* Quotes a value for a field, in a thread-local ring of buffers; valid for 8 further calls. */
const char *log_quote(const char *value);

#endif
