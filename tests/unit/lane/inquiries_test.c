/* The box between the page and the lanes: one question, one answer, nobody hangs. */
#include "accrued/inquiries.h"

#include <criterion/criterion.h>

#define ASK(box, customer, line, to)                                                               \
    inquiries_ask(&(box), text_of(customer), text_of(line), 0, &(to))

static void expect_answer(struct buffer *to, const char *wanted) {
    cr_expect(text_equal(buffer_text(to), text_of(wanted)), "%.*s", TEXT_ARGS(buffer_text(to)));
    buffer_clear(to);
}

Test(inquiries, a_question_is_taken_once_and_answered_once) {
    struct inquiries box;
    struct inquiry question;
    struct buffer to;
    inquiries_init(&box, 2);
    buffer_init(&to);
    cr_expect_not(inquiries_are_new(&box, 0));
    cr_expect_not(inquiries_look(&box, &question));
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    cr_expect(inquiries_are_new(&box, 0));
    cr_assert(inquiries_look(&box, &question));
    cr_expect_not(inquiries_are_new(&box, question.number), "it has been seen");
    cr_expect(text_equal((struct text){question.customer_id, question.customer_size}, TEXT("c")));
    cr_expect(text_equal((struct text){question.line_id, question.line_size}, TEXT("l")));
    cr_expect(inquiries_take(&box, question.number));
    cr_expect_not(inquiries_take(&box, question.number), "another lane was faster");
    cr_expect_not(inquiries_are_new(&box, 0));
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    inquiries_answer(&box, question.number, TEXT("why"));
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_DONE);
    expect_answer(&to, "why");
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER, "the same again is a new question");
    cr_expect(inquiries_are_new(&box, question.number));
    buffer_release(&to);
    inquiries_release(&box);
}

Test(inquiries, another_question_waits_for_one_that_is_open) {
    struct inquiries box;
    struct inquiry question;
    struct buffer to;
    inquiries_init(&box, 1);
    buffer_init(&to);
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    cr_expect_eq(ASK(box, "c", "m", to), INQUIRY_BUSY);
    cr_assert(inquiries_look(&box, &question));
    cr_assert(inquiries_take(&box, question.number));
    cr_expect_eq(ASK(box, "d", "l", to), INQUIRY_BUSY);
    inquiries_answer(&box, question.number, TEXT("why"));
    cr_expect_eq(ASK(box, "d", "l", to), INQUIRY_LATER, "an answer nobody fetched gives way");
    cr_assert(inquiries_look(&box, &question));
    cr_expect(inquiries_take(&box, question.number));
    inquiries_answer(&box, question.number, TEXT("because"));
    cr_expect_eq(ASK(box, "d", "l", to), INQUIRY_DONE);
    expect_answer(&to, "because");
    buffer_release(&to);
    inquiries_release(&box);
}

Test(inquiries, when_no_lane_has_the_partition_that_is_the_answer) {
    struct inquiries box;
    struct inquiry question;
    struct buffer to;
    inquiries_init(&box, 2);
    buffer_init(&to);
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    cr_assert(inquiries_look(&box, &question));
    inquiries_decline(&box, question.number, 1);
    inquiries_decline(&box, question.number, 1); /* it was built anew in between */
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    inquiries_decline(&box, question.number, 0);
    inquiries_decline(&box, question.number, 0); /* too late to matter */
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_DONE);
    cr_expect(strstr((const char *)to.data, "another process") != NULL);
    buffer_release(&to);
    inquiries_release(&box);
}

Test(inquiries, a_question_that_no_lane_takes_is_given_up) {
    struct inquiries box;
    struct inquiry question;
    struct buffer to;
    inquiries_init(&box, 1);
    buffer_init(&to);
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    cr_assert(inquiries_look(&box, &question));
    box.put_at_ms -= INQUIRY_MS_MAX / 2;
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    box.put_at_ms -= INQUIRY_MS_MAX / 2;
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_GIVEN_UP);
    cr_expect_not(inquiries_are_new(&box, 0), "it is withdrawn");
    cr_expect_not(inquiries_take(&box, question.number));
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER, "and may be asked again");
    /* What a lane is at is not given up: it will answer. */
    cr_assert(inquiries_look(&box, &question));
    cr_assert(inquiries_take(&box, question.number));
    box.put_at_ms -= 2 * INQUIRY_MS_MAX;
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_LATER);
    inquiries_answer(&box, question.number, TEXT("why"));
    cr_expect_eq(ASK(box, "c", "l", to), INQUIRY_DONE);
    expect_answer(&to, "why");
    buffer_release(&to);
    inquiries_release(&box);
}
