/* Numbers, texts and cells as HTML. */
#include "page.h"

void page_append_escaped(struct buffer *to, struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '&': buffer_append_string(to, "&amp;"); break;
        case '<': buffer_append_string(to, "&lt;"); break;
        case '>': buffer_append_string(to, "&gt;"); break;
        case '"': buffer_append_string(to, "&quot;"); break;
        case '\'': buffer_append_string(to, "&#39;"); break;
        case '\0': break;
        default: buffer_append_byte(to, (uint8_t)text.data[i]);
        }
    }
}

static void append_grouped(struct buffer *to, struct text digits) {
    for (size_t i = 0; i < digits.size; i++) {
        if (i > 0 && (digits.size - i) % 3 == 0) {
            buffer_append_byte(to, ',');
        }
        buffer_append_byte(to, (uint8_t)digits.data[i]);
    }
}

/* The sign takes a true minus, which is as wide as a digit. */
static struct text append_sign(struct buffer *to, const char *number) {
    if (number[0] == '-') {
        buffer_append_string(to, "\xe2\x88\x92");
        number++;
    }
    return text_of(number);
}

void page_append_integer(struct buffer *to, int128 value) {
    char number[DECIMAL_TEXT_SIZE];
    decimal_format(value, 0, number);
    append_grouped(to, append_sign(to, number));
}

void page_append_amount(struct buffer *to, int128 units) {
    char number[DECIMAL_TEXT_SIZE];
    decimal_format(units, AMOUNT_SCALE, number);
    struct text rest = append_sign(to, number);
    const char *point = memchr(rest.data, '.', rest.size);
    size_t whole = point == NULL ? rest.size : (size_t)(point - rest.data);
    append_grouped(to, (struct text){rest.data, whole});
    size_t decimals = point == NULL ? 0 : rest.size - whole - 1;
    buffer_append_byte(to, '.');
    if (decimals > 0) {
        buffer_append(to, point + 1, decimals);
    }
    for (; decimals < 2; decimals++) {
        buffer_append_byte(to, '0');
    }
    if (decimals < AMOUNT_SCALE) {
        buffer_append_string(to, "<i>");
        buffer_append(to, "000000", AMOUNT_SCALE - decimals);
        buffer_append_string(to, "</i>");
    }
}

void page_append_duration(struct buffer *to, int64_t ms) {
    int64_t s = ms / 1000;
    if (ms < 0) {
        buffer_append_string(to, "\xe2\x80\x93");
    } else if (ms == 0) {
        buffer_append_string(to, "0 s");
    } else if (ms < 1000) {
        buffer_append_format(to, "%lld ms", (long long)ms);
    } else if (s < 60) {
        buffer_append_format(to, "%lld.%lld s", (long long)s, (long long)(ms % 1000 / 100));
    } else if (s < 3600) {
        buffer_append_format(to, "%lld min %02lld s", (long long)(s / 60), (long long)(s % 60));
    } else if (s < 86400) {
        buffer_append_format(to, "%lld h %02lld min", (long long)(s / 3600),
                             (long long)(s / 60 % 60));
    } else {
        page_append_integer(to, s / 86400);
        buffer_append_format(to, " d %lld h", (long long)(s / 3600 % 24));
    }
}

void page_append_bytes(struct buffer *to, int128 bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    int128 tenths = bytes * 10;
    while (tenths >= 10000 && unit < sizeof units / sizeof units[0] - 1) {
        tenths /= 1000;
        unit++;
    }
    page_append_integer(to, tenths / 10);
    if (unit > 0 && tenths < 1000) {
        buffer_append_format(to, ".%d", (int)(tenths % 10));
    }
    buffer_append_format(to, " %s", units[unit]);
}

void page_append_share(struct buffer *to, int128 part, int128 whole) {
    if (whole <= 0) {
        buffer_append_string(to, "\xe2\x80\x93");
        return;
    }
    int128 per_mille = part * 1000 / whole;
    if (per_mille == 0 && part > 0) {
        buffer_append_string(to, "under 0.1 %");
        return;
    }
    buffer_append_format(to, "%d.%d %%", (int)(per_mille / 10), (int)(per_mille % 10));
}

void page_append_breakable(struct buffer *to, struct text code) {
    for (size_t i = 0; i < code.size; i++) {
        page_append_escaped(to, (struct text){code.data + i, 1});
        if (code.data[i] == '_') {
            buffer_append_string(to, "<wbr>");
        }
    }
}

void page_append_code(struct buffer *to, const struct page_meaning *meanings, struct text code,
                      size_t row_count) {
    buffer_append_format(to, "<tr><th scope=\"rowgroup\" rowspan=\"%zu\">", row_count);
    page_append_breakable(to, code);
    for (; meanings->code != NULL; meanings++) {
        if (text_equal(text_of(meanings->code), code)) {
            buffer_append_string(to, "<small>");
            page_append_escaped(to, text_of(meanings->words));
            buffer_append_string(to, "</small>");
        }
    }
    buffer_append_string(to, "</th>");
}

void page_append_count_cell(struct buffer *to, const struct page_row *row) {
    buffer_append_string(to, "<td>");
    if (row != NULL) {
        page_append_integer(to, row->value);
    }
    buffer_append_string(to, "</td>");
}

void page_table_begin(struct buffer *to, const char *label, const char *head) {
    buffer_append_format(to,
                         "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
                         "<table>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
                         label, head);
}

void page_table_end(struct buffer *to) {
    buffer_append_string(to, "</tbody>\n</table></div>\n");
}
