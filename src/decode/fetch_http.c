#include "fetch.h"

#include "answer.h"

#include "accrued/require.h"
#include "accrued/secret.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#define BODY_SIZE_MAX (8U << 20)
#define URL_COUNT_MAX 16
#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"

struct fetcher {
    CURL *curl;
    struct curl_slist *headers;
    const atomic_bool *stop;
    char *password_file; /* NULL: none */
    char *urls;          /* cut at the commas */
    const char *url[URL_COUNT_MAX];
    size_t url_count;
    size_t good; /* the last that answered */
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    REQUIRE(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    struct buffer *body = context;
    size_t more = size * count;
    if (more > BODY_SIZE_MAX - body->size) {
        return 0; /* ends the request */
    }
    buffer_append(body, data, more);
    return more;
}

static int is_stopped(void *context, curl_off_t all, curl_off_t now, curl_off_t up_all,
                      curl_off_t up_now) {
    (void)all;
    (void)now;
    (void)up_all;
    (void)up_now;
    const struct fetcher *fetcher = context;
    return atomic_load(fetcher->stop);
}

static void split_urls(struct fetcher *fetcher, const char *urls) {
    fetcher->urls = strdup(urls);
    REQUIRE(fetcher->urls != NULL);
    char *rest = NULL;
    for (char *url = strtok_r(fetcher->urls, ", ", &rest);
         url != NULL && fetcher->url_count < URL_COUNT_MAX; url = strtok_r(NULL, ", ", &rest)) {
        size_t size = strlen(url);
        while (size > 0 && url[size - 1] == '/') {
            url[--size] = '\0';
        }
        fetcher->url[fetcher->url_count++] = url;
    }
}

static bool set_up(struct fetcher *fetcher, const struct registry_options *options) {
    CURL *curl = fetcher->curl;
    fetcher->headers = curl_slist_append(NULL, "Accept: " MEDIA_TYPE ", application/json");
    REQUIRE(fetcher->headers != NULL);
    REQUIRE(curl_slist_append(fetcher->headers, "Content-Type: " MEDIA_TYPE) != NULL);
    bool is_good =
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fetcher->headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetcher->error) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "accrued/" ACCRUED_VERSION) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms) ==
            CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_stopped) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, fetcher) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK;
    if (is_good && options->username[0] != '\0') {
        is_good = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_USERNAME, options->username) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_PASSWORD, options->password) == CURLE_OK;
    }
    if (is_good && options->ca_file[0] != '\0') {
        is_good = curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file) == CURLE_OK &&
                  curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    }
    if (is_good && options->certificate_file[0] != '\0') {
        is_good =
            curl_easy_setopt(curl, CURLOPT_SSLCERT, options->certificate_file) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_SSLKEY,
                             options->key_file[0] != '\0' ? options->key_file
                                                          : options->certificate_file) == CURLE_OK;
    }
    return is_good;
}

struct fetcher *fetcher_open(const struct registry_options *options, const atomic_bool *stop,
                             struct fault *fault) {
    REQUIRE(pthread_once(&curl_once, start_curl) == 0);
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    REQUIRE(fetcher != NULL);
    fetcher->stop = stop;
    fetcher->curl = curl_easy_init();
    REQUIRE(fetcher->curl != NULL);
    split_urls(fetcher, options->urls);
    if (options->username[0] != '\0' && options->password_file[0] != '\0') {
        fetcher->password_file = strdup(options->password_file);
        REQUIRE(fetcher->password_file != NULL);
    }
    bool is_good = fetcher->url_count > 0 || fault_set(fault, "schema registry: no address");
    if (is_good && !set_up(fetcher, options)) {
        is_good = fault_set(fault, "schema registry: this libcurl cannot do what is asked of it");
    }
    if (!is_good) {
        fetcher_free(fetcher);
        return NULL;
    }
    return fetcher;
}

void fetcher_free(struct fetcher *fetcher) {
    if (fetcher == NULL) {
        return;
    }
    curl_easy_cleanup(fetcher->curl);
    curl_slist_free_all(fetcher->headers);
    free(fetcher->password_file);
    free(fetcher->urls);
    free(fetcher);
}

/* One address. true: it answered, and meant us. */
static bool ask_one(struct fetcher *fetcher, const char *url, struct text request, long *ret_status,
                    struct buffer *body, struct fault *fault) {
    CURL *curl = fetcher->curl;
    buffer_clear(body);
    fetcher->error[0] = '\0';
    REQUIRE(curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK);
    REQUIRE(curl_easy_setopt(curl, CURLOPT_WRITEDATA, body) == CURLE_OK);
    if (text_is_null(request)) {
        REQUIRE(curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK);
    } else {
        REQUIRE(curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK);
        REQUIRE(curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request.size) ==
                CURLE_OK);
        REQUIRE(curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.data) == CURLE_OK);
    }
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) {
        return fault_set(fault, "schema registry %s: %s", url,
                         fetcher->error[0] != '\0' ? fetcher->error : curl_easy_strerror(code));
    }
    long status = 0;
    REQUIRE(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
    if (status == 401 || status == 403) {
        return fault_set(fault, "schema registry %s: refuses our credentials (HTTP %ld)", url,
                         status);
    }
    if (status != 200 && status != 400 && status != 404 && status != 409 && status != 422) {
        return fault_set(fault, "schema registry %s: HTTP %ld", url, status);
    }
    if (!answer_is_of_registry(status, buffer_text(body))) {
        return fault_set(fault, "schema registry %s: HTTP %ld, but no registry's reply", url,
                         status);
    }
    *ret_status = status;
    return true;
}

/* Passwords are changed while we run. */
static bool take_password(struct fetcher *fetcher, struct fault *fault) {
    char password[SECRET_SIZE_MAX];
    if (fetcher->password_file == NULL) {
        return true;
    }
    if (!secret_read(fetcher->password_file, password, fault)) {
        return fault_prefix(fault, "schema registry: the password's file: ");
    }
    REQUIRE(curl_easy_setopt(fetcher->curl, CURLOPT_PASSWORD, password) == CURLE_OK);
    explicit_bzero(password, sizeof password);
    return true;
}

bool fetcher_ask(struct fetcher *fetcher, const char *path, struct text request, long *ret_status,
                 struct buffer *ret_body, struct fault *fault) {
    struct buffer url;
    buffer_init(&url);
    bool is_answered = false;
    bool is_ready = take_password(fetcher, fault);
    for (size_t i = 0;
         i < fetcher->url_count && is_ready && !is_answered && !atomic_load(fetcher->stop); i++) {
        size_t at = (fetcher->good + i) % fetcher->url_count;
        buffer_clear(&url);
        buffer_append_string(&url, fetcher->url[at]);
        buffer_append_string(&url, path);
        buffer_append_byte(&url, '\0');
        is_answered =
            ask_one(fetcher, (const char *)url.data, request, ret_status, ret_body, fault);
        if (is_answered) {
            fetcher->good = at;
        }
    }
    buffer_release(&url);
    if (atomic_load(fetcher->stop)) {
        return fault_set(fault, "schema registry: the process is stopping");
    }
    return is_answered;
}

void fetch_append_escaped(struct buffer *to, struct text text) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.' ||
                        byte == '~';
        if (is_plain) {
            buffer_append_byte(to, byte);
        } else {
            buffer_append_byte(to, '%');
            buffer_append_byte(to, (uint8_t)digits[byte >> 4]);
            buffer_append_byte(to, (uint8_t)digits[byte & 15]);
        }
    }
}
