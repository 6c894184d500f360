/* A struct config from its four sources, each over the one before: defaults, file, environment, -o.
 */
#include "accrued/config.h"

#include "accrued/require.h"
#include "accrued/secret.h"
#include "accrued/suggest.h"
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SECTION_COUNT_MAX 32

struct loader {
    struct config *config;
    struct problems *problems;
    struct origins origins;
    char *directory; /* of the file; NULL without one */
};

void config_init(struct config *config) {
    *config = (struct config){.file = strdup("")};
    REQUIRE(config->file != NULL);
    struct problems problems;
    problems_init(&problems);
    struct place place = {"default", NULL};
    for (size_t i = 0; i < setting_count; i++) {
        /* An empty default of a required option would be a bug in the table. */
        REQUIRE(setting_set(config, &settings[i], text_of(settings[i].default_value), &place,
                            &problems));
    }
    problems_release(&problems);
}

void config_release(struct config *config) {
    for (size_t i = 0; i < setting_count; i++) {
        setting_release(config, &settings[i]);
    }
    free(config->file);
    config->file = NULL;
}

/* The names of the table's sections, each once. */
static struct words section_words(char names[SECTION_COUNT_MAX][32],
                                  const char *pointers[SECTION_COUNT_MAX]) {
    struct words words = {pointers, 0};
    for (size_t i = 0; i < setting_count; i++) {
        struct text section = {settings[i].name, setting_section_size(&settings[i])};
        if (words.count == 0 || !text_equal(section, text_of(pointers[words.count - 1]))) {
            REQUIRE(words.count < SECTION_COUNT_MAX && section.size < sizeof names[0]);
            memcpy(names[words.count], section.data, section.size);
            names[words.count][section.size] = '\0';
            pointers[words.count] = names[words.count];
            words.count++;
        }
    }
    return words;
}

/* The keys of a section, without the section's name. */
static struct words key_words(struct text section, const char *pointers[SETTING_COUNT_MAX]) {
    struct words words = {pointers, 0};
    for (size_t i = 0; i < setting_count; i++) {
        size_t size = setting_section_size(&settings[i]);
        if (text_equal(section, (struct text){settings[i].name, size})) {
            pointers[words.count++] = settings[i].name + size + 1;
        }
    }
    return words;
}

/* "section.key", for messages about names that the table does not have. */
static const char *nearest_setting(struct text name) {
    const char *names[SETTING_COUNT_MAX];
    for (size_t i = 0; i < setting_count; i++) {
        names[i] = settings[i].name;
    }
    return suggest_nearest(name, names, setting_count);
}

static void load_key(struct loader *loader, const struct fields *fields, const struct node *section,
                     const struct node *node) {
    char name[128];
    (void)snprintf(name, sizeof name, "%s.%s", section->key.data, node->key.data);
    int index = setting_find(text_of(name));
    if (index < 0 || node->kind == NODE_NULL) {
        return; /* an unknown key has been reported with its section */
    }
    const struct setting *setting = &settings[index];
    loader->origins.items[index] = (struct origin){ORIGIN_FILE, node->line};
    if (setting_is_map(setting)) {
        (void)setting_set_map(loader->config, setting, fields, node);
        return;
    }
    if (node->kind != NODE_SCALAR) {
        (void)node_problem(fields->tree, node, fields->problems, "must be one value, not %s",
                           node_kind_name(node->kind));
        return;
    }
    struct buffer where;
    buffer_init(&where);
    origins_append_where(&loader->origins, (size_t)index, &where);
    buffer_append_byte(&where, '\0');
    struct place place = {(const char *)where.data, loader->directory};
    (void)setting_set(loader->config, setting, node->text, &place, loader->problems);
    buffer_release(&where);
}

static void load_tree(struct loader *loader, const struct tree *tree) {
    struct fields fields = {tree, loader->problems, NULL};
    char section_names[SECTION_COUNT_MAX][32];
    const char *section_pointers[SECTION_COUNT_MAX];
    struct words sections = section_words(section_names, section_pointers);
    if (tree->root->kind == NODE_NULL) {
        return; /* an empty file changes nothing */
    }
    (void)fields_mapping(&fields, tree->root, sections);
    for (const struct node *section = tree->root->first;
         section != NULL && tree->root->kind == NODE_MAPPING; section = section->next) {
        const char *key_pointers[SETTING_COUNT_MAX];
        struct words keys = key_words(section->key, key_pointers);
        if (keys.count == 0 || section->kind == NODE_NULL) {
            continue;
        }
        (void)fields_mapping(&fields, section, keys);
        for (const struct node *node = section->first;
             node != NULL && section->kind == NODE_MAPPING; node = node->next) {
            load_key(loader, &fields, section, node);
        }
    }
}

static void load_file(struct loader *loader, const char *path) {
    struct tree tree;
    tree_init(&tree);
    const char *slash = strrchr(path, '/');
    if (slash != NULL) {
        loader->directory = strndup(path, slash == path ? 1 : (size_t)(slash - path));
        REQUIRE(loader->directory != NULL);
    }
    if (access(path, F_OK) != 0 && errno == ENOENT) {
        (void)problems_add(loader->problems,
                           "%s: there is no such file; `accrued check --print-example` prints one",
                           path);
    } else {
        (void)tree_load(&tree, path, loader->problems);
    }
    if (tree.root != NULL) {
        load_tree(loader, &tree);
    }
    tree_release(&tree);
}

/* What the file leaves out is looked for beside the file as well. */
static void default_paths_beside_file(struct loader *loader) {
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].type == SETTING_PATH && loader->origins.items[i].kind == ORIGIN_DEFAULT) {
            struct place place = {settings[i].name, loader->directory};
            REQUIRE(setting_set(loader->config, &settings[i], text_of(settings[i].default_value),
                                &place, loader->problems));
        }
    }
}

static void load_variables(struct loader *loader) {
    struct buffer name;
    buffer_init(&name);
    for (size_t i = 0; i < setting_count; i++) {
        buffer_clear(&name);
        setting_append_variable(&name, &settings[i]);
        buffer_append_byte(&name, '\0');
        const char *value = getenv((const char *)name.data);
        if (value != NULL) {
            struct place place = {(const char *)name.data, NULL};
            loader->origins.items[i] = (struct origin){ORIGIN_VARIABLE, 0};
            (void)setting_set(loader->config, &settings[i], text_of(value), &place,
                              loader->problems);
        }
    }
    buffer_release(&name);
}

/* Kubernetes puts ACCRUED_REDIS_PORT, ACCRUED_REDIS_SERVICE_HOST and such into every pod that has a
 * service named accrued-redis beside it: nobody's typing mistakes. */
static bool is_service_variable(struct text key) {
    return text_starts_with(key, TEXT("SERVICE_")) || text_equal(key, TEXT("PORT")) ||
           text_starts_with(key, TEXT("PORT_"));
}

/* ACCRUED_KAFAK_GROUP_ID: the key is one of ours, its section nearly so. */
static bool is_misspelt_section(struct text name, const struct setting *setting, struct text own) {
    size_t prefix_size = strlen("ACCRUED_");
    size_t section_size = setting_section_size(setting);
    size_t key_size = own.size - prefix_size - section_size; /* with its underscore */
    if (name.size <= prefix_size + key_size ||
        memcmp(name.data + name.size - key_size, own.data + own.size - key_size, key_size) != 0) {
        return false;
    }
    char section[32];
    REQUIRE(section_size < sizeof section);
    memcpy(section, setting->name, section_size);
    section[section_size] = '\0';
    const char *const sections[] = {section};
    struct text given = {name.data + prefix_size, name.size - prefix_size - key_size};
    return suggest_nearest(given, sections, 1) != NULL;
}

/* A variable that looks like an option of ours, but is none, would be silently without effect. */
static void check_variable(struct loader *loader, struct text name) {
    const char *names[SETTING_COUNT_MAX];
    struct buffer all[SETTING_COUNT_MAX];
    bool is_known = false;
    bool is_of_section = false;
    for (size_t i = 0; i < setting_count; i++) {
        buffer_init(&all[i]);
        setting_append_variable(&all[i], &settings[i]);
        struct text own = buffer_text(&all[i]);
        struct text section = {own.data,
                               strlen("ACCRUED_") + setting_section_size(&settings[i]) + 1};
        is_known = is_known || text_equal(own, name);
        if (text_starts_with(name, section) &&
            !is_service_variable(
                (struct text){name.data + section.size, name.size - section.size})) {
            is_of_section = true;
        }
        is_of_section = is_of_section || is_misspelt_section(name, &settings[i], own);
        buffer_append_byte(&all[i], '\0');
        names[i] = (const char *)all[i].data;
    }
    if (is_of_section && !is_known) {
        char tail[SUGGESTION_SIZE_MAX];
        (void)problems_add(loader->problems, "%.*s: unknown variable%s", TEXT_ARGS(name),
                           suggest_tail(name, names, setting_count, tail));
    }
    for (size_t i = 0; i < setting_count; i++) {
        buffer_release(&all[i]);
    }
}

static void check_variables(struct loader *loader) {
    for (char **variable = environ; *variable != NULL; variable++) {
        const char *equals = strchr(*variable, '=');
        if (strncmp(*variable, "ACCRUED_", strlen("ACCRUED_")) == 0 && equals != NULL) {
            check_variable(loader, (struct text){*variable, (size_t)(equals - *variable)});
        }
    }
}

/* "kafka.properties.NAME": the map that the name goes into, or −1. */
static int map_of_entry(struct text name, struct text *ret_key) {
    for (size_t i = 0; i < setting_count; i++) {
        struct text own = text_of(settings[i].name);
        if (setting_is_map(&settings[i]) && name.size > own.size + 1 &&
            text_starts_with(name, own) && name.data[own.size] == '.') {
            *ret_key = (struct text){name.data + own.size + 1, name.size - own.size - 1};
            return (int)i;
        }
    }
    return -1;
}

static void load_override(struct loader *loader, const char *override) {
    const char *equals = strchr(override, '=');
    if (equals == NULL) {
        (void)problems_add(loader->problems, "-o %s: is not of the form section.key=value",
                           override);
        return;
    }
    struct text name = {override, (size_t)(equals - override)};
    struct text value = text_of(equals + 1);
    char where[256];
    (void)snprintf(where, sizeof where, "-o %.*s", TEXT_ARGS(name));
    struct place place = {where, NULL};
    int index = setting_find(name);
    if (index >= 0) {
        loader->origins.items[index] = (struct origin){ORIGIN_OVERRIDE, 0};
        (void)setting_set(loader->config, &settings[index], value, &place, loader->problems);
        return;
    }
    struct text key = text_null();
    int map = map_of_entry(name, &key);
    if (map >= 0) {
        loader->origins.items[map] = (struct origin){ORIGIN_OVERRIDE, 0};
        (void)setting_set_entry(loader->config, &settings[map], key, value, &place,
                                loader->problems);
        return;
    }
    const char *nearest = nearest_setting(name);
    (void)problems_add(loader->problems, "%s: unknown option%s%s%s", where,
                       nearest != NULL ? ", did you mean \"" : "", nearest != NULL ? nearest : "",
                       nearest != NULL ? "\"?" : "");
}

/* The password is known from the start, so that a mistake shows before anything runs; whoever
 * connects reads the file again. */
static void load_password(struct loader *loader, const char *setting, const char *path,
                          char **password) {
    char read[SECRET_SIZE_MAX];
    struct fault fault;
    if (path[0] == '\0') {
        return;
    }
    if ((*password)[0] != '\0') {
        (void)problems_add(loader->problems, "%s_file: %s is set as well; leave one out", setting,
                           setting);
    } else if (!secret_read(path, read, &fault)) {
        (void)problems_add(loader->problems, "%s_file: %s", setting, fault.text);
    } else {
        free(*password);
        *password = strdup(read);
        REQUIRE(*password != NULL);
        explicit_bzero(read, sizeof read);
    }
}

/* A transactional id must be the same after a restart and nobody else's: the host's name is. */
static void default_instance(struct config *config) {
    char name[HOST_NAME_MAX + 1] = "";
    if (config->kafka.instance[0] != '\0') {
        return;
    }
    REQUIRE(gethostname(name, sizeof name) == 0);
    name[sizeof name - 1] = '\0';
    free(config->kafka.instance);
    config->kafka.instance = strdup(name);
    REQUIRE(config->kafka.instance != NULL);
}

static void load_all(struct loader *loader, const char *path, const char *const *overrides,
                     size_t override_count) {
    struct config *config = loader->config;
    REQUIRE(config->file != NULL);
    if (path != NULL) {
        free(config->file);
        config->file = strdup(path);
        REQUIRE(config->file != NULL);
        load_file(loader, path);
        default_paths_beside_file(loader);
    }
    load_variables(loader);
    check_variables(loader);
    for (size_t i = 0; i < override_count; i++) {
        load_override(loader, overrides[i]);
    }
    load_password(loader, "redis.password", config->redis.password_file, &config->redis.password);
    load_password(loader, "redis.sentinel_password", config->redis.sentinel_password_file,
                  &config->redis.sentinel_password);
    load_password(loader, "registry.password", config->registry.password_file,
                  &config->registry.password);
    load_password(loader, "kafka.sasl_password", config->kafka.sasl_password_file,
                  &config->kafka.sasl_password);
    default_instance(config);
    config_check(config, &loader->origins, loader->problems);
}

bool config_load_all(struct config *config, const char *path, const char *const *overrides,
                     size_t override_count, struct problems *problems) {
    size_t count_before = problems->count;
    struct loader loader = {config, problems, {.file = path != NULL ? path : ""}, NULL};
    load_all(&loader, path, overrides, override_count);
    free(loader.directory);
    return problems->count == count_before;
}

/* The ids of our schemas are the registry's, where there is one: the file's mean nothing. And its
 * password is read from its file for each request. */
static bool is_of_registry(const struct config *in_force, const struct setting *setting) {
    struct text name = text_of(setting->name);
    if (text_equal(name, TEXT("registry.password"))) {
        return in_force->registry.password_file[0] != '\0';
    }
    return in_force->registry.urls[0] != '\0' && text_starts_with(name, TEXT("schemas.")) &&
           name.size > 3 && memcmp(name.data + name.size - 3, "_id", 3) == 0;
}

/* What needs a restart stays as it is. */
static void keep_in_force(struct config *config, const struct config *in_force,
                          struct buffer *ret_pending) {
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].is_reloadable || setting_equal(config, in_force, &settings[i])) {
            continue;
        }
        setting_copy(config, in_force, &settings[i]);
        if (is_of_registry(in_force, &settings[i])) {
            continue;
        }
        buffer_append_format(ret_pending, "%s%s", ret_pending->size > 0 ? "," : "",
                             settings[i].name);
    }
    config->kafka.is_embedded = in_force->kafka.is_embedded;
}

bool config_load_again(struct config *config, const struct config *in_force, const char *path,
                       const char *const *overrides, size_t override_count,
                       struct problems *problems, struct buffer *ret_pending) {
    size_t count_before = problems->count;
    struct loader loader = {config, problems, {.file = path != NULL ? path : ""}, NULL};
    load_all(&loader, path, overrides, override_count);
    if (problems->count == count_before) {
        keep_in_force(config, in_force, ret_pending);
        /* Old and new together may break a rule that each alone does not. */
        config_check(config, &loader.origins, problems);
    }
    free(loader.directory);
    return problems->count == count_before;
}

bool config_load(struct config *config, const char *path, const char *const *overrides,
                 size_t override_count, struct fault *fault) {
    struct problems problems;
    problems_init(&problems);
    bool is_good = config_load_all(config, path, overrides, override_count, &problems);
    if (!is_good) {
        (void)problems_to_fault(&problems, fault);
    }
    problems_release(&problems);
    return is_good;
}
