/* accrued ledger: what stands in a worker's local ledger file. */
#include "ledger.h"

#include "command.h"

#include <stdio.h>

static const char usage[] =
    "Usage: accrued ledger inspect [--json] [--key CUSTOMER/LINE] FILE\n"
    "       accrued ledger verify FILE\n"
    "\n"
    "Reads a local ledger file (ledger.directory); also while a worker has it. Writes nothing.\n"
    "\n"
    "inspect prints its frames: blocks with their ids, entries and how much of them is still the\n"
    "newest state of a line, marks, and room given back; then what they are together. verify "
    "reads\n"
    "every byte that counts; exit code 1 and the place of the first doubt if there is one. A "
    "worker\n"
    "would cut the file there and read the rest from the topic.\n"
    "\n"
    "      --json                one JSON object a line instead of a table\n"
    "      --key CUSTOMER/LINE   the line's entries, oldest first, instead of frames\n"
    "  -h, --help                this text\n";

/* In a file that is being written, what looks like damage may be a frame half written. */
#define READ_AGAIN_MAX 5

enum { OPTION_JSON = 256, OPTION_KEY };

static const struct option long_options[] = {
    {"json", no_argument, NULL, OPTION_JSON},
    {"key", required_argument, NULL, OPTION_KEY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* "CUSTOMER/LINE": ids may hold slashes themselves, so it is compared as a whole. */
static bool is_of_key(const struct billing_line *line, struct text key) {
    struct text customer = line->customer_id;
    return key.size == customer.size + 1 + line->line_id.size && key.data[customer.size] == '/' &&
           text_equal((struct text){key.data, customer.size}, customer) &&
           text_equal((struct text){key.data + customer.size + 1, line->line_id.size},
                      line->line_id);
}

static size_t report_entries(const struct ledger_file *file, const struct ledger_frame *frame,
                             struct text key, struct ledger_report *report) {
    struct cursor cursor = cursor_of(frame->block.entries.data, frame->block.entries.size);
    struct ledger_file_entry entry;
    struct arena arena;
    size_t count = 0;
    arena_init(&arena);
    while (ledger_file_entry(file, frame, &cursor, &arena, &entry)) {
        if (is_of_key(&entry.state.line, key)) {
            ledger_report_entry(report, frame, &entry);
            count++;
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
    return count;
}

static int finish(const char *command, const char *path, enum ledger_file_step step,
                  struct fault *fault) {
    if (step == LEDGER_FILE_END) {
        return COMMAND_OK;
    }
    fault_prefix(fault, "%s: ", path);
    return command_failed(command, fault);
}

static int inspect_file(const char *command, const char *path, struct text key, bool is_json) {
    struct fault fault;
    struct ledger_file_facts facts;
    struct ledger_file *file = ledger_file_open(path, &facts, &fault);
    if (file == NULL) {
        return command_failed(command, &fault);
    }
    struct ledger_report *report = ledger_report_new(is_json);
    struct ledger_sums sums = {.mark = -1};
    struct ledger_frame frame;
    enum ledger_file_step step = LEDGER_FILE_END;
    size_t entry_count = 0;
    ledger_file_learn(file);
    while ((step = ledger_file_next(file, &frame, &fault)) == LEDGER_FILE_FRAME) {
        if (text_is_null(key)) {
            ledger_report_frame(report, &frame);
            ledger_sums_add(&sums, &frame);
        } else if (frame.kind == LEDGER_FRAME_BLOCK) {
            entry_count += report_entries(file, &frame, key, report);
        }
    }
    if (text_is_null(key)) {
        ledger_report_print_frames(report, path, &facts, &sums);
    } else {
        ledger_report_print_entries(report);
    }
    ledger_report_free(report);
    ledger_file_close(file);
    int code = finish(command, path, step, &fault);
    if (code == COMMAND_OK && !text_is_null(key) && entry_count == 0) {
        fault_set(&fault, "%s holds no line %.*s", path, TEXT_ARGS(key));
        code = command_failed(command, &fault);
    }
    return code;
}

static int verify_file(const char *command, const char *path) {
    struct fault fault;
    struct ledger_file_facts facts;
    struct ledger_file *file = ledger_file_open(path, &facts, &fault);
    if (file == NULL) {
        return command_failed(command, &fault);
    }
    enum ledger_file_step step = LEDGER_FILE_DOUBT;
    struct ledger_sums sums = {.mark = -1};
    for (int i = 0; step == LEDGER_FILE_DOUBT && i < (facts.is_in_use ? READ_AGAIN_MAX : 1); i++) {
        struct ledger_frame frame;
        sums = (struct ledger_sums){.mark = -1};
        ledger_file_rewind(file);
        while ((step = ledger_file_next(file, &frame, &fault)) == LEDGER_FILE_FRAME) {
            ledger_sums_add(&sums, &frame);
        }
    }
    ledger_file_close(file);
    if (step == LEDGER_FILE_END) {
        (void)printf("%s: good; partition %u of %u, %zu blocks, %zu entries, up to input offset "
                     "%lld\n",
                     path, facts.partition, facts.partition_count, sums.blocks, sums.entries,
                     (long long)sums.last.next_offset);
    }
    return finish(command, path, step, &fault);
}

int command_ledger(int argc, char **argv) {
    struct command_common common = {.override_count = 0};
    bool is_json = false;
    struct text key = text_null();
    int option = 0;
    while ((option = command_getopt(argc, argv, "", long_options, &common)) != -1) {
        switch (option) {
        case 'h': (void)fputs(usage, stdout); return COMMAND_OK;
        case OPTION_JSON: is_json = true; break;
        case OPTION_KEY: key = text_of(optarg); break;
        default: return COMMAND_USAGE;
        }
    }
    if (optind + 2 != argc) {
        return command_usage(argv[0], "what to do and one file are wanted");
    }
    const char *verb = argv[optind];
    if (strcmp(verb, "inspect") == 0) {
        return inspect_file(argv[0], argv[optind + 1], key, is_json);
    }
    if (strcmp(verb, "verify") == 0) {
        if (is_json || !text_is_null(key)) {
            return command_usage(argv[0], "verify takes no options");
        }
        return verify_file(argv[0], argv[optind + 1]);
    }
    return command_usage(argv[0], "\"%s\": there are inspect and verify", verb);
}
