#include "accrued/secret.h"

#include "accrued/require.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool secret_read(const char *path, char to[SECRET_SIZE_MAX], struct fault *fault) {
    REQUIRE(path != NULL && path[0] != '\0');
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return fault_set(fault, "%s: %s", path, strerror(errno));
    }
    bool is_read = fgets(to, SECRET_SIZE_MAX, file) != NULL;
    if (is_read) {
        to[strcspn(to, "\r\n")] = '\0';
    } else {
        (void)fault_set(fault, "%s: %s", path, ferror(file) ? strerror(errno) : "is empty");
    }
    (void)fclose(file);
    return is_read;
}
