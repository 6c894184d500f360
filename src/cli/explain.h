/* explain.h: the two forms of `accrued explain`. Room: cli. Main thread. */
#ifndef ACCRUED_CLI_EXPLAIN_H
#define ACCRUED_CLI_EXPLAIN_H

#include "accrued/explainer.h"

#include "command.h"

struct explain_options {
    struct text line_id;     /* folded */
    struct text customer_id; /* folded; null: whoever has such a line */
    const char *program;     /* NULL: all */
    bool is_json;
    const char *what_if; /* another programs file, or NULL */
    const char *what_if_catalog;
    /* offline */
    const char *programs;
    const char *catalog;
    const char *reference;
    const char *lines;
    bool no_link;
    /* online */
    const char *ledger_file; /* NULL: the topic */
    int64_t since_ms;        /* published records that are older are not looked for; −1: all */
    bool with_published;
    bool with_history; /* also records of the input that have been processed */
};

/* The rules of today, and the others if they were asked for. */
struct explain_rules {
    struct catalog catalog;
    struct programs programs;
    struct catalog other_catalog;
    struct programs other_programs;
};

void explain_rules_init(struct explain_rules *rules);
void explain_rules_release(struct explain_rules *rules);
/* programs, catalog: today's files; catalog may be NULL. */
bool explain_rules_load(struct explain_rules *rules, const struct explain_options *options,
                        const char *programs, const char *catalog, struct fault *fault);

/* Rates the explanation's state, if there is one, under the rules and the others; keeps what was
 * asked for, prints. Returns the exit code. */
int explain_finish(const struct explain_options *options, struct explainer *explainer,
                   struct explanation *explanation, const struct explain_rules *rules,
                   const struct explainer_reference *reference);

int explain_offline(const struct explain_options *options);
int explain_online(const struct explain_options *options, const struct config *config);

#endif
