/* log.h: one event a line, for people and machines. Room: observe. Any thread.
 *
 * logfmt (default) or JSON on stderr: time, level, event, then fields. One write() a line, lines of
 * at most LOG_LINE_SIZE_MAX bytes (longer ones are cut and say `cut=true`). Adapters do not log;
 * they return a fault, and the lane or command that decides logs once. */
#ifndef ACCRUED_LOG_H
#define ACCRUED_LOG_H

#include "accrued/config.h"

/* What a pipe takes as a whole (PIPE_BUF), so that lines of several writers never mix. */
#define LOG_LINE_SIZE_MAX 4096

/* Lines a second under one event name (and, where it has one, one part); what is above is counted,
 * and told as `suppressed=N` when the second is over. */
#define LOG_REPEATS_MAX 10
#define LOG_PART_SIZE_MAX 128

void log_configure(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
const char *log_level_name(enum log_level level);

/* fields: logfmt, printf-like: log_event(LOG_INFO, "batch_committed", "lane=%d topic=%s", lane,
 * log_quote(topic)). Whatever may contain spaces or quotes passes through log_quote. In JSON a bare
 * number, true or false stays one; what is quoted is a string. `event` is a literal. */
__attribute__((format(printf, 3, 4))) void log_event(enum log_level level, const char *event,
                                                     const char *fields, ...);

/* The same for an event that many may have: `part` is fields too, and written first: "client=x
 * facility=y". Repeats are counted for each part, so that one that says much silences no other. */
__attribute__((format(printf, 4, 5))) void log_event_of(enum log_level level, const char *event,
                                                        const char *part, const char *fields, ...);

/* A value for a field: as it is when it is a plain word, else quoted and escaped. In a thread-local
 * ring of buffers; valid for 8 further calls. Cut at 1 KiB. NULL: `""`. */
const char *log_quote(const char *value);

/* Tells what was suppressed and not yet told. At the end of the process. */
void log_flush(void);

#endif
