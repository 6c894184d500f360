#include "dial.h"

#include "accrued/secret.h"

#include <hiredis/hiredis.h>
#include <string.h>

static bool log_in_with(struct connection *connection, const struct login *login,
                        const char *password, int64_t deadline_ms, struct fault *fault) {
    bool named = login->username[0] != '\0';
    struct text arguments[3] = {TEXT("AUTH"), text_of(login->username), text_of(password)};
    if (!named) {
        arguments[1] = arguments[2];
    }
    struct redisReply *reply;
    if (!connection_call(connection, arguments, named ? 3 : 2, deadline_ms, "AUTH", login->hint,
                         &reply, fault)) {
        return false;
    }
    freeReplyObject(reply);
    return true;
}

bool connection_log_in(struct connection *connection, const struct login *login,
                       int64_t deadline_ms, struct fault *fault) {
    if (login->password_file[0] == '\0') {
        return login->password[0] == '\0' ||
               log_in_with(connection, login, login->password, deadline_ms, fault);
    }
    char password[SECRET_SIZE_MAX];
    struct fault why;
    bool is_good = secret_read(login->password_file, password, &why)
                       ? log_in_with(connection, login, password, deadline_ms, fault)
                       : connection_fault(connection, fault, "the password's file: %s", why.text);
    explicit_bzero(password, sizeof password);
    return is_good;
}
