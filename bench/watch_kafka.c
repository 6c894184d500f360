/* Waits until a consumer group has committed all of a topic, and then says what process --pid has
 * used until that moment. Without --topic: says it at once. --after N: so many were committed
 * before the process started, and are not counted. */
#include "client_kafka.h"
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_US 20000

struct usage {
    uint64_t cpu_us;
    uint64_t rss_kb;
    uint64_t peak_kb;
};

/* Of all its threads, those that have ended included; /proc/PID/stat counts in ticks of 10 ms, of
 * which a process with nothing to do may have none in a second. */
static uint64_t cpu_of(uint64_t pid) {
    clockid_t clock;
    struct timespec used;
    if (pid == 0 || clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
        clock_gettime(clock, &used) != 0) {
        tool_fail("process %llu is gone", (unsigned long long)pid);
    }
    return (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
}

static struct usage usage_of(uint64_t pid) {
    struct usage usage = {.cpu_us = cpu_of(pid)};
    char path[64];
    char line[256];
    (void)snprintf(path, sizeof path, "/proc/%llu/status", (unsigned long long)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            usage.rss_kb = strtoull(line + 6, NULL, 10);
        } else if (strncmp(line, "VmHWM:", 6) == 0) {
            usage.peak_kb = strtoull(line + 6, NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return usage;
}

static int64_t committed_sum(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions) {
    if (rd_kafka_committed(client, partitions, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    int64_t sum = 0;
    for (int i = 0; i < partitions->cnt; i++) {
        sum += partitions->elems[i].offset > 0 ? partitions->elems[i].offset : 0;
    }
    return sum;
}

/* Of the ends, as committed offsets are counted: whatever was deleted at the beginning. */
static int64_t offset_sum(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions) {
    int64_t sum = 0;
    (void)client_ends(client, partitions);
    for (int i = 0; i < partitions->cnt; i++) {
        sum += partitions->elems[i].offset;
    }
    return sum;
}

int main(int argc, char **argv) {
    const char *bootstrap = NULL;
    const char *topic = NULL;
    const char *group = "accrued";
    uint64_t pid = 0;
    uint64_t timeout_s = 300;
    uint64_t after = 0;
    const struct tool_option options[] = {
        {"bootstrap", &bootstrap, NULL}, {"topic", &topic, NULL},
        {"group", &group, NULL},         {"pid", NULL, &pid},
        {"timeout", NULL, &timeout_s},   {"after", NULL, &after},
    };
    tool_options(argc, argv, options, sizeof options / sizeof options[0]);
    int64_t first = 0;
    int64_t sum = 0;
    uint64_t first_us = 0;
    uint64_t now_us = 0;
    if (topic != NULL) {
        const char *const properties[] = {"group.id", group, NULL};
        rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, bootstrap, properties);
        rd_kafka_topic_partition_list_t *partitions = client_partitions(client, topic, 0);
        int64_t wanted = offset_sum(client, partitions);
        uint64_t end_us = tool_steady_us() + timeout_s * 1000000;
        while (sum < wanted) {
            tool_sleep_us(POLL_US);
            sum = committed_sum(client, partitions);
            now_us = tool_steady_us();
            if (first == 0 && sum > (int64_t)after) {
                first = sum;
                first_us = now_us;
            }
            if (now_us > end_us) {
                tool_fail("group %s has committed %lld of %lld after %llu s", group, (long long)sum,
                          (long long)wanted, (unsigned long long)timeout_s);
            }
        }
        rd_kafka_topic_partition_list_destroy(partitions);
        rd_kafka_destroy(client);
    }
    struct usage usage = usage_of(pid);
    printf("{\"records\": %lld, \"timed_records\": %lld, \"wall_us\": %llu, \"cpu_us\": %llu, "
           "\"rss_kb\": %llu, \"peak_kb\": %llu}\n",
           (long long)sum - (long long)after, (long long)(sum - first),
           (unsigned long long)(now_us - first_us), (unsigned long long)usage.cpu_us,
           (unsigned long long)usage.rss_kb, (unsigned long long)usage.peak_kb);
    return 0;
}
