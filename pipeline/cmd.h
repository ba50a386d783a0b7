/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The commands of `tocsin`, one file each (cmd_NAME.c). argv[0] is the command's name. They
 * return an exit code, which the man page documents.
 */
#ifndef TOCSIN_CMD_H
#define TOCSIN_CMD_H

enum exit_code {
	EXIT_OK = 0,
	EXIT_RUNTIME = 1,	/* something failed while it ran */
	EXIT_USAGE = 2,		/* command line or configuration */
	EXIT_POLICY = 3,	/* problems in policies */
	EXIT_MACHINE = 4,	/* a privilege or a kernel feature is missing */
};

struct command {
	const char *name;
	const char *help;	/* one sentence */
	int (*run)(int argc, char **argv);
};

extern const struct command commands[];	/* ends with name NULL */

int cmd_run(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_learn(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_version(int argc, char **argv);
/* `help outputs`, `help enrichers`, and the generated parts of the documentation: --markdown,
 * --man. */
int cmd_reference(int argc, char **argv);

#endif
