/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Functions (functions.def) that terms call. Constant tables; any thread.
 */
#ifndef TOCSIN_POLICY_FUNCTIONS_H
#define TOCSIN_POLICY_FUNCTIONS_H

#include "pipeline/event.h"

enum func_takes { FUNC_TAKES_TEXT, FUNC_TAKES_TEXTS, FUNC_TAKES_LIST, FUNC_TAKES_PROCESS };
enum func_gives { FUNC_GIVES_PART, FUNC_GIVES_COPY, FUNC_GIVES_NUMBER, FUNC_GIVES_LIST };

enum func_id {
#define FUNC(id, word, takes, gives, fn, cost, help) FUNC_##id,
#include "pipeline/policy/functions.def"
#undef FUNC
	FUNC_MAX
};

struct func {
	const char *word, *help;
	uint8_t takes, gives, cost;
	/* PART: a part of s. COPY: writes at most s.len bytes to out and returns them. */
	struct str (*text)(struct str s, char *out);
	int64_t (*number)(struct str s);
};

extern const struct func funcs[FUNC_MAX];

enum func_id func_by_word(struct str word);	/* FUNC_MAX: none */
/* f of a TEXT or LIST value; memory from the arena. False: the result is empty or the arena full. */
bool func_call(const struct func *f, struct arena *a, const struct value *in, struct value *out);

#endif
