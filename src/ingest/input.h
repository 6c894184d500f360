/* input.h: a feed file's bytes, plain or gzip, in pieces. Private to ingest. Adapter: zlib. */
#ifndef ACCRUED_INGEST_INPUT_H
#define ACCRUED_INGEST_INPUT_H

#include "accrued/fault.h"
#include "accrued/text.h"

struct input;

/* "-" is standard input. NULL: *fault names the file and the reason. */
struct input *input_open(const char *path, struct fault *fault);
void input_close(struct input *input);

/* The next piece, valid until the next call; size 0 at the end. false: *fault (also when a gzip
 * file ends too early or its checksum is wrong). */
bool input_read(struct input *input, struct text *ret_piece, struct fault *fault);

/* Bytes of the file that have been read, as stored, and of how many; 0 if nobody knows. */
int64_t input_position(const struct input *input);
int64_t input_size(const struct input *input);
/* When the file was last modified, in seconds since 1970; −1 for what is no file. */
int64_t input_modified_s(const struct input *input);

#endif
