/* log_line.h: fields of one event → one line of text. Pure. For log*.c only. */
#ifndef ACCRUED_OBSERVE_LOG_LINE_H
#define ACCRUED_OBSERVE_LOG_LINE_H

#include "accrued/log.h"

struct log_line {
    enum log_format format;
    size_t size;
    bool is_cut;
    char data[LOG_LINE_SIZE_MAX];
};

/* Begins with time, level, event. */
void log_line_begin(struct log_line *line, enum log_format format, int64_t wall_ms,
                    enum log_level level, const char *event);
/* Appends fields in logfmt syntax, in the line's own format. */
void log_line_fields(struct log_line *line, const char *fields);
/* Closes the line, line break included. */
void log_line_finish(struct log_line *line);

#endif
