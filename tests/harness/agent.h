/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The program itself, run on this kernel.
 */
#ifndef TOCSIN_TEST_AGENT_H
#define TOCSIN_TEST_AGENT_H

/* Saves the stream of a run with the shipped policies and without the kernel filter, in which act(dir)
 * is called. The run works in dir, which is empty. Fails the test where the program ($B/tocsin) does not
 * run. Root; from the root of the tree. */
void agent_record(const char *dir, const char *save, void (*act)(const char *dir));

#endif
