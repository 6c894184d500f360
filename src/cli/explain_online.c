#include "explain.h"
int explain_online(const struct explain_options *options, const struct config *config) {
    (void)options;
    (void)config;
    return COMMAND_FAILED;
}
