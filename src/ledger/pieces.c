#include "pieces.h"

#include <errno.h>

#define PIECE_SIZE (UINT64_C(64) << 10)

static bool write_piece(int file, uint64_t position, const struct iovec parts[2]) {
    ssize_t written = -1;
    do {
        errno = 0;
        written = pwritev(file, parts, 2, (off_t)position);
    } while (written < 0 && errno == EINTR);
    return written == (ssize_t)(parts[0].iov_len + parts[1].iov_len);
}

/* The first bytes of two parts, which are taken off them. */
static void take_bytes(struct iovec parts[2], size_t size, struct iovec ret_piece[2]) {
    for (size_t i = 0; i < 2; i++) {
        size_t taken = size < parts[i].iov_len ? size : parts[i].iov_len;
        ret_piece[i] = (struct iovec){parts[i].iov_base, taken};
        if (taken > 0) {
            parts[i].iov_base = (char *)parts[i].iov_base + taken;
            parts[i].iov_len -= taken;
            size -= taken;
        }
    }
}

bool pieces_write(int file, uint64_t position, const struct iovec parts[2]) {
    struct iovec left[2] = {parts[0], parts[1]};
    size_t size = left[0].iov_len + left[1].iov_len;
    while (size > 0) {
        size_t room = PIECE_SIZE - (size_t)(position % PIECE_SIZE);
        size_t taken = size < room ? size : room;
        struct iovec piece[2];
        take_bytes(left, taken, piece);
        if (!write_piece(file, position, piece)) {
            return false;
        }
        position += taken;
        size -= taken;
    }
    return true;
}
