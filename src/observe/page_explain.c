/* One line, explained: the form on the status page, and the page that answers it. */
#include "page.h"

#include "accrued/require.h"

static const char style[] =
    ".facts{list-style:none;margin:0;padding:0;font-size:14px}"
    ".facts li{display:flex;flex-wrap:wrap;gap:0 10px;padding:3px 0 3px 26px;position:relative;"
    "border-top:1px solid var(--rule);overflow-wrap:anywhere}.facts li:first-child{border-top:0}"
    ".facts span{color:var(--soft);flex:0 0 9.5em}.facts div{flex:1 1 14em;min-width:0}"
    ".facts .mark{position:absolute;left:4px}.facts .i1{padding-left:46px}"
    ".facts .i1 .mark{left:24px}.facts .i2,.facts .i3{padding-left:66px}"
    ".facts .i2 .mark,.facts .i3 .mark{left:44px}"
    "h3{font-size:14px;font-weight:600;margin:12px 0 4px}"
    ".said{margin:9px 0 0;font-size:14px;overflow-wrap:anywhere}";

static const char form_style[] =
    ".ask{display:flex;flex-wrap:wrap;gap:8px 12px;align-items:end;margin:0}"
    ".ask label{display:flex;flex-direction:column;font-size:13px;color:var(--soft);flex:1 1 14em}"
    ".ask input{font:inherit;color:inherit;background:var(--paper);border:1px solid var(--faint);"
    "border-radius:6px;padding:5px 8px;min-width:0}"
    ".ask button{font:inherit;color:var(--card);background:var(--main);border:0;border-radius:6px;"
    "padding:6px 16px}.ask :focus-visible{outline:2px solid var(--main);outline-offset:2px}";

const char *page_explain_form_style(void) {
    return form_style;
}

static void append_field(struct buffer *to, const char *name, const char *label, size_t size_max,
                         struct text value) {
    buffer_append_format(to,
                         "<label>%s<input name=\"%s\" required maxlength=\"%zu\" "
                         "autocomplete=\"off\" spellcheck=\"false\" value=\"",
                         label, name, size_max);
    page_append_escaped(to, value);
    buffer_append_string(to, "\"></label>\n");
}

void page_append_explain_form(struct buffer *to, struct text customer_id, struct text line_id) {
    page_append_heading(to, "explain", "Explain a line");
    buffer_append_string(to, "<form class=\"ask\" action=\"/explain\" method=\"get\">\n");
    append_field(to, "customer", "Customer id", PAGE_ID_SIZE_MAX, customer_id);
    append_field(to, "line", "Line id", PAGE_ID_SIZE_MAX, line_id);
    buffer_append_string(to, "<button>Why this much?</button>\n</form>\n</section>\n");
}

/* What the page says instead of an answer. */
static void append_state(struct buffer *to, enum page_explain_state state) {
    const char *words = "";
    switch (state) {
    case PAGE_EXPLAIN_ANSWERED: return;
    case PAGE_EXPLAIN_NO_IDS:
        words = "Give a customer's id and a line's id, up to 1,024 bytes each.";
        break;
    case PAGE_EXPLAIN_WAITS:
        words = "The lane that has the line answers between two transactions. This page looks "
                "again every second.";
        break;
    case PAGE_EXPLAIN_BUSY:
        words = "Another question is being answered. This page asks again in a second.";
        break;
    case PAGE_EXPLAIN_GAVE_UP:
        words =
            "No lane took the question within five seconds: the one that has the line waits for "
            "Redis or for Kafka (/readyz says for what). Ask again when it goes on, or use "
            "accrued explain, which asks the topics.";
        break;
    case PAGE_EXPLAIN_UNAVAILABLE:
        words = "The service is starting or stopping: no lane can answer.";
        break;
    }
    buffer_append_format(to, "<p class=\"notes\" role=\"status\">%s</p>\n", words);
}

void page_append_explain(struct buffer *to, const struct page_explain *explain) {
    bool looks_again = explain->state == PAGE_EXPLAIN_WAITS || explain->state == PAGE_EXPLAIN_BUSY;
    page_append_head(to, "line", explain->nonce, looks_again ? 1 : 0, false);
    buffer_append_string(to, "<body>\n<header>\n<h1><a href=\"/\">accrued</a><b>.</b></h1>\n"
                             "</header>\n<main>\n");
    page_append_explain_form(to, explain->customer_id, explain->line_id);
    append_state(to, explain->state);
    buffer_append_text(to, explain->answer);
    buffer_append_string(to, "</main>\n<footer>From the ledger of the lane that has the line. What "
                             "was published, with offsets: <code>accrued explain --customer ID "
                             "LINE_ID</code></footer>\n</body>\n</html>\n");
}

const char *page_explain_style(void) {
    return style;
}
