/* What is in force: who holds what, and when it goes. */
#include "accrued/edition.h"
#include "accrued/programs_yaml.h"

#include <criterion/criterion.h>
#include <pthread.h>

struct world {
    struct config config;
    struct catalog catalog;
    struct programs programs;
    struct edition first;
    struct editions editions;
};

static void world_init(struct world *world) {
    config_init(&world->config);
    catalog_init(&world->catalog);
    programs_init(&world->programs);
    world->first = (struct edition){
        .config = &world->config, .programs = &world->programs, .catalog = &world->catalog};
    editions_init(&world->editions, &world->first);
}

static void world_release(struct world *world) {
    editions_release(&world->editions);
    programs_release(&world->programs);
    catalog_release(&world->catalog);
    config_release(&world->config);
}

Test(edition, the_first_is_the_callers) {
    struct world world;
    world_init(&world);
    struct edition *held = editions_take(&world.editions);
    cr_expect_eq(held, &world.first);
    cr_expect_eq(held->number, 1);
    cr_expect(!editions_has_newer(&world.editions, held));
    edition_drop(held);
    world_release(&world);
}

Test(edition, who_holds_an_old_one_keeps_it_until_it_is_dropped) {
    struct world world;
    world_init(&world);
    struct edition *first = editions_take(&world.editions);
    struct edition_parts *parts = edition_parts_new();
    parts->config.batch.lines_max = 7;
    editions_put(&world.editions, parts);
    cr_expect(editions_has_newer(&world.editions, first));
    struct edition *second = editions_take(&world.editions);
    cr_expect_eq(second->number, 2);
    cr_expect_eq(second->config->batch.lines_max, 7);
    edition_drop(first);
    editions_put(&world.editions, edition_parts_new());
    /* The second is no longer in force, and still whole: the sanitizer would tell. */
    cr_expect_eq(second->config->batch.lines_max, 7);
    cr_expect(editions_has_newer(&world.editions, second));
    edition_drop(second);
    edition_drop(NULL);
    edition_parts_free(NULL);
    edition_parts_free(edition_parts_new());
    world_release(&world);
}

static void *take_and_drop(void *context) {
    struct editions *editions = context;
    int64_t last = 0;
    for (int i = 0; i < 20000; i++) {
        struct edition *edition = editions_take(editions);
        cr_assert(edition->number >= last && edition->config->batch.lines_max > 0);
        last = edition->number;
        edition_drop(edition);
    }
    return NULL;
}

Test(edition, taken_by_many_while_it_is_swapped) {
    struct world world;
    pthread_t threads[3];
    world_init(&world);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_drop, &world.editions), 0);
    }
    for (int i = 0; i < 500; i++) {
        editions_put(&world.editions, edition_parts_new());
    }
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    world_release(&world);
}
