/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The user enricher: names of user and group ids, as the host's passwd and group files say them.
 * An id in a container is the host's number, and its name here is the host's.
 *
 * Two caches, both bounded, both on event time: names by id (absent ones too, for a shorter
 * while), and whole struct ctx_user by the four ids of an event, so that most events cost one
 * look-up. The second points into the first and is void as soon as the first drops a name.
 */
#include <errno.h>
#include <stdlib.h>

#include "enrichers/counter.h"
#include "enrichers/enricher.h"
#include "enrichers/idmap.h"
#include "enrichers/passwd.h"
#include "pipeline/util.h"

enum { SETS = 256, SET_IDS = 4, FILL_TRIES = 4 };

struct user_cfg {
	uint64_t max_names, expiry_ns, missing_ns;
};

enum user_counter { C_HITS, C_MISSES, C_UNKNOWN, C_EVICTED, C_ENTRIES, C_MAX };

struct name {
	uint64_t key, expires_ns;
	struct name *next; /* in order of age */
	uint32_t len; /* 0: the id has no name */
	char text[];
};

struct set {
	uint32_t ids[SET_IDS]; /* uid, euid, gid, loginuid */
	uint32_t generation; /* 0: free */
	uint64_t expires_ns;
	uint64_t version; /* of ctx */
	struct ctx_user ctx;
};

struct user {
	struct user_cfg cfg;
	struct outside *outside;
	struct idmap names;
	struct name *oldest, *newest;
	uint32_t generation; /* raised when a name is freed */
	uint64_t versions; /* given to sets so far */
	struct set sets[SETS];
	counter_t counters[C_MAX];
};

static const uint8_t questions[SET_IDS] = { ASK_USER_NAME, ASK_USER_NAME, ASK_GROUP_NAME,
					    ASK_USER_NAME };

static void drop_oldest(struct user *u)
{
	struct name *n = u->oldest;

	u->oldest = n->next;
	if (!u->oldest)
		u->newest = NULL;
	idmap_del(&u->names, n->key);
	free(n);
	u->generation++;
}

/* Takes n out of the middle: it expired before its turn. */
static void drop(struct user *u, struct name *n)
{
	struct name *p = u->oldest;

	if (p == n) {
		drop_oldest(u);
		return;
	}
	while (p->next != n)
		p = p->next;
	p->next = n->next;
	if (u->newest == n)
		u->newest = p;
	idmap_del(&u->names, n->key);
	free(n);
	u->generation++;
}

static struct name *ask(struct user *u, uint64_t key, uint8_t question, uint32_t id,
			uint64_t now_ns)
{
	struct str text = { 0 };
	struct name *n;

	if (!outside_ask(u->outside, question, id, 0, &text) || text.len > PASSWD_NAME_MAX)
		text.len = 0;
	if (u->names.count >= u->cfg.max_names) {
		drop_oldest(u);
		counter_inc(&u->counters[C_EVICTED]);
	}
	n = malloc(sizeof(*n) + text.len);
	if (!n)
		return NULL;
	*n = (struct name){ .key = key, .len = text.len };
	n->expires_ns = now_ns + (text.len ? u->cfg.expiry_ns : u->cfg.missing_ns);
	if (text.len)
		memcpy(n->text, text.p, text.len);
	else
		counter_inc(&u->counters[C_UNKNOWN]);
	if (idmap_put(&u->names, key, n)) {
		free(n);
		return NULL;
	}
	if (u->newest)
		u->newest->next = n;
	else
		u->oldest = n;
	u->newest = n;
	return n;
}

static struct str name_of(struct user *u, uint8_t question, uint32_t id, struct set *set,
			  uint64_t now_ns)
{
	uint64_t key = (uint64_t)question << 32 | id;
	struct name *n;

	if (id == UINT32_MAX)
		return (struct str){ 0 };
	n = idmap_get(&u->names, key);
	if (n && now_ns >= n->expires_ns) {
		drop(u, n);
		n = NULL;
	}
	if (!n)
		n = ask(u, key, question, id, now_ns);
	if (!n)
		return (struct str){ 0 };
	set->expires_ns = MIN(set->expires_ns, n->expires_ns);
	return n->len ? (struct str){ n->text, n->len } : (struct str){ 0 };
}

/* Again while a name that was just found is dropped for the next one. */
static void fill(struct user *u, struct set *set, uint64_t now_ns)
{
	struct str *const at[SET_IDS] = { &set->ctx.name, &set->ctx.effective, &set->ctx.group,
					  &set->ctx.audit };
	int tries = 0;

	set->version = ++u->versions;
	do {
		set->generation = u->generation;
		set->expires_ns = UINT64_MAX;
		for (int i = 0; i < SET_IDS; i++)
			*at[i] = name_of(u, questions[i], set->ids[i], set, now_ns);
	} while (set->generation != u->generation && ++tries < FILL_TRIES);
	if (set->generation != u->generation)
		set->ctx = (struct ctx_user){ 0 };
}

static void user_event(void *state, struct event *e)
{
	const struct ctx_process *p = e->ctx[CTX_PROCESS];
	const struct ev_hdr *h = e->raw;
	struct user *u = state;
	uint32_t ids[SET_IDS] = { h->uid, h->euid, h->gid, p ? p->loginuid : UINT32_MAX };
	uint32_t hash = ids[0] * 0x9e3779b1u ^ ids[1] * 0x85ebca6bu ^ ids[2] * 0xc2b2ae35u ^ ids[3];
	struct set *set = &u->sets[(hash ^ hash >> 16) % SETS];

	if (!schema_kind_has_process(e->kind))
		return;
	if (set->generation != u->generation || memcmp(set->ids, ids, sizeof(ids)) ||
	    h->time_ns >= set->expires_ns) {
		counter_inc(&u->counters[C_MISSES]);
		memcpy(set->ids, ids, sizeof(ids));
		fill(u, set, h->time_ns);
	} else {
		counter_inc(&u->counters[C_HITS]);
	}
	e->ctx[CTX_USER] = &set->ctx;
	e->version[CTX_USER] = set->version;
}

static void user_tick(void *state, uint64_t now_ns)
{
	struct user *u = state;

	(void)now_ns;
	counter_set(&u->counters[C_ENTRIES], u->names.count);
}

static void user_close(void *state)
{
	struct user *u = state;

	while (u->oldest)
		drop_oldest(u);
	idmap_free(&u->names);
	free(u);
}

static int user_open(void **state, const void *cfg, struct outside *out)
{
	struct user *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->cfg = *(const struct user_cfg *)cfg;
	u->outside = out;
	u->generation = 1;
	if (idmap_init(&u->names, (uint32_t)u->cfg.max_names)) {
		free(u);
		return -ENOMEM;
	}
	*state = u;
	return 0;
}

static uint64_t user_counter(const void *state, uint32_t i)
{
	return i < C_MAX ? counter_get(&((const struct user *)state)->counters[i]) : 0;
}

static const char *const counter_names[] = {
	"hits", "misses", "unknown", "evicted", "entries", NULL
};
_Static_assert(ARRAY_LEN(counter_names) == C_MAX + 1, "a name for each counter");

static const struct option user_opts[] = {
	{ "max_names", OPT_UINT, OPT(struct user_cfg, max_names), "4096", 16, 1048576, NULL,
	  "Names of users and groups kept" },
	{ "expiry", OPT_DURATION, OPT(struct user_cfg, expiry_ns), "1m", 1000000000, 86400000000000,
	  NULL, "After this long a name is read again" },
	{ "missing", OPT_DURATION, OPT(struct user_cfg, missing_ns), "10s", 1000000000,
	  86400000000000, NULL, "After this long an id without a name is looked up again" },
	{ 0 },
};

const struct enricher enricher_user = {
	.name = "user",
	.help = "Names of users and groups, from /etc/passwd and /etc/group",
	.opts = user_opts,
	.cfg_size = sizeof(struct user_cfg),
	.open = user_open,
	.event = user_event,
	.tick = user_tick,
	.close = user_close,
	.counters = counter_names,
	.counter = user_counter,
};
