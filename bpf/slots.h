/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Slots of the dispatcher of system call exits (syscalls.bpf.c), for both sides.
 */
#ifndef TOCSIN_SLOTS_H
#define TOCSIN_SLOTS_H

enum syscall_slot { SLOT_NONE, SLOT_OPEN, SLOT_CONNECT, SLOT_ACCEPT, SLOT_MAX };

#endif
