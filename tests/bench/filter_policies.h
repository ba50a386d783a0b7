/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Made-up file policies, as rule sets have them: whole paths, directories, endings, pieces and
 * names, none of which fits what the benchmarks open.
 */
#ifndef TOCSIN_FILTER_POLICIES_H
#define TOCSIN_FILTER_POLICIES_H

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/filter/clause.h"

struct policies {
	struct filter_clause *clauses;
	struct filter_pattern *patterns;
	char (*texts)[80];
	uint32_t count;
};

static inline void policies_make(struct policies *p, uint32_t n)
{
	static const char *const forms[] = {
		"/etc/app%u/secret.conf", "/opt/vendor%u/", ".ext%u", "/.config/tool%u/", "agent%u.key",
		"/usr/lib/service%u/plugin.so", "/var/lib/db%u/", "/srv/www/site%u/wp-config.php",
	};
	static const uint8_t types[] = {
		FILTER_EXACT, FILTER_PREFIX, FILTER_SUFFIX, FILTER_CONTAINS, FILTER_EXACT,
		FILTER_EXACT, FILTER_PREFIX, FILTER_EXACT,
	};

	p->count = n;
	p->clauses = calloc(n, sizeof(*p->clauses));
	p->patterns = calloc(n, sizeof(*p->patterns));
	p->texts = calloc(n, sizeof(*p->texts));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t form = i % 8;

		snprintf(p->texts[i], sizeof(p->texts[i]), forms[form], i * 2654435761u % 1000000);
		p->patterns[i] = (struct filter_pattern){ str_of(p->texts[i]), types[form], false, form == 4 };
		p->clauses[i] = (struct filter_clause){ .paths = &p->patterns[i], .npaths = 1 };
		if (i % 3 == 0)
			p->clauses[i].access_any = 1 << 1 | 1 << 2; /* written */
	}
}

#endif
