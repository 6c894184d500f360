#include "demo_world.h"

#include "accrued/clock.h"
#include "accrued/probe.h"
#include "accrued/require.h"
#include "command.h"
#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REDIS_START_MS 10000
#define REDIS_STOP_MS 5000
#define POLL_MS 20
#define ARGUMENT_COUNT_MAX 256

__attribute__((format(printf, 2, 3))) static void add_setting(struct demo_world *world,
                                                              const char *format, ...) {
    REQUIRE(world->setting_count < DEMO_SETTING_COUNT_MAX);
    va_list arguments;
    va_start(arguments, format);
    REQUIRE(vasprintf(&world->settings[world->setting_count++], format, arguments) >= 0);
    va_end(arguments);
}

static bool is_home(const char *path) {
    char probe[DEMO_PATH_SIZE_MAX + 32];
    (void)snprintf(probe, sizeof probe, "%s/config/accrued.yaml", path);
    return access(probe, R_OK) == 0;
}

/* In a build tree the program is in build/NAME; installed, in bin beside share/accrued. */
static bool find_home(struct demo_world *world, const char *named, struct fault *fault) {
    static const char *const places[] = {"/../..", "/../share/accrued", "/.."};
    if (named != NULL) {
        (void)snprintf(world->home, sizeof world->home, "%s", named);
        return is_home(named) || fault_set(fault, "--home %s: no config/accrued.yaml there", named);
    }
    char directory[DEMO_PATH_SIZE_MAX - 32];
    ssize_t size = readlink("/proc/self/exe", directory, sizeof directory - 1);
    if (size > 0) {
        directory[size] = '\0';
        char *slash = strrchr(directory, '/');
        REQUIRE(slash != NULL);
        *slash = '\0';
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            char place[DEMO_PATH_SIZE_MAX];
            (void)snprintf(place, sizeof place, "%s%s", directory, places[i]);
            if (is_home(place) && realpath(place, world->home) != NULL) {
                return true;
            }
        }
    }
    return fault_set(fault, "the shipped config/ is not near the program; name its parent "
                            "directory with --home DIR");
}

static bool make_directory(struct demo_world *world, struct fault *fault) {
    const char *parent = getenv("TMPDIR");
    (void)snprintf(world->directory, sizeof world->directory, "%s/accrued-demo-XXXXXX",
                   parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (mkdtemp(world->directory) == NULL) {
        fault_set(fault, "a directory %s: %s", world->directory, strerror(errno));
        world->directory[0] = '\0';
        return false;
    }
    return true;
}

/* In the child: no terminal signals, ends with its parent, output to a file. */
static void become_redis(const char *directory) {
    char socket[DEMO_PATH_SIZE_MAX + 16];
    char log[DEMO_PATH_SIZE_MAX + 16];
    (void)snprintf(socket, sizeof socket, "%s/redis.sock", directory);
    (void)snprintf(log, sizeof log, "%s/redis.log", directory);
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (file >= 0) {
        (void)dup2(file, STDOUT_FILENO);
        (void)dup2(file, STDERR_FILENO);
    }
    execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket,
           "--unixsocketperm", "600", "--save", "", "--appendonly", "no", "--dir", directory,
           (char *)NULL);
    _exit(127);
}

static void sleep_ms(long ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

static bool redis_has_ended(struct demo_world *world) {
    if (world->redis != 0 && waitpid(world->redis, NULL, WNOHANG) == world->redis) {
        world->redis = 0;
    }
    return world->redis == 0;
}

static bool start_redis(struct demo_world *world, struct fault *fault) {
    char socket[DEMO_PATH_SIZE_MAX + 16];
    (void)snprintf(socket, sizeof socket, "%s/redis.sock", world->directory);
    world->redis = fork();
    if (world->redis == 0) {
        become_redis(world->directory);
    }
    if (world->redis < 0) {
        world->redis = 0;
        return fault_set(fault, "a process for Redis: %s", strerror(errno));
    }
    int64_t end_ms = clock_steady_ms() + REDIS_START_MS;
    while (access(socket, F_OK) != 0) {
        if (redis_has_ended(world) || clock_steady_ms() > end_ms) {
            return fault_set(fault, "redis-server did not start: is the Debian package "
                                    "redis-server installed?");
        }
        sleep_ms(POLL_MS);
    }
    return true;
}

static void stop_redis(struct demo_world *world) {
    if (world->redis == 0) {
        return;
    }
    (void)kill(world->redis, SIGTERM);
    int64_t end_ms = clock_steady_ms() + REDIS_STOP_MS;
    while (!redis_has_ended(world) && clock_steady_ms() < end_ms) {
        sleep_ms(POLL_MS);
    }
    if (world->redis != 0) {
        (void)kill(world->redis, SIGKILL);
        (void)waitpid(world->redis, NULL, 0);
        world->redis = 0;
    }
}

bool demo_world_config(const struct demo_world *world, struct config *config, struct fault *fault) {
    return config_load(config, world->config_path, (const char *const *)world->settings,
                       world->setting_count, fault);
}

static bool start_broker(struct demo_world *world, const char *bootstrap, struct fault *fault) {
    if (bootstrap != NULL) {
        add_setting(world, "kafka.bootstrap_servers=%s", bootstrap);
        return true;
    }
    struct config config;
    config_init(&config);
    bool is_good = demo_world_config(world, &config, fault);
    if (is_good) {
        world->embedded = embedded_start(&config, fault);
        is_good = world->embedded != NULL;
    }
    config_release(&config);
    if (is_good) {
        add_setting(world, "kafka.bootstrap_servers=%s", embedded_bootstrap(world->embedded));
    }
    return is_good;
}

bool demo_world_open(struct demo_world *world, const struct demo_options *options,
                     struct fault *fault) {
    *world = (struct demo_world){.redis = 0};
    if (!find_home(world, options->home, fault) || !make_directory(world, fault) ||
        !start_redis(world, fault)) {
        return false;
    }
    (void)snprintf(world->config_path, sizeof world->config_path, "%s/config/accrued.yaml",
                   world->home);
    add_setting(world, "redis.address=unix:%s/redis.sock", world->directory);
    add_setting(world, "http.listen=%s", options->listen);
    add_setting(world, "kafka.group_id=accrued-demo");
    add_setting(world, "kafka.environment=demo");
    add_setting(world, "topics.replication_factor=1");
    add_setting(world, "topics.min_insync_replicas=1");
    add_setting(world, "log.level=warn");
    for (size_t i = 0; i < options->override_count; i++) {
        add_setting(world, "%s", options->overrides[i]);
    }
    /* Behind the start of Redis, which would inherit it, and before the broker's threads, any of
     * which could otherwise be given a signal, and the process would die of it. */
    service_signals_block();
    return start_broker(world, options->bootstrap, fault);
}

void demo_world_close(struct demo_world *world) {
    embedded_free(world->embedded);
    stop_redis(world);
    if (world->directory[0] != '\0') {
        static const char *const left[] = {"redis.sock", "redis.log"};
        for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
            char path[DEMO_PATH_SIZE_MAX + 16];
            (void)snprintf(path, sizeof path, "%s/%s", world->directory, left[i]);
            (void)unlink(path);
        }
        (void)rmdir(world->directory);
    }
    for (size_t i = 0; i < world->setting_count; i++) {
        free(world->settings[i]);
    }
}

int demo_world_command(const struct demo_world *world, int (*command)(int argc, char **argv),
                       const char *const *arguments) {
    char *argv[ARGUMENT_COUNT_MAX];
    int argc = 0;
    for (; arguments[argc] != NULL; argc++) {
        REQUIRE(argc < 32);
        argv[argc] = strdup(arguments[argc]);
    }
    argv[argc++] = strdup("-c");
    argv[argc++] = strdup(world->config_path);
    for (size_t i = 0; i < world->setting_count; i++) {
        argv[argc++] = strdup("-o");
        argv[argc++] = strdup(world->settings[i]);
    }
    REQUIRE(argc < ARGUMENT_COUNT_MAX);
    argv[argc] = NULL;
    char *owned[ARGUMENT_COUNT_MAX]; /* getopt reorders argv, and commands may replace entries */
    memcpy(owned, argv, sizeof owned[0] * (size_t)argc);
    optind = 0;
    int code = command(argc, argv);
    for (int i = 0; i < argc; i++) {
        free(owned[i]);
    }
    return code;
}

void demo_world_path(const struct demo_world *world, const char *name,
                     char to[DEMO_PATH_SIZE_MAX + 64]) {
    (void)snprintf(to, DEMO_PATH_SIZE_MAX + 64, "%s/config/demo/%s", world->home, name);
}
