/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Texts of texts.h.
 */
#include "enrichers/texts.h"

#include <stdio.h>

#include "enrichers/image.h"

static struct str text_of(const struct buf *b)
{
	return b->failed ? (struct str){ 0 } : (struct str){ b->p, (uint32_t)b->len };
}

/* A copy of an answer, which lasts longer than it. */
static struct str keep(struct buf *b, struct str answer)
{
	buf_reset(b);
	buf_str(b, answer);
	return text_of(b);
}

struct str texts_tty(struct texts *t, uint32_t major, uint32_t minor)
{
	struct tty *c = &t->ttys[(major * 31 + minor) % TTY_CACHE];
	struct str name;

	if (!major)
		return (struct str){ 0 };
	if (c->len && c->major == major && c->minor == minor)
		return (struct str){ c->name, c->len };
	c->major = major;
	c->minor = minor;
	if (outside_ask(t->outside, ASK_TTY_NAME, major, minor, &name) && name.len &&
	    name.len < sizeof(c->name)) {
		memcpy(c->name, name.p, name.len);
		c->len = name.len;
	} else {
		c->len = (uint32_t)snprintf(c->name, sizeof(c->name), "%u:%u", major, minor);
	}
	return (struct str){ c->name, c->len };
}

/* The answers may come from a saved file: nothing in them is taken for granted. */
static bool ask(struct texts *t, enum outside_question q, uint32_t pid, uint64_t start_ns,
		struct str *answer)
{
	return outside_ask(t->outside, q, pid, start_ns, answer) && answer->len &&
	       answer->len <= EV_ARGS_MAX;
}

static struct str keep_list(struct buf *b, struct str answer)
{
	keep(b, answer);
	if (answer.p[answer.len - 1])
		buf_char(b, 0);
	return text_of(b);
}

/* Answers of ASK_PROC_EXE and ASK_PROC_CWD: the path, then "deleted". */
static struct str split_path(struct str answer, bool *deleted)
{
	const char *nul = answer.len ? memchr(answer.p, 0, answer.len) : NULL;
	struct str path = { answer.p, nul ? (uint32_t)(nul - answer.p) : answer.len };

	*deleted = nul && answer.len > path.len + 1;
	return path;
}

static void ask_executable(struct texts *t, struct ctx_process *c, uint32_t pid, uint64_t start_ns)
{
	struct str answer, path;
	bool deleted;

	if (!ask(t, ASK_PROC_EXE, pid, start_ns, &answer))
		return;
	path = split_path(answer, &deleted);
	if (deleted && str_starts(path, STR("/memfd:"))) {
		path.p++;
		path.len--;
		c->path_flags |= 1u << EV_PATHF_PSEUDO;
		c->exec_flags |= 1u << EV_EXECF_MEMFD;
	}
	keep(&t->exe, path);
	if (deleted) {
		buf_lit(&t->exe, " (deleted)");
		c->path_flags |= 1u << EV_PATHF_DELETED;
		c->exec_flags |= 1u << EV_EXECF_DELETED;
	}
	c->executable = text_of(&t->exe);
}

uint64_t texts_ask(struct texts *t, struct ctx_process *c, uint32_t pid, uint64_t start_ns)
{
	struct str answer;
	uint64_t now = 0;
	bool deleted;

	if (!c->executable.len)
		ask_executable(t, c, pid, start_ns);
	if (!c->args.len && ask(t, ASK_PROC_ARGS, pid, start_ns, &answer)) {
		c->exec_flags &= ~(1u << EV_EXECF_ARGS_UNREAD);
		if (answer.p[answer.len - 1])
			c->exec_flags |= 1u << EV_EXECF_ARGS_TRUNCATED;
		c->args = keep_list(&t->answer, answer);
	}
	if (!c->cwd.len && ask(t, ASK_PROC_CWD, pid, start_ns, &answer))
		c->cwd = keep(&t->cwd, split_path(answer, &deleted));
	if (!c->executable.len && !c->args.len && !c->cwd.len)
		return 0;
	if (!outside_ask(t->outside, ASK_NOW, 0, 0, &answer) || answer.len != sizeof(now))
		return 0;
	memcpy(&now, answer.p, sizeof(now));
	return now;
}

/* The joined line has the bytes of the list, so that both are redacted alike. */
static void finish_args(struct texts *t, struct ctx_process *c)
{
	buf_reset(&t->args);
	redact(t->redact_args, &t->args, c->args);
	c->args = text_of(&t->args);
	c->command_line = keep(&t->line, c->args);
	if (!c->command_line.len)
		return;
	c->command_line.len--;
	for (uint32_t i = 0; i < c->command_line.len; i++)
		if (!t->line.p[i])
			t->line.p[i] = ' ';
}

/* Of a process that ran before, the kernel no longer knows the number. */
static void count_args(struct ctx_process *c)
{
	if (c->argc || c->exec_flags & 1u << EV_EXECF_ARGS_TRUNCATED)
		return;
	for (uint32_t i = 0; i < c->args.len; i++)
		c->argc += !c->args.p[i];
}

uint64_t texts_gave_up(const struct texts *t)
{
	return redactor_gave_up(t->redact_args) + redactor_gave_up(t->redact_env);
}

bool texts_finish(struct texts *t, struct ctx_process *c)
{
	uint64_t before = texts_gave_up(t);
	bool whole = true;

	count_args(c);
	c->name = image_name(c->executable, c->path_flags);
	if (c->args.len) {
		finish_args(t, c);
		whole = !t->args.failed && !t->line.failed;
	}
	if (c->env.len) {
		buf_reset(&t->env);
		redact_env(t->redact_env, &t->env, c->env, t->env_names);
		c->env = text_of(&t->env);
		whole = whole && !t->env.failed;
	}
	return whole && texts_gave_up(t) == before;
}

int texts_init(struct texts *t, struct outside *out, const struct opt_list *redact_args,
	       const struct opt_list *redact_env, const struct opt_list *env_names)
{
	int rc;

	*t = (struct texts){ .outside = out, .env_names = env_names };
	rc = redactor_new(&t->redact_args, redact_args);
	if (!rc)
		rc = redactor_new(&t->redact_env, redact_env);
	if (rc)
		texts_free(t);
	return rc;
}

void texts_free(struct texts *t)
{
	redactor_free(t->redact_args);
	redactor_free(t->redact_env);
	buf_free(&t->args);
	buf_free(&t->line);
	buf_free(&t->env);
	buf_free(&t->exe);
	buf_free(&t->cwd);
	buf_free(&t->answer);
	*t = (struct texts){ 0 };
}
