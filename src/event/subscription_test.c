/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What subscription strings match. */
#include "event/subscription.h"

#include "db/test_model.h"
#include "event/test_answer.h"

static const struct {
    const char *text;
    int class_id;
    const char *ref;
    gboolean matches;
} cases[] = {
    {"*", CLASS_VM, "OpaqueRef:1", TRUE},
    {"*", CLASS_SESSION, "OpaqueRef:1", FALSE},
    {"vm", CLASS_VM, "OpaqueRef:1", TRUE},
    {"VM", CLASS_VM, "OpaqueRef:1", TRUE},
    {"Vm", CLASS_VM, "OpaqueRef:1", TRUE},
    {"vm", CLASS_VBD, "OpaqueRef:1", FALSE},
    {"session", CLASS_SESSION, "OpaqueRef:1", FALSE},
    {"VM/OpaqueRef:1", CLASS_VM, "OpaqueRef:1", TRUE},
    {"vm/OpaqueRef:1", CLASS_VM, "OpaqueRef:2", FALSE},
    {"vm/OpaqueRef:1", CLASS_VBD, "OpaqueRef:1", FALSE},
    {"nonsense", CLASS_VM, "OpaqueRef:1", FALSE},
};

static void
test_matches(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        EventSubscription *subscription = event_subscription_new();
        g_autoptr(Value) classes = test_classes(cases[i].text);
        g_assert_true(event_subscription_check(classes, NULL));
        g_assert_true(event_subscription_add(subscription, classes, NULL));
        g_assert_cmpint(event_subscription_matches(subscription, cases[i].class_id, cases[i].ref), ==,
                        cases[i].matches);
        event_subscription_remove(subscription, classes);
        g_assert_true(event_subscription_is_empty(subscription));
        event_subscription_free(subscription);
    }
}

static void
test_malformed_strings_are_refused(void)
{
    static const char *const texts[] = {"",        "vm/",        "/",    "/OpaqueRef:1", "vm/OpaqueRef:1/x",
                                        "vm//",    "**",         "*/vm", " vm",          "vm ",
                                        "a class", "v\xc3\xa4m", "-vm"};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *const several[] = {"vm", texts[i], NULL};
        g_autoptr(Value) classes = value_array_of_strings(several);
        g_autoptr(GError) error = NULL;
        g_assert_false(event_subscription_check(classes, &error));
        test_assert_api_error(&error, "EVENT_SUBSCRIPTION_PARSE_FAILURE", texts[i], NULL);
    }
}

static void
test_objects_are_bounded(void)
{
    EventSubscription *subscription = event_subscription_new();
    g_autoptr(Value) classes = value_array_new(EVENT_OBJECTS_MAX);
    g_autoptr(Value) one = test_classes("vm/one-more");
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < EVENT_OBJECTS_MAX; i++)
        value_array_add(classes, value_string_printf("vm/%d", i));
    g_assert_true(event_subscription_add(subscription, classes, NULL));
    g_assert_false(event_subscription_add(subscription, one, &error));
    test_assert_api_error(&error, "EVENT_SUBSCRIPTION_PARSE_FAILURE", "vm/one-more", NULL);
    g_assert_false(event_subscription_matches(subscription, CLASS_VM, "one-more"));
    event_subscription_free(subscription);
}

static void
test_interests_stand_once(void)
{
    const char *const texts[] = {"vm", "VM", "vm/OpaqueRef:1", "vdi/OpaqueRef:2", "vdi/OpaqueRef:2", NULL};
    g_autoptr(Value) classes = value_array_of_strings(texts);
    EventSubscription *subscription = event_subscription_new();

    g_assert_true(event_subscription_add(subscription, classes, NULL));
    g_autoptr(GArray) interests = event_subscription_interests(subscription);
    g_assert_cmpuint(interests->len, ==, 2);
    g_assert_cmpint(g_array_index(interests, DbInterest, 0).class_id, ==, CLASS_VM);
    g_assert_null(g_array_index(interests, DbInterest, 0).ref);
    g_assert_cmpstr(g_array_index(interests, DbInterest, 1).ref, ==, "OpaqueRef:2");
    event_subscription_free(subscription);
}

static void
test_tasks_only(void)
{
    static const struct {
        const char *texts[3];
        gboolean is_tasks_only;
    } mixes[] = {
        {{"task"}, TRUE},
        {{"task/OpaqueRef:1"}, TRUE},
        {{"task", "task/OpaqueRef:1"}, TRUE},
        {{"task", "vm"}, FALSE},
        {{"*"}, FALSE},
        {{"vm/OpaqueRef:1"}, FALSE},
        {{"task", "vm/OpaqueRef:1"}, FALSE},
        {{"nonsense"}, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(mixes); i++) {
        EventSubscription *subscription = event_subscription_new();
        g_autoptr(Value) classes = value_array_of_strings(mixes[i].texts);
        g_assert_true(event_subscription_add(subscription, classes, NULL));
        g_assert_cmpint(event_subscription_is_tasks_only(subscription), ==, mixes[i].is_tasks_only);
        event_subscription_free(subscription);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    model_init();
    g_test_add_func("/event/subscription/matches", test_matches);
    g_test_add_func("/event/subscription/malformed-strings-are-refused", test_malformed_strings_are_refused);
    g_test_add_func("/event/subscription/objects-are-bounded", test_objects_are_bounded);
    g_test_add_func("/event/subscription/interests-stand-once", test_interests_stand_once);
    g_test_add_func("/event/subscription/tasks-only", test_tasks_only);
    return g_test_run();
}
