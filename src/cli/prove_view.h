/* A proof on the terminal, for `adze prove` and `adze convert`. */
#ifndef AZ_CLI_PROVE_VIEW_H
#define AZ_CLI_PROVE_VIEW_H

#include "cli/cli.h"
#include "job/prove.h"

/* Everything: a line an item, weights summed up by type. */
void az_cli_proof(az_cli *cli, const az_proof *p);
/* One line when it holds, else what is different. */
void az_cli_proof_brief(az_cli *cli, const az_proof *p);

#endif
