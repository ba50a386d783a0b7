/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Recorded streams of made-up scenes, one for each folder of tests/golden/replay. They are recorded
 * anew each time, so that a change of a record's layout needs no new files.
 */
#ifndef TOCSIN_TEST_GOLDEN_H
#define TOCSIN_TEST_GOLDEN_H

struct scene;

struct golden {
	const char *name;	/* of the folder, in which config.yaml says with what it is recorded */
	void (*play)(struct scene *s);
};

enum { GOLDENS = 3 };

extern const struct golden goldens[GOLDENS];

/* Records one as `run --save` records, into a new file. Run from the root of the tree. */
void golden_record(const struct golden *g, const char *save_path);

#endif
