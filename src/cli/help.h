/* Help in all its forms, made from the command and option tables. */
#ifndef AZ_CLI_HELP_H
#define AZ_CLI_HELP_H

#include "cli/cli.h"

void az_help_command(az_cli *cli, const az_cmd *cmd);

#endif
