#include "disk.h"

#include "accrued/require.h"

#include "broker.h"
#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 512 /* a sector: what a disk writes whole */
#define DESCRIPTORS_MAX 1024

/* What stood where something was written, and the page that it is in. */
struct undo {
    off_t offset;
    size_t size;
    uint8_t *bytes;
};

struct disk_file {
    char *path;
    off_t end; /* nothing but zeros from here on */
    struct undo *undos;
    size_t undo_count;
    size_t undo_capacity;
};

static struct {
    char directory[64];
    char machines[8][80];
    struct disk_file *files[64];
    size_t file_count;
    const struct process *owners[DESCRIPTORS_MAX]; /* by descriptor */
    struct disk_file *opened[DESCRIPTORS_MAX];
} disk;

void disk_directory(int pid, char *to, size_t size) {
    static const char memory[] = "/dev/shm";
    (void)snprintf(to, size, "%s/accrued-sim-%d", access(memory, W_OK) == 0 ? memory : "/tmp", pid);
}

void disk_begin(void) {
    disk_directory(getpid(), disk.directory, sizeof disk.directory);
    disk_remove(getpid()); /* of a run that nobody cleared away, with a number used again */
    int failed = mkdir(disk.directory, S_IRWXU);
    REQUIRE(failed == 0);
    for (size_t i = 0; i < sizeof disk.machines / sizeof disk.machines[0]; i++) {
        (void)snprintf(disk.machines[i], sizeof disk.machines[i], "machine-%zu", i);
    }
    /* Names without the number of this process: a run is the same each time. */
    failed = chdir(disk.directory);
    REQUIRE(failed == 0);
}

const char *disk_of(int instance) {
    return disk.machines[instance];
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void disk_remove(int pid) {
    char directory[64];
    disk_directory(pid, directory, sizeof directory);
    (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct disk_file *file_of(const char *path) {
    for (size_t i = 0; i < disk.file_count; i++) {
        if (strcmp(disk.files[i]->path, path) == 0) {
            return disk.files[i];
        }
    }
    REQUIRE(disk.file_count < sizeof disk.files / sizeof disk.files[0]);
    struct disk_file *file = calloc(1, sizeof *file);
    REQUIRE(file != NULL);
    file->path = strdup(path);
    disk.files[disk.file_count++] = file;
    return file;
}

static struct disk_file *opened_as(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS_MAX ? disk.opened[descriptor] : NULL;
}

int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int descriptor = __real_open(path, flags, mode);
    if (descriptor >= 0 && disk.directory[0] != '\0' &&
        strncmp(path, "machine-", strlen("machine-")) == 0) {
        REQUIRE(descriptor < DESCRIPTORS_MAX);
        disk.owners[descriptor] = sim_current();
        disk.opened[descriptor] = file_of(path);
    }
    return descriptor;
}

int __wrap_close(int descriptor) {
    if (opened_as(descriptor) != NULL) {
        disk.owners[descriptor] = NULL;
        disk.opened[descriptor] = NULL;
    }
    return __real_close(descriptor);
}

void disk_close_all(const struct process *process) {
    for (int i = 0; i < DESCRIPTORS_MAX; i++) {
        if (disk.opened[i] != NULL && disk.owners[i] == process) {
            (void)__wrap_close(i);
        }
    }
}

/* Remembers what stands in [offset, offset + size), a piece for each page. */
static void remember(int descriptor, struct disk_file *file, off_t offset, size_t size) {
    while (size > 0) {
        size_t left = PAGE_SIZE - (size_t)offset % PAGE_SIZE;
        size_t part = size < left ? size : left;
        file->undos =
            sim_grown(file->undos, file->undo_count, &file->undo_capacity, sizeof *file->undos);
        struct undo *undo = &file->undos[file->undo_count++];
        *undo = (struct undo){offset, part, calloc(1, part)};
        REQUIRE(undo->bytes != NULL);
        /* Behind the file's end are zeros. */
        ssize_t got = pread(descriptor, undo->bytes, part, offset);
        REQUIRE(got >= 0);
        offset += (off_t)part;
        size -= part;
    }
}

ssize_t __wrap_pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    struct disk_file *file = opened_as(descriptor);
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    if (file != NULL) {
        remember(descriptor, file, offset, size);
        file->end = offset + (off_t)size > file->end ? offset + (off_t)size : file->end;
        if (sim_trouble(sim_plan.disk_full)) {
            sim_trace("disk: full");
            size_t some = (size_t)sim_below(parts[0].iov_len + 1);
            ssize_t written = __real_pwrite(descriptor, parts[0].iov_base, some, offset);
            REQUIRE(written == (ssize_t)some);
            errno = ENOSPC;
            return written > 0 ? written : -1;
        }
    }
    return __real_pwritev(descriptor, parts, count, offset);
}

ssize_t __wrap_pwrite(int descriptor, const void *bytes, size_t size, off_t offset) {
    struct iovec part = {(void *)(uintptr_t)bytes, size};
    return opened_as(descriptor) == NULL ? __real_pwrite(descriptor, bytes, size, offset)
                                         : __wrap_pwritev(descriptor, &part, 1, offset);
}

int __wrap_ftruncate(int descriptor, off_t size) {
    struct disk_file *file = opened_as(descriptor);
    if (file != NULL && size < file->end) {
        remember(descriptor, file, size, (size_t)(file->end - size));
        file->end = size;
    }
    return __real_ftruncate(descriptor, size);
}

int __wrap_fallocate(int descriptor, int mode, off_t offset, off_t size) {
    struct disk_file *file = opened_as(descriptor);
    /* Without a hole only room is asked for: no byte changes. */
    bool is_hole = (mode & FALLOC_FL_PUNCH_HOLE) != 0;
    if (file != NULL && is_hole && offset < file->end) {
        off_t end = offset + size < file->end ? offset + size : file->end;
        remember(descriptor, file, offset, (size_t)(end - offset));
    }
    return __real_fallocate(descriptor, mode, offset, size);
}

/* The same under the names for large files. */
int __wrap_open64(const char *path, int flags, ...) __attribute__((alias("__wrap_open")));
ssize_t __wrap_pwrite64(int descriptor, const void *bytes, size_t size, off_t offset)
    __attribute__((alias("__wrap_pwrite")));
ssize_t __wrap_pwritev64(int descriptor, const struct iovec *parts, int count, off_t offset)
    __attribute__((alias("__wrap_pwritev")));
int __wrap_ftruncate64(int descriptor, off_t size) __attribute__((alias("__wrap_ftruncate")));
int __wrap_fallocate64(int descriptor, int mode, off_t offset, off_t size)
    __attribute__((alias("__wrap_fallocate")));

/* Each page goes back to some moment of its own. */
static void forget_unsynced(struct disk_file *file) {
    enum { PAGES_MAX = 1 << 17 };
    static bool is_settled[PAGES_MAX];
    memset(is_settled, 0, sizeof is_settled);
    int descriptor = __real_open(file->path, O_RDWR, 0);
    REQUIRE(descriptor >= 0);
    size_t lost = 0;
    for (size_t i = file->undo_count; i-- > 0;) {
        const struct undo *undo = &file->undos[i];
        size_t page = (size_t)undo->offset / PAGE_SIZE;
        REQUIRE(page < PAGES_MAX);
        if (!is_settled[page] && sim_chance(3000)) {
            is_settled[page] = true;
        }
        if (!is_settled[page]) {
            ssize_t written = __real_pwrite(descriptor, undo->bytes, undo->size, undo->offset);
            REQUIRE(written == (ssize_t)undo->size);
            off_t end = undo->offset + (off_t)undo->size;
            file->end = end > file->end ? end : file->end;
            lost++;
        }
        free(undo->bytes);
    }
    sim_trace("disk: %s loses %zu of %zu writes", strrchr(file->path, '/') + 1, lost,
              file->undo_count);
    file->undo_count = 0;
    (void)__real_close(descriptor);
}

void disk_crash(int instance) {
    size_t size = strlen(disk.machines[instance]);
    for (size_t i = 0; i < disk.file_count; i++) {
        if (strncmp(disk.files[i]->path, disk.machines[instance], size) == 0) {
            forget_unsynced(disk.files[i]);
        }
    }
}
