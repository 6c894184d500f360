/* sim: runs seeds, each in a child of its own.
 *
 *   sim --seeds 1..2000 [--jobs 2] [--keep-going]   prints each seed that fails
 *   sim --seed 42 [--verbose]                        one seed again, with everything that happened
 *
 * Exit code 0: all seeds held. 1: one did not. 2: wrong usage. */
#include "disk.h"
#include "world.h"

#include "accrued/require.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A run takes milliseconds; one that works so long hangs between two simulated calls. */
#define RUN_SECONDS_MAX 20
#define JOBS_MAX 64

struct job {
    pid_t pid;
    uint64_t seed;
};

static _Noreturn void run_child(uint64_t seed, bool prints_fingerprint) {
    struct rlimit seconds = {RUN_SECONDS_MAX, RUN_SECONDS_MAX};
    int failed = setrlimit(RLIMIT_CPU, &seconds);
    REQUIRE(failed == 0);
    sim_begin(seed);
    world_run();
    disk_remove(getpid());
    if (prints_fingerprint) {
        printf("seed %llu held; fingerprint %016llx\n", (unsigned long long)seed,
               (unsigned long long)sim_fingerprint());
    }
    fflush(stdout);
    _exit(0);
}

static pid_t start(uint64_t seed, bool prints_fingerprint) {
    fflush(stdout);
    fflush(stderr);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        run_child(seed, prints_fingerprint);
    }
    return pid;
}

/* Waits for one child. true: its seed held. */
static bool reap(struct job *jobs, size_t *count) {
    int status = 0;
    pid_t pid = wait(&status);
    REQUIRE(pid > 0);
    for (size_t i = 0; i < *count; i++) {
        if (jobs[i].pid == pid) {
            uint64_t seed = jobs[i].seed;
            jobs[i] = jobs[--*count];
            disk_remove((int)pid);
            if (WIFSIGNALED(status)) {
                fprintf(stderr, "seed %llu failed: %s\n", (unsigned long long)seed,
                        strsignal(WTERMSIG(status)));
            }
            bool held = WIFEXITED(status) && WEXITSTATUS(status) == 0;
            if (!held) {
                fprintf(stderr, "replay it with: sim --seed %llu --verbose\n",
                        (unsigned long long)seed);
            }
            return held;
        }
    }
    return true;
}

static int64_t elapsed_ms(const struct timespec *since) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static int run_seeds(uint64_t first, uint64_t last, size_t job_count, bool keeps_going,
                     bool prints_fingerprints) {
    struct job jobs[JOBS_MAX];
    size_t running = 0;
    uint64_t failed = 0;
    uint64_t seed = first;
    struct timespec began;
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    while ((seed <= last && (failed == 0 || keeps_going)) || running > 0) {
        if (seed <= last && (failed == 0 || keeps_going) && running < job_count) {
            jobs[running++] = (struct job){start(seed, prints_fingerprints), seed};
            seed++;
        } else if (!reap(jobs, &running)) {
            failed++;
        }
    }
    printf("%llu seeds in %lld ms, %llu failed\n", (unsigned long long)(seed - first),
           (long long)elapsed_ms(&began), (unsigned long long)failed);
    return failed == 0 ? 0 : 1;
}

static int usage(void) {
    fprintf(stderr, "usage: sim --seeds A..B [--jobs N] [--keep-going] [--fingerprints]\n"
                    "       sim --seed X [--verbose]\n");
    return 2;
}

int main(int argc, char **argv) {
    unsigned long long first = 1;
    unsigned long long last = 0;
    size_t jobs = 2;
    bool keeps_going = false;
    bool prints_fingerprints = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--seeds") == 0 && sscanf(value, "%llu..%llu", &first, &last) == 2) {
            i++;
        } else if (strcmp(argv[i], "--seed") == 0 && sscanf(value, "%llu", &first) == 1) {
            last = first;
            prints_fingerprints = true;
            i++;
        } else if (strcmp(argv[i], "--jobs") == 0 && sscanf(value, "%zu", &jobs) == 1 && jobs > 0 &&
                   jobs <= JOBS_MAX) {
            i++;
        } else if (strcmp(argv[i], "--keep-going") == 0) {
            keeps_going = true;
        } else if (strcmp(argv[i], "--fingerprints") == 0) {
            prints_fingerprints = true;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            sim_verbose = true;
        } else {
            return usage();
        }
    }
    if (last < first) {
        return usage();
    }
    world_load();
    return run_seeds(first, last, jobs, keeps_going, prints_fingerprints);
}
