/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * act ACTION [ARGUMENT…]: see act.h. Without arguments it lists the actions.
 * Linked statically, so that its own start opens nothing and it runs in any root.
 */
#include "act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct action *const tables[] = {
	process_actions, exec_actions, open_actions, path_actions, uring_actions,
	tcp_actions,     net_actions,  ia32_actions, held_actions,
};

static const struct {
	const char *name;
	int flag;
} flag_names[] = {
	{ "O_RDONLY", O_RDONLY },       { "O_WRONLY", O_WRONLY },   { "O_RDWR", O_RDWR },
	{ "O_CREAT", O_CREAT },         { "O_EXCL", O_EXCL },       { "O_TRUNC", O_TRUNC },
	{ "O_APPEND", O_APPEND },       { "O_PATH", O_PATH },       { "O_TMPFILE", O_TMPFILE },
	{ "O_DIRECTORY", O_DIRECTORY }, { "O_SYNC", O_SYNC },       { "O_NONBLOCK", O_NONBLOCK },
	{ "O_NOFOLLOW", O_NOFOLLOW },   { "O_CLOEXEC", O_CLOEXEC },
};

int parse_flags(const char *text)
{
	char b[256], *word, *save = NULL;
	int flags = 0;

	snprintf(b, sizeof(b), "%s", text);
	for (word = strtok_r(b, "|", &save); word; word = strtok_r(NULL, "|", &save)) {
		size_t i, n = sizeof(flag_names) / sizeof(flag_names[0]);

		for (i = 0; i < n && strcmp(word, flag_names[i].name); i++)
			;
		if (i == n) {
			errno = EINVAL;
			die(word);
		}
		flags |= flag_names[i].flag;
	}
	return flags;
}

void run_program(char **argv)
{
	fflush(NULL);
	execv(argv[0], argv);
	die(argv[0]);
}

static int usage(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct action *a = tables[i]; a->name; a++)
			printf("act %s %s\n", a->name, a->args);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct action *a = tables[i]; a->name; a++) {
			if (strcmp(argv[1], a->name))
				continue;
			if (argc - 2 < a->min_args) {
				fprintf(stderr, "usage: act %s %s\n", a->name, a->args);
				return 2;
			}
			return a->run(argc - 2, argv + 2);
		}
	}
	fprintf(stderr, "act: no action %s\n", argv[1]);
	return 2;
}
