/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * `tocsin replay FILE`: a saved stream through the same consumer. Nothing is asked of this
 * machine: identity, options of enrichers and all their answers come from the file. It reads as
 * fast as the outputs take documents, so their overflow policy is `block`.
 */
#include <errno.h>
#include <signal.h>

#include "pipeline/cmd.h"
#include "pipeline/log.h"
#include "pipeline/session.h"
#include "pipeline/util.h"

enum { ERR_MAX = 512, RECORDS_A_TURN = 1024 };

static int open_stream(struct replay **r, struct config *c, struct session *s)
{
	char err[ERR_MAX] = "";
	int rc = replay_open(r, c->input, err, sizeof(err));

	if (rc)
		return session_fail(EXIT_RUNTIME, "%s", err[0] ? err : strerror(-rc));
	if (save_header_apply(replay_header(*r), &s->id, c, err, sizeof(err)))
		return session_fail(EXIT_RUNTIME, "%s: %s", c->input, err);
	for (uint32_t i = 0; i < c->noutputs; i++)
		c->outputs[i].queue.overflow = OVERFLOW_BLOCK;
	return EXIT_OK;
}

static void compare_policies(const struct session *s, const struct replay *r)
{
	struct str now = policy_digest(s->policies);
	const char *then = json_string_value(json_object_get(replay_header(r), "policy_digest"));

	if (!str_eq(now, str_of(then)))
		log_warn("the policies are not those of the saved run");
}

static int judge(struct session *s, struct replay *r)
{
	const void *rec;
	uint32_t len, n = 0;
	int rc;

	while ((rc = replay_next(r, &rec, &len)) == 1) {
		consumer_record(s->consumer, rec, len);
		if (++n % RECORDS_A_TURN == 0)
			consumer_due(s->consumer);
	}
	consumer_end(s->consumer, replay_end_ns(r));
	if (rc)
		log_error("%s: %s", s->cfg->input, replay_error(r));
	else if (replay_warning(r))
		log_warn("%s: %s", s->cfg->input, replay_warning(r));
	return rc ? EXIT_RUNTIME : EXIT_OK;
}

static int replay_all(struct config *c, struct session *s, struct replay **r)
{
	struct outside answers;
	int rc = open_stream(r, c, s), end;

	rc = rc ? rc : session_policies(s);
	rc = rc ? rc : session_outputs(s);
	if (rc)
		return rc;
	answers = replay_outside(*r);
	rc = session_consumer(s, &answers, NULL);
	if (rc)
		return rc;
	session_tell(s);
	compare_policies(s, *r);
	rc = judge(s, *r);
	end = session_end(s, NULL);
	return rc ? rc : end;
}

int cmd_replay(int argc, char **argv)
{
	struct config c = { 0 };
	struct session s = { .cfg = &c };
	struct replay *r = NULL;
	int rc = config_setup(&c, CONFIG_REPLAY, argc, argv);

	if (rc) {
		config_free(&c);
		return rc < 0 ? EXIT_USAGE : EXIT_OK;
	}
	log_set_level((enum log_level)c.log_level);
	signal(SIGPIPE, SIG_IGN);
	rc = replay_all(&c, &s, &r);
	session_free(&s);
	replay_close(r);
	config_free(&c);
	return rc;
}
