/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people and scripts get to see, on standard output. */
#pragma once

#include "value/value.h"

/** xenops_print_json: on one line. */
void xenops_print_json(const Value *value);

/** xenops_print_tree: for people: "key: value", deeper things indented. */
void xenops_print_tree(const Value *value);

/** xenops_print_table: @rows: (element-type GStrv): of as many columns as @head; each as wide as it has to
 * be. */
void xenops_print_table(const char *const *head, GPtrArray *rows);
