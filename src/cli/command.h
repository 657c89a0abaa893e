/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every command under its name: the rows of model/cli.toml, and the seven or fewer of each class. */
#pragma once

#include "cli/table.h"

typedef gboolean (*CliClassHandler)(CliCall *call, const CliClass *cli_class, GError **error);

typedef struct CliCommand {
    char *name;
    GStrv required;
    GStrv optional;
    guint flags;
    char *help;
    const CliRow *row;             /* of the table; or: */
    const CliClass *cli_class;     /* generated for this class, */
    CliClassHandler class_handler; /* done by this */
} CliCommand;

/** cli_command_find: NULL if there is none. Thread: any. */
const CliCommand *cli_command_find(const char *name);

/** cli_commands: (element-type CliCommand): all, in order of name. */
GPtrArray *cli_commands(void);

/** cli_command_run: checks that required keys are there, then does it. */
gboolean cli_command_run(CliCall *call, const CliCommand *command, GError **error);
