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
    {"vm/", CLASS_VM, "OpaqueRef:1", FALSE},
    {"/OpaqueRef:1", CLASS_VM, "OpaqueRef:1", FALSE},
    {"", CLASS_VM, "OpaqueRef:1", FALSE},
    {"nonsense", CLASS_VM, "OpaqueRef:1", FALSE},
};

static void
test_matches(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        EventSubscription *subscription = event_subscription_new();
        g_autoptr(Value) classes = test_classes(cases[i].text);
        event_subscription_add(subscription, classes);
        g_assert_cmpint(event_subscription_matches(subscription, cases[i].class_id, cases[i].ref), ==,
                        cases[i].matches);
        event_subscription_remove(subscription, classes);
        g_assert_true(event_subscription_is_empty(subscription));
        event_subscription_free(subscription);
    }
}

static void
test_interests_stand_once(void)
{
    const char *const texts[] = {"vm", "VM", "vm/OpaqueRef:1", "vdi/OpaqueRef:2", "vdi/OpaqueRef:2", NULL};
    g_autoptr(Value) classes = value_array_of_strings(texts);
    EventSubscription *subscription = event_subscription_new();

    event_subscription_add(subscription, classes);
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
        event_subscription_add(subscription, classes);
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
    g_test_add_func("/event/subscription/interests-stand-once", test_interests_stand_once);
    g_test_add_func("/event/subscription/tasks-only", test_tasks_only);
    return g_test_run();
}
