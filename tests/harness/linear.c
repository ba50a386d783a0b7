/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * linear.h: walks the rule's program and fetches every field anew.
 */
#include "tests/harness/linear.h"

bool linear_holds(const struct rules *r, uint32_t i, struct event *e, struct op_scratch *scratch)
{
	const struct kind_rules *kr = &r->kinds[e->kind->kind];
	const struct rule *rule = &kr->rules[i];
	uint32_t at = rule->entry;

	arena_reset(e->arena);
	memset(e->paths, 0, sizeof(e->paths));
	while (at < STEP_FALSE) {
		const struct step *s = &kr->steps[rule->steps + at];
		const struct pred *p = &kr->preds[s->pred];
		struct value left, right;
		bool yes = slot_get(&kr->slots[p->slot], e, &left);

		if (yes && p->right == SLOT_NONE)
			yes = p->operand->eval(p->operand, &left, scratch);
		else if (yes)
			yes = slot_get(&kr->slots[p->right], e, &right) &&
			      op_pair(p->operand, &left, &right);
		at = yes ? s->yes : s->no;
	}
	return at == STEP_TRUE;
}
