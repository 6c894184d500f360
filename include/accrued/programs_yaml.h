/* programs_yaml.h: programs.yaml and catalog.yaml → struct programs, struct catalog. Room: config.
 *
 * Everything that accrual-model.md §5 and §6 demand of the files is checked here; a message names
 * file, line, key and reason. Scalars are read as text: a rate is never a float. */
#ifndef ACCRUED_PROGRAMS_YAML_H
#define ACCRUED_PROGRAMS_YAML_H

#include "accrued/catalog.h"
#include "accrued/fault.h"
#include "accrued/problems.h"
#include "accrued/programs.h"

/* The catalog comes first: accelerators' tags are bits of its tag table (and are added to it). */
bool catalog_load(struct catalog *catalog, const char *path, struct fault *fault);
bool programs_load(struct programs *programs, struct catalog *catalog, const char *path,
                   struct fault *fault);

/* The same, but every problem of the file is named: for `accrued check`. */
bool catalog_load_all(struct catalog *catalog, const char *path, struct problems *problems);
bool programs_load_all(struct programs *programs, struct catalog *catalog, const char *path,
                       struct problems *problems);

#endif
