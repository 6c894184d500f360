/* A document is harmless wherever it is written. */
#include "accrued/document.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const struct table_column columns[] = {{"NAME", TABLE_LEFT}, {"VALUE", TABLE_RIGHT}};

static void fill(struct document *document, const char *text) {
    document_init(document);
    document_heading(document, 1, "One %s", text);
    document_fact(document, 0, MARK_YES, "name", "%s", text);
    document_fact(document, 1, MARK_NO, "a name that is long enough", "inner");
    document_say(document, MARK_RESULT, "so %s", text);
    document_table(document, columns, 2);
    document_row(document, (const char *const[2]){text, "1"});
    document_row(document, (const char *const[2]){NULL, "23"});
    document_heading(document, 2, "Two");
    document_say(document, MARK_PLAIN, "end");
}

static const char *written(void (*write)(struct buffer *, const struct document *),
                           const char *text, struct buffer *to) {
    struct document document;
    buffer_init(to);
    fill(&document, text);
    write(to, &document);
    buffer_append_byte(to, '\0');
    document_release(&document);
    return (const char *)to->data;
}

Test(document, text) {
    struct buffer to;
    cr_expect_str_eq(written(document_append_text, "x", &to),
                     "One x\n"
                     "  ✓ name              x\n"
                     "    ✗ a name that is long enough inner\n"
                     "  → so x\n"
                     "  NAME VALUE\n"
                     "  x        1\n"
                     "          23\n"
                     "  Two\n"
                     "  end\n");
    buffer_release(&to);
}

Test(document, a_terminal_is_not_steered) {
    struct buffer to;
    const char *text = written(document_append_text, "\x1b[2J\x07\xc2\x9b\x7f\n", &to);
    cr_expect_null(strpbrk(text, "\x1b\x07\x7f"));
    cr_expect_null(strstr(text, "\xc2\x9b"));
    cr_expect_not_null(strstr(text, "so \\x1b[2J\\x07\\x9b\\x7f\\x0a\n"));
    buffer_release(&to);
}

Test(document, html_has_no_markup_of_others) {
    struct buffer to;
    const char *text = written(document_append_html, "<i a=\"b\">&", &to);
    cr_expect_null(strstr(text, "<i"));
    cr_expect_not_null(strstr(text, "<h2>One &lt;i a=&quot;b&quot;&gt;&amp;</h2>"), "%s", text);
    cr_expect_not_null(strstr(text, "<section>\n<h2>One"));
    cr_expect_not_null(strstr(text, "<h3>Two</h3>"));
    cr_expect_not_null(strstr(text, "</section>\n"));
    cr_expect_not_null(strstr(text, "aria-label=\"does not hold\""));
    buffer_release(&to);
}
