/* versions_yaml.h: the `versions` of a program. Room: config. Used by programs_yaml.c only. */
#ifndef ACCRUED_CONFIG_VERSIONS_YAML_H
#define ACCRUED_CONFIG_VERSIONS_YAML_H

#include "accrued/catalog.h"
#include "accrued/programs.h"
#include "fields.h"

/* Reads the list `node` into program->versions, ascending by `from`. What else of the program
 * matters (measure, pays) must be there already. */
bool versions_read(const struct fields *fields, const struct node *node, struct catalog *catalog,
                   struct program *program);

extern const struct words versions_measures; /* in the order of enum measure_kind */

#endif
