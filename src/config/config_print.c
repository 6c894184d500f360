/* The option table as text: effective configuration, example file, README table. */
#include "settings.h"

#include "accrued/require.h"

#include <inttypes.h>
#include <stdlib.h>

#define MASK "\"****\""
#define COMMENT_COLUMN_MAX 96

/* Plain where YAML and a person cannot misread it, quoted otherwise. */
static void append_scalar(struct buffer *to, const char *value) {
    size_t plain =
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-");
    bool starts_plain = (value[0] >= 'a' && value[0] <= 'z') || value[0] == '/' || value[0] == '.';
    bool is_word = strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ||
                   strcmp(value, "null") == 0 || strcmp(value, "yes") == 0 ||
                   strcmp(value, "no") == 0 || strcmp(value, "on") == 0 ||
                   strcmp(value, "off") == 0;
    if (value[plain] == '\0' && starts_plain && !is_word) {
        buffer_append_string(to, value);
        return;
    }
    buffer_append_byte(to, '"');
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            buffer_append_byte(to, '\\');
            buffer_append_byte(to, (uint8_t)*at);
        } else if ((unsigned char)*at < ' ' || *at == 0x7F) {
            buffer_append_format(to, "\\x%02x", (unsigned)(unsigned char)*at);
        } else {
            buffer_append_byte(to, (uint8_t)*at);
        }
    }
    buffer_append_byte(to, '"');
}

static void append_properties(struct buffer *to, const struct properties *properties) {
    if (properties->count == 0) {
        buffer_append_string(to, " {}\n");
        return;
    }
    buffer_append_byte(to, '\n');
    for (size_t i = 0; i < properties->count; i++) {
        const struct property *property = &properties->items[i];
        buffer_append_string(to, "    ");
        append_scalar(to, property->name);
        buffer_append_string(to, ": ");
        if (property_is_secret(property->name) && property->value[0] != '\0') {
            buffer_append_string(to, MASK);
        } else {
            append_scalar(to, property->value);
        }
        buffer_append_byte(to, '\n');
    }
}

static void append_ids(struct buffer *to, const struct config *config) {
    buffer_append_string(to, config->schemas.id_count == 0 ? " {}\n" : "\n");
    for (size_t i = 0; i < config->schemas.id_count; i++) {
        buffer_append_format(to, "    %" PRIu32 ": ", config->schemas.ids[i].id);
        append_scalar(to, config->schemas.ids[i].file);
        buffer_append_byte(to, '\n');
    }
}

/* " value\n", or the lines of a map. */
static void append_value(struct buffer *to, const struct config *config,
                         const struct setting *setting) {
    const void *field = (const char *)config + setting->offset;
    unsigned index = 0;
    switch (setting->type) {
    case SETTING_PROPERTIES: append_properties(to, field); return;
    case SETTING_SCHEMA_IDS: append_ids(to, config); return;
    case SETTING_STRING:
    case SETTING_PATH:
    case SETTING_WORD:
        buffer_append_byte(to, ' ');
        append_scalar(to, *(char *const *)field);
        break;
    case SETTING_SECRET:
        buffer_append_string(to, (*(char *const *)field)[0] == '\0' ? " \"\"" : " " MASK);
        break;
    case SETTING_ENUM:
        memcpy(&index, field, sizeof index);
        REQUIRE(index < setting->words.count);
        buffer_append_format(to, " %s", setting->words.names[index]);
        break;
    case SETTING_INT: buffer_append_format(to, " %" PRId64, *(const int64_t *)field); break;
    case SETTING_BOOL: buffer_append_string(to, *(const bool *)field ? " true" : " false"); break;
    }
    buffer_append_byte(to, '\n');
}

static bool begins_section(size_t i) {
    size_t size = setting_section_size(&settings[i]);
    return i == 0 || size != setting_section_size(&settings[i - 1]) ||
           strncmp(settings[i].name, settings[i - 1].name, size) != 0;
}

static const char *key_of(const struct setting *setting) {
    return setting->name + setting_section_size(setting) + 1;
}

static void append_section(struct buffer *to, size_t i) {
    if (begins_section(i)) {
        buffer_append_format(to, "%s%.*s:\n", i == 0 ? "" : "\n",
                             (int)setting_section_size(&settings[i]), settings[i].name);
    }
}

void config_append_yaml(struct buffer *to, const struct config *config) {
    for (size_t i = 0; i < setting_count; i++) {
        append_section(to, i);
        buffer_append_format(to, "  %s:", key_of(&settings[i]));
        append_value(to, config, &settings[i]);
    }
}

/* What values an option takes: "6000 … 1800000 ms", "stall or serve-stale". */
static void append_values(struct buffer *to, const struct setting *setting) {
    switch (setting->type) {
    case SETTING_INT:
        buffer_append_format(to, "%" PRId64 " … %" PRId64 "%s%s", setting->min, setting->max,
                             setting->unit != NULL ? " " : "",
                             setting->unit != NULL ? setting->unit : "");
        return;
    case SETTING_BOOL: buffer_append_string(to, "true or false"); return;
    case SETTING_ENUM:
    case SETTING_WORD:
        for (size_t i = 0; i < setting->words.count; i++) {
            buffer_append_format(to, "%s%s",
                                 i == 0                         ? ""
                                 : i + 1 < setting->words.count ? ", "
                                                                : " or ",
                                 setting->words.names[i]);
        }
        return;
    case SETTING_STRING: buffer_append_string(to, "text"); return;
    case SETTING_PATH: buffer_append_string(to, "path"); return;
    case SETTING_SECRET: buffer_append_string(to, "secret"); return;
    case SETTING_PROPERTIES: buffer_append_string(to, "name: value"); return;
    case SETTING_SCHEMA_IDS: buffer_append_string(to, "id: file"); return;
    }
}

void config_append_markdown(struct buffer *to) {
    buffer_append_string(
        to, "| option | values | default | reload | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &settings[i];
        buffer_append_format(to, "| `%s` | ", setting->name);
        append_values(to, setting);
        if (setting->default_value[0] == '\0') {
            buffer_append_string(to, " | |");
        } else {
            buffer_append_format(to, " | `%s` |", setting->default_value);
        }
        buffer_append_format(to, " %s | %s |\n", setting->is_reloadable ? "yes" : "",
                             setting->help);
    }
}

/* "  # words …", broken between words. */
static void append_comment(struct buffer *to, struct text words) {
    size_t column = 0;
    while (words.size > 0) {
        const char *space = memchr(words.data, ' ', words.size);
        size_t size = space != NULL ? (size_t)(space - words.data) : words.size;
        if (column == 0 || column + 1 + size > COMMENT_COLUMN_MAX) {
            buffer_append_string(to, column == 0 ? "  #" : "\n  #");
            column = strlen("  #");
        }
        buffer_append_byte(to, ' ');
        buffer_append(to, words.data, size);
        column += 1 + size;
        size_t taken = space != NULL ? size + 1 : size;
        words = (struct text){words.data + taken, words.size - taken};
    }
    buffer_append_byte(to, '\n');
}

static void append_example_comment(struct buffer *to, const struct setting *setting) {
    struct buffer comment;
    buffer_init(&comment);
    buffer_append_string(&comment, setting->help);
    bool has_values = setting->type == SETTING_INT || setting->type == SETTING_ENUM ||
                      setting->type == SETTING_WORD;
    if (has_values) {
        buffer_append_string(&comment, " (");
        append_values(&comment, setting);
        buffer_append_byte(&comment, ')');
    }
    append_comment(to, buffer_text(&comment));
    buffer_release(&comment);
}

void config_append_example(struct buffer *to) {
    static const char head[] =
        "# accrued: every option with its meaning and its default. Written by\n"
        "# `accrued check --print-example`; what you leave out keeps its default.\n"
        "# The environment goes over this file (ACCRUED_KAFKA_GROUP_ID), `-o kafka.group_id=x` "
        "over\n"
        "# both. Relative paths start at this file's directory. `accrued check -c FILE` says what "
        "is\n"
        "# wrong with a file and what is in effect.\n";
    struct config defaults;
    config_init(&defaults);
    buffer_append_string(to, head);
    for (size_t i = 0; i < setting_count; i++) {
        if (i == 0) {
            buffer_append_byte(to, '\n');
        }
        append_section(to, i);
        append_example_comment(to, &settings[i]);
        buffer_append_format(to, "  %s:", key_of(&settings[i]));
        if (settings[i].example != NULL) {
            buffer_append_format(to, " %s\n", settings[i].example);
        } else {
            append_value(to, &defaults, &settings[i]);
        }
    }
    config_release(&defaults);
}
