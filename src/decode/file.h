/* file.h: a schema file's bytes. Private to decode. */
#ifndef ACCRUED_DECODE_FILE_H
#define ACCRUED_DECODE_FILE_H

#include "accrued/buffer.h"
#include "accrued/fault.h"

/* Appends the file. false: *fault names it. */
bool schema_file_read(const char *path, struct buffer *to, struct fault *fault);

#endif
