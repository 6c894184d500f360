/* process.h: what every process tells about itself. For src/observe only. Any thread. */
#ifndef ACCRUED_OBSERVE_PROCESS_H
#define ACCRUED_OBSERVE_PROCESS_H

/* accrued_build_info: once, by whoever knows the Kafka client's version. */
void process_build_info(const char *librdkafka_version);

/* Brings process_resident_memory_bytes and process_start_time_seconds up to date. */
void process_update(void);

#endif
