/* schema_file.h: the bytes of a schema file. Room: decode. */
#ifndef ACCRUED_SCHEMA_FILE_H
#define ACCRUED_SCHEMA_FILE_H

#include "accrued/buffer.h"
#include "accrued/fault.h"

/* Appends the file. false: *fault names it. */
bool schema_file_read(const char *path, struct buffer *to, struct fault *fault);

#endif
