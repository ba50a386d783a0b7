/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The texts of a program image on their way into the process table: asked from /proc where the
 * record has none, redacted, joined, named. Consumer thread; results last until the next call of
 * the same function.
 */
#ifndef TOCSIN_TEXTS_H
#define TOCSIN_TEXTS_H

#include "enrichers/context.h"
#include "enrichers/outside.h"
#include "enrichers/redact.h"

enum { TTY_CACHE = 16, TTY_NAME_MAX = 32 };

struct tty {
	uint32_t major, minor, len;
	char name[TTY_NAME_MAX];
};

struct texts {
	struct outside *outside;
	const struct opt_list *env_names;
	struct redactor *redact_args, *redact_env;
	struct buf args, line, env, exe, cwd, answer;
	struct tty ttys[TTY_CACHE];
};

/* Lists of patterns, and of globs of names of environment variables; env_names is kept.
 * 0; -EINVAL a pattern does not compile; -ENOMEM. */
int texts_init(struct texts *t, struct outside *out, const struct opt_list *redact_args,
	       const struct opt_list *redact_env, const struct opt_list *env_names);
void texts_free(struct texts *t);

/* "pts/0", or "major:minor" where the device has no name; empty for major 0. */
struct str texts_tty(struct texts *t, uint32_t major, uint32_t minor);
/* Fills those of executable, args and cwd that c lacks from /proc. 0: nothing was answered, else
 * a time (boot time, ns) at which the answers were true or already past. */
uint64_t texts_ask(struct texts *t, struct ctx_process *c, uint32_t pid, uint64_t start_ns);
/* Redacts args and env, and makes what follows from others: name, command_line. False: memory was short or a
 * pattern gave up, so that the same texts may come out otherwise next time. */
bool texts_finish(struct texts *t, struct ctx_process *c);
uint64_t texts_gave_up(const struct texts *t); /* how often a pattern did */

#endif
