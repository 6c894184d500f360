/* settings.h: the one table of options, and how text becomes a value. Room: config.
 *
 * Everything that knows an option goes through this table: defaults, the file, the environment,
 * -o, validation, the effective print, the example file, the README's table. */
#ifndef ACCRUED_CONFIG_SETTINGS_H
#define ACCRUED_CONFIG_SETTINGS_H

#include "accrued/config.h"
#include "accrued/problems.h"
#include "fields.h"

enum setting_type {
    SETTING_STRING,
    SETTING_PATH,   /* a string; relative to the configuration file if it stands there */
    SETTING_SECRET, /* a string that is never printed */
    SETTING_WORD,   /* a string that is one of `words` */
    SETTING_ENUM,   /* an enum; `words` in its order */
    SETTING_INT,
    SETTING_BOOL,
    SETTING_PROPERTIES,
    SETTING_SCHEMA_IDS,
};

struct setting {
    const char *name; /* "kafka.group_id" */
    enum setting_type type;
    size_t offset;             /* in struct config */
    const char *default_value; /* as it would be written; maps as YAML */
    const char *example;       /* in the example file, where it is not the default */
    int64_t min;
    int64_t max;
    const char *unit; /* "ms", "bytes" …, or NULL */
    struct words words;
    bool is_required;   /* must not be empty */
    bool is_reloadable; /* SIGHUP changes it; the others need a restart */
    const char *help;   /* a sentence */
};

/* By section, in the order in which they are printed. */
extern const struct setting settings[];
extern const size_t setting_count;
#define SETTING_COUNT_MAX 160

/* Index of a setting, or −1. */
int setting_find(struct text name);
bool setting_is_map(const struct setting *setting);
/* Size of "kafka" in "kafka.group_id". */
size_t setting_section_size(const struct setting *setting);
/* "ACCRUED_KAFKA_GROUP_ID" */
void setting_append_variable(struct buffer *to, const struct setting *setting);

/* Where a value comes from. */
struct place {
    const char *where;     /* "accrued.yaml:12: kafka.group_id": how a message begins */
    const char *directory; /* relative paths start here; NULL: working directory */
};

/* Text → value; maps are YAML ("{a: b}") and replace what was there. false: a problem was added and
 * the value is unchanged. */
bool setting_set(struct config *config, const struct setting *setting, struct text value,
                 const struct place *place, struct problems *problems);
/* The same for a map that is a node of a file. */
bool setting_set_map(struct config *config, const struct setting *setting,
                     const struct fields *fields, const struct node *node);
/* One entry of a map: adds or replaces it. */
bool setting_set_entry(struct config *config, const struct setting *setting, struct text key,
                       struct text value, const struct place *place, struct problems *problems);
bool setting_equal(const struct config *a, const struct config *b, const struct setting *setting);
/* Copies the value over the one that `to` has. */
void setting_copy(struct config *to, const struct config *from, const struct setting *setting);
/* Frees what the value owns. */
void setting_release(struct config *config, const struct setting *setting);

/* Why a librdkafka property may not be passed through, or NULL. */
const char *property_pinned(struct text name);
/* Is its value a secret? */
bool property_is_secret(const char *name);

/* Where each value came from, so that a rule over several options can say which line breaks it. */
enum origin_kind { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_VARIABLE, ORIGIN_OVERRIDE };
struct origin {
    enum origin_kind kind;
    size_t line; /* ORIGIN_FILE */
};
struct origins {
    const char *file; /* "" without one */
    struct origin items[SETTING_COUNT_MAX];
};

/* How a message about the setting begins: "accrued.yaml:12: kafka.group_id". */
void origins_append_where(const struct origins *origins, size_t setting, struct buffer *to);

/* Rules over single values that types don't express, and over several: nesting of time-outs. */
void config_check(const struct config *config, const struct origins *origins,
                  struct problems *problems);

#endif
