#include "tree.h"

#include "accrued/hash.h"
#include "accrued/require.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yaml.h>

/* What building needs to hand down. */
struct builder {
    struct tree *tree;
    yaml_document_t *document;
    struct problems *problems;
    bool is_too_large;
};

void tree_init(struct tree *tree) {
    *tree = (struct tree){.name = ""};
    arena_init(&tree->arena);
}

void tree_release(struct tree *tree) {
    arena_release(&tree->arena);
    tree_init(tree);
}

const char *node_kind_name(enum node_kind kind) {
    switch (kind) {
    case NODE_NULL: return "nothing";
    case NODE_SCALAR: return "a value";
    case NODE_SEQUENCE: return "a list";
    case NODE_MAPPING: return "a mapping";
    }
    REQUIRE(false && "a kind of node without a name");
}

const struct node *node_member(const struct node *mapping, const char *key) {
    if (mapping->kind != NODE_MAPPING) {
        return NULL;
    }
    for (const struct node *member = mapping->first; member != NULL; member = member->next) {
        if (text_equal(member->key, text_of(key))) {
            return member;
        }
    }
    return NULL;
}

void node_append_path(struct buffer *to, const struct node *node) {
    if (node->parent == NULL) {
        return;
    }
    node_append_path(to, node->parent);
    if (text_is_null(node->key)) {
        buffer_append_format(to, "[%zu]", node->index);
        return;
    }
    if (node->parent->parent != NULL) {
        buffer_append_byte(to, '.');
    }
    buffer_append_text(to, node->key);
}

bool node_problem(const struct tree *tree, const struct node *node, struct problems *problems,
                  const char *format, ...) {
    struct buffer text;
    buffer_init(&text);
    node_append_path(&text, node);
    if (text.size > 0) {
        buffer_append_string(&text, ": ");
    }
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    (void)problems_add(problems, "%s:%zu: %.*s%s", tree->name, node->line,
                       TEXT_ARGS(buffer_text(&text)), message);
    buffer_release(&text);
    return false;
}

static bool is_null(const yaml_node_t *source, struct text text) {
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (source->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text_equal(text, text_of(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool build(struct builder *builder, struct node *node, int source_index, size_t depth);

static struct node *node_new(struct builder *builder, const struct node *parent, size_t line) {
    struct tree *tree = builder->tree;
    tree->node_count++;
    struct node *node = arena_take(&tree->arena, sizeof *node);
    *node = (struct node){.kind = NODE_NULL, .parent = parent, .line = line};
    return node;
}

static bool build_scalar(struct builder *builder, struct node *node, const yaml_node_t *source) {
    struct text text = {(const char *)source->data.scalar.value, source->data.scalar.length};
    if (is_null(source, text)) {
        node->kind = NODE_NULL;
        return true;
    }
    node->kind = NODE_SCALAR;
    node->text = arena_copy(&builder->tree->arena, text);
    if (memchr(text.data, '\0', text.size) != NULL) {
        return node_problem(builder->tree, node, builder->problems, "has a NUL character");
    }
    return true;
}

static bool build_sequence(struct builder *builder, struct node *node, const yaml_node_t *source,
                           size_t depth) {
    bool is_good = true;
    struct node **end = &node->first;
    node->kind = NODE_SEQUENCE;
    for (const yaml_node_item_t *item = source->data.sequence.items.start;
         item < source->data.sequence.items.top && !builder->is_too_large; item++) {
        const yaml_node_t *child_source = yaml_document_get_node(builder->document, *item);
        REQUIRE(child_source != NULL);
        struct node *child = node_new(builder, node, child_source->start_mark.line + 1);
        child->index = node->count++;
        *end = child;
        end = &child->next;
        is_good = build(builder, child, *item, depth + 1) && is_good;
    }
    return is_good;
}

static bool build_mapping(struct builder *builder, struct node *node, const yaml_node_t *source,
                          size_t depth) {
    bool is_good = true;
    struct node **end = &node->first;
    node->kind = NODE_MAPPING;
    for (const yaml_node_pair_t *pair = source->data.mapping.pairs.start;
         pair < source->data.mapping.pairs.top && !builder->is_too_large; pair++) {
        const yaml_node_t *key = yaml_document_get_node(builder->document, pair->key);
        REQUIRE(key != NULL);
        size_t line = key->start_mark.line + 1;
        if (key->type != YAML_SCALAR_NODE) {
            is_good = problems_add(builder->problems, "%s:%zu: a key must be a plain word",
                                   builder->tree->name, line);
            continue;
        }
        struct node *child = node_new(builder, node, line);
        child->key =
            arena_copy(&builder->tree->arena, (struct text){(const char *)key->data.scalar.value,
                                                            key->data.scalar.length});
        const struct node *twin = node_member(node, child->key.data);
        if (twin != NULL) {
            is_good = node_problem(builder->tree, child, builder->problems,
                                   "stands twice, first on line %zu", twin->line);
            continue;
        }
        node->count++;
        *end = child;
        end = &child->next;
        is_good = build(builder, child, pair->value, depth + 1) && is_good;
    }
    return is_good;
}

/* Fills `node` from the document's node. Aliases are copied, so a file of a few lines could name
 * billions of nodes, or itself: both limits are needed. */
static bool build(struct builder *builder, struct node *node, int source_index, size_t depth) {
    if (depth > TREE_DEPTH_MAX || builder->tree->node_count > TREE_NODE_COUNT_MAX) {
        if (!builder->is_too_large) {
            builder->is_too_large = true;
            (void)problems_add(builder->problems,
                               "%s:%zu: nested deeper than %d or more than %d values: does an "
                               "alias contain itself?",
                               builder->tree->name, node->line, TREE_DEPTH_MAX,
                               TREE_NODE_COUNT_MAX);
        }
        return false;
    }
    const yaml_node_t *source = yaml_document_get_node(builder->document, source_index);
    REQUIRE(source != NULL);
    if (source->type == YAML_SCALAR_NODE) {
        return build_scalar(builder, node, source);
    }
    if (source->type == YAML_SEQUENCE_NODE) {
        return build_sequence(builder, node, source, depth);
    }
    REQUIRE(source->type == YAML_MAPPING_NODE);
    return build_mapping(builder, node, source, depth);
}

static bool parser_problem(const yaml_parser_t *parser, const char *name,
                           struct problems *problems) {
    const char *what = parser->problem != NULL ? parser->problem : "not YAML";
    if (parser->error == YAML_READER_ERROR) {
        return problems_add(problems, "%s: not readable as UTF-8 text: %s at byte %zu", name, what,
                            parser->problem_offset);
    }
    if (parser->context != NULL) {
        return problems_add(problems, "%s:%zu: not YAML: %s (%s that begins on line %zu)", name,
                            parser->problem_mark.line + 1, what, parser->context,
                            parser->context_mark.line + 1);
    }
    return problems_add(problems, "%s:%zu: not YAML: %s", name, parser->problem_mark.line + 1,
                        what);
}

/* One document and no second one. */
static bool read_document(struct tree *tree, yaml_parser_t *parser, struct problems *problems) {
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        return parser_problem(parser, tree->name, problems);
    }
    struct builder builder = {tree, &document, problems, false};
    struct node *root = node_new(&builder, NULL, 1);
    bool is_good = true;
    if (yaml_document_get_root_node(&document) != NULL) {
        is_good = build(&builder, root, 1, 0);
        yaml_document_t second;
        if (!yaml_parser_load(parser, &second)) {
            is_good = parser_problem(parser, tree->name, problems);
        } else {
            const yaml_node_t *extra = yaml_document_get_root_node(&second);
            if (extra != NULL) {
                is_good = problems_add(problems, "%s:%zu: a second document begins here",
                                       tree->name, extra->start_mark.line + 1);
            }
            yaml_document_delete(&second);
        }
    }
    yaml_document_delete(&document);
    tree->root = root;
    return is_good;
}

bool tree_load(struct tree *tree, const char *path, struct problems *problems) {
    REQUIRE(tree->root == NULL);
    tree->name = path;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return problems_add(problems, "%s: cannot be opened: %s", path, strerror(errno));
    }
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode)) {
        (void)fclose(file);
        return problems_add(problems, "%s: is a directory; name the file in it", path);
    }
    yaml_parser_t parser;
    REQUIRE(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, file);
    bool is_good = read_document(tree, &parser, problems);
    yaml_parser_delete(&parser);
    (void)fclose(file);
    return is_good;
}

bool tree_parse(struct tree *tree, const char *name, struct text source,
                struct problems *problems) {
    REQUIRE(tree->root == NULL);
    tree->name = name;
    yaml_parser_t parser;
    REQUIRE(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, (const unsigned char *)source.data, source.size);
    bool is_good = read_document(tree, &parser, problems);
    yaml_parser_delete(&parser);
    return is_good;
}

static uint64_t node_hash(const struct node *node, uint64_t seed) {
    uint64_t hash = hash64(node->key.data, node->key.size, seed + (uint64_t)node->kind);
    hash = hash64(node->text.data, node->text.size, hash);
    for (const struct node *child = node->first; child != NULL; child = child->next) {
        hash = node_hash(child, hash);
    }
    return hash64(&node->count, sizeof node->count, hash);
}

uint64_t tree_hash(const struct tree *tree) {
    REQUIRE(tree->root != NULL);
    return node_hash(tree->root, 0);
}
