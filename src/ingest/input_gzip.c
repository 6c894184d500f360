#include "input.h"

#include "accrued/require.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define PIECE_SIZE (256U << 10)

struct input {
    gzFile file; /* zlib also passes through what is not gzip */
    const char *path;
    int64_t size;
    int64_t modified_s;
    char piece[PIECE_SIZE];
};

static int open_path(const char *path, struct stat *ret_stat, struct fault *fault) {
    int descriptor = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                            : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, ret_stat) != 0) {
        (void)fault_set(fault, "%s: cannot be opened: %s", path, strerror(errno));
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        return -1;
    }
    if (S_ISDIR(ret_stat->st_mode)) {
        (void)fault_set(fault, "%s: is a directory; name the files in it", path);
        (void)close(descriptor);
        return -1;
    }
    return descriptor;
}

struct input *input_open(const char *path, struct fault *fault) {
    struct stat stat;
    int descriptor = open_path(path, &stat, fault);
    if (descriptor < 0) {
        return NULL;
    }
    struct input *input = calloc(1, sizeof *input);
    REQUIRE(input != NULL);
    input->path = path;
    input->size = S_ISREG(stat.st_mode) ? stat.st_size : 0;
    input->modified_s = S_ISREG(stat.st_mode) ? stat.st_mtim.tv_sec : -1;
    input->file = gzdopen(descriptor, "rb");
    REQUIRE(input->file != NULL);
    (void)gzbuffer(input->file, PIECE_SIZE);
    return input;
}

void input_close(struct input *input) {
    if (input != NULL) {
        (void)gzclose(input->file);
        free(input);
    }
}

bool input_read(struct input *input, struct text *ret_piece, struct fault *fault) {
    int size = gzread(input->file, input->piece, PIECE_SIZE);
    int error = Z_OK;
    const char *message = gzerror(input->file, &error);
    if (size < 0 || (size == 0 && error != Z_OK && error != Z_STREAM_END)) {
        const char *reason = error == Z_ERRNO       ? strerror(errno)
                             : error == Z_BUF_ERROR ? "the gzip file ends too early"
                                                    : message;
        return fault_set(fault, "%s: cannot be read on: %s", input->path, reason);
    }
    *ret_piece = (struct text){input->piece, (size_t)size};
    return true;
}

int64_t input_position(const struct input *input) {
    return gzoffset(input->file);
}

int64_t input_size(const struct input *input) {
    return input->size;
}

int64_t input_modified_s(const struct input *input) {
    return input->modified_s;
}
