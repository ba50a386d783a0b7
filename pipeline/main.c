/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The program: finds the command and runs it. A new command: a file cmd_NAME.c, a row here.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/cmd.h"
#include "pipeline/nearest.h"

static int cmd_help(int argc, char **argv);

static const struct command *find(const char *name)
{
	const struct command *c = commands;

	while (c->name && strcmp(c->name, name))
		c++;
	return c->name ? c : NULL;
}

static void usage(FILE *f)
{
	fprintf(f, "Usage: tocsin COMMAND [ARGUMENT]…\n\n");
	for (const struct command *c = commands; c->name; c++)
		fprintf(f, "  %-9s %s\n", c->name, c->help);
	fprintf(f, "\nExit codes: 0 ok; 1 failed while running; 2 command line or configuration; "
		   "3 problems\nin policies; 4 a privilege or kernel feature is missing.\n");
}

static int unknown(const char *name)
{
	struct nearest n = { .word = str_of(name) };

	for (const struct command *c = commands; c->name; c++)
		nearest_offer(&n, c->name);
	fprintf(stderr, "tocsin: there is no command \"%.60s\"%s%s%s\n", name,
		n.best ? ", did you mean \"" : "", n.best ? n.best : "", n.best ? "\"?" : "");
	return EXIT_USAGE;
}

static int cmd_help(int argc, char **argv)
{
	const struct command *c = argc == 2 ? find(argv[1]) : NULL;
	char *help[] = { argc > 1 ? argv[1] : NULL, (char[]){ "--help" }, NULL };

	if (argc == 1 || (c && c->run == cmd_help)) {
		usage(stdout);
		return EXIT_OK;
	}
	return c ? c->run(2, help) : cmd_reference(argc, argv);
}

static int command(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return cmd_help(1, argv);
	c = find(!strcmp(argv[1], "--version") ? "version" : argv[1]);
	return c ? c->run(argc - 1, argv + 1) : unknown(argv[1]);
}

/* What a command printed must have arrived: a full disk is no success. */
int main(int argc, char **argv)
{
	int rc = command(argc, argv);

	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return rc;
	fprintf(stderr, "tocsin: standard output cannot be written%s%s\n", errno ? ": " : "",
		errno ? strerror(errno) : "");
	return rc ? rc : EXIT_RUNTIME;
}

const struct command commands[] = {
	{ "run", "Watch the kernel and deliver alerts and records", cmd_run },
	{ "reload", "Have the running agent read its policies again", cmd_reload },
	{ "check", "Check policies and tell all problems", cmd_check },
	{ "policy", "Run the tests that policies carry: policy test PATH…", cmd_policy },
	{ "explain", "Tell why a policy does or does not hold for a document", cmd_explain },
	{ "learn", "Watch a workload and write policies for all it did not do", cmd_learn },
	{ "doctor", "Tell what can be seen on this machine and what it lacks", cmd_doctor },
	{ "schema", "Print the fields of every event kind", cmd_schema },
	{ "replay", "Judge a stream kept by `run --save` again", cmd_replay },
	{ "version", "Print the version", cmd_version },
	{ "help", "Explain a command, `outputs` or `enrichers`", cmd_help },
	{ 0 },
};
