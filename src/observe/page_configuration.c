/* What the service was told, as it understood it. */
#include "page.h"

void page_append_configuration(struct buffer *to, struct text configuration) {
    if (text_is_null(configuration)) {
        return;
    }
    page_append_heading(to, "configuration", "Configuration");
    buffer_append_string(to, "<details><summary>In force, secrets masked</summary>\n"
                             "<pre tabindex=\"0\" role=\"region\" "
                             "aria-label=\"Configuration in force\">");
    page_append_escaped(to, configuration);
    buffer_append_string(to, "</pre></details>\n</section>\n");
}
