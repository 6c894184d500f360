/* secret.h: a password in a file. Room: base. Any thread.
 *
 * Read when it is needed, never kept: passwords are changed while we run. Who reads one wipes it.
 */
#ifndef ACCRUED_SECRET_H
#define ACCRUED_SECRET_H

#include "accrued/fault.h"

#define SECRET_SIZE_MAX 4096

/* The first line of a file, without its end. false: *fault names the file. */
bool secret_read(const char *path, char to[SECRET_SIZE_MAX], struct fault *fault);

#endif
