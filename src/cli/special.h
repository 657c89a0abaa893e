/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fields that take more than a path to make: named in model/cli.toml as "special". */
#pragma once

#include "cli/call.h"

/** cli_special_sr_host: the host a storage repository is connected to, or that there are several. */
char *cli_special_sr_host(CliCall *call, DbRow *row);
/** cli_special_vdi_name: what is in a drive. */
char *cli_special_vdi_name(CliCall *call, DbRow *row);
/** cli_special_attachable: whether a disk could be attached, or why not. */
char *cli_special_attachable(CliCall *call, DbRow *row);
/** cli_special_duplex: of a physical interface. */
char *cli_special_duplex(CliCall *call, DbRow *row);
