/* tree.h: a YAML file → a tree of nodes that know their line. Room: config. Adapter: libyaml.
 *
 * Scalars stay text (a rate is never a float). An alias is a copy of what it names, so every node
 * has one parent and one path. Duplicate keys, keys that are not scalars, a second document and
 * nesting beyond TREE_DEPTH_MAX are problems. Nodes and texts live in the tree's arena. */
#ifndef ACCRUED_CONFIG_TREE_H
#define ACCRUED_CONFIG_TREE_H

#include "accrued/arena.h"
#include "accrued/problems.h"

#define TREE_DEPTH_MAX 32
#define TREE_NODE_COUNT_MAX 1000000

enum node_kind {
    NODE_NULL, /* nothing, ~ or null, not quoted */
    NODE_SCALAR,
    NODE_SEQUENCE,
    NODE_MAPPING,
};

struct node {
    enum node_kind kind;
    struct text text; /* NODE_SCALAR; NUL-terminated, without NUL inside */
    struct text key;  /* in a mapping; else null */
    size_t index;     /* in a sequence */
    size_t count;     /* children */
    size_t line;      /* from 1: where its key stands, or else where it begins */
    const struct node *parent;
    struct node *first; /* child */
    struct node *next;  /* sibling */
};

struct tree {
    struct arena arena;
    const char *name;        /* of the file, for messages; borrowed */
    const struct node *root; /* never NULL after success; NODE_NULL for an empty file */
    size_t node_count;
};

void tree_init(struct tree *tree);
void tree_release(struct tree *tree);

/* `path` must outlive the tree. false: problems has at least one more. */
bool tree_load(struct tree *tree, const char *path, struct problems *problems);
/* The same from memory; `name` stands for the file in messages. */
bool tree_parse(struct tree *tree, const char *name, struct text source, struct problems *problems);

/* Of what the file says: comments and layout do not count, order does. */
uint64_t tree_hash(const struct tree *tree);

/* Child of a mapping by key, or NULL. A NODE_NULL child is returned as such. */
const struct node *node_member(const struct node *mapping, const char *key);

/* "programs[0].versions[1].rate"; nothing for the root. */
void node_append_path(struct buffer *to, const struct node *node);

/* Adds "file:line: path: message". Returns false. */
__attribute__((format(printf, 4, 5))) bool node_problem(const struct tree *tree,
                                                        const struct node *node,
                                                        struct problems *problems,
                                                        const char *format, ...);

/* "a list", "a mapping" …: for messages. */
const char *node_kind_name(enum node_kind kind);

#endif
