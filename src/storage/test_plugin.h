/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small plugins made by tests: shell scripts that note which calls they got. For tests only. */
#pragma once

#include "storage/storage.h"

#define TEST_SR_UUID  "11111111-2222-4333-8444-555555555555"
#define TEST_VDI_UUID "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

/* A folder with a plugin folder "sm" and a state folder "state" in it. */
typedef struct TestPlugins {
    char *root;
    char *plugin_directory;
    char *state_directory;
} TestPlugins;

/* Made and removed with all that is in it. */
void test_plugins_init(TestPlugins *plugins);
void test_plugins_clear(TestPlugins *plugins);

/**
 * test_plugins_write:
 * @name: file name, "FakeSR"
 * @body: shell lines; $call is the method's name, $1 the call; they may use the functions reply, which prints
 * a methodResponse around its argument, fault CODE TEXT, and nil
 *
 * The script notes each call's name in <root>/calls and answers sr_get_driver_info by itself.
 */
void test_plugins_write(const TestPlugins *plugins, const char *name, const char *body);

/** test_plugins_write_raw: a script of exactly these lines, or a file that is not executable. */
void test_plugins_write_raw(const TestPlugins *plugins, const char *name, const char *text, int mode);

/** test_plugins_path: of a plugin. */
char *test_plugins_path(const TestPlugins *plugins, const char *name);

/** test_plugins_calls: names of the calls since the last time, each followed by a space; without
 * sr_get_driver_info. */
char *test_plugins_calls(const TestPlugins *plugins);

/** test_plugins_storage: a service over the plugins. */
Storage *test_plugins_storage(const TestPlugins *plugins);

/** test_call: a call on the disk of the type @sr_type. */
StorageCall test_call(const char *sr_type);

/** test_assert_error: that @error is a storage error of this code, wire code and parameters (joined by "|");
 * clears it. */
void test_assert_error(GError **error, StorageError code, const char *wire_code, const char *params);
