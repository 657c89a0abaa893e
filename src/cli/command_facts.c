/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints every command as it is offered, for the test that holds them against tests/data/xe-facts.json: name,
 * keys it needs, keys it takes, flags; tabs between, commas within. */
#include <stdio.h>

#include "cli/command.h"

/* clang-format off */
static const struct FlagName {
    guint flag;
    const char *name;
} flag_names[] = {
    {CLI_FLAG_STANDARD,           "standard"          },
    {CLI_FLAG_HIDDEN,             "hidden"            },
    {CLI_FLAG_NEVERFORWARD,       "neverforward"      },
    {CLI_FLAG_LOCAL_SESSION,      "local-session"     },
    {CLI_FLAG_USES_CLIENT_STREAM, "uses-client-stream"},
    {CLI_FLAG_VM_SELECTORS,       "vm-selectors"      },
    {CLI_FLAG_HOST_SELECTORS,     "host-selectors"    },
    {CLI_FLAG_SR_SELECTORS,       "sr-selectors"      },
    {CLI_FLAG_DEPRECATED,         "deprecated"        },
};
/* clang-format on */

static char *
flags_text(const CliCommand *command)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(flag_names); i++) {
        if ((command->flags & flag_names[i].flag) != 0)
            g_ptr_array_add(names, (gpointer)flag_names[i].name);
    }
    if (command->cli_class != NULL)
        g_ptr_array_add(names, (gpointer) "generated");
    g_ptr_array_add(names, NULL);
    return g_strjoinv(",", (char **)names->pdata);
}

int
main(void)
{
    GPtrArray *commands = cli_commands();
    for (guint i = 0; i < commands->len; i++) {
        const CliCommand *command = commands->pdata[i];
        g_autofree char *required = g_strjoinv(",", command->required);
        g_autofree char *optional = g_strjoinv(",", command->optional);
        g_autofree char *flags = flags_text(command);
        printf("%s\t%s\t%s\t%s\n", command->name, required, optional, flags);
    }
    return 0;
}
