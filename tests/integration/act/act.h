/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * act: does one named thing and prints one line of JSON with what it knows of it at first hand.
 * The tests compare that line with what the agent reported of this process.
 *
 * An action: a row in one of the tables, and a function that prints its facts between
 * facts_begin and facts_end. Strings are bytes: each byte above 0x7e or below 0x20 is \u00XX.
 */
#ifndef TOCSIN_ACT_H
#define TOCSIN_ACT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct action {
	const char *name, *args;
	int min_args;
	int (*run)(int argc, char **argv); /* argv[0] is the first argument of the action */
};

extern const struct action process_actions[], exec_actions[], open_actions[], path_actions[],
	uring_actions[], tcp_actions[], net_actions[], ia32_actions[], held_actions[];

/* facts.c */
void facts_begin(void);
void facts_end(void); /* flushes */
void fact_int(const char *key, long long value);
void fact_str(const char *key, const char *value);
void fact_bytes(const char *key, const void *value, size_t len);
void fact_open(const char *key, char bracket); /* nested '{' or '[' */
void fact_close(char bracket);
void facts_process(void); /* "process": what /proc says of this one */
void facts_fd(int fd, int err); /* what fstat and F_GETFL say of an opened file, or errno */
void facts_stat(const char *path); /* the same from a path, for files without a descriptor */

/* Prints {"skip": reason} and ends the program with status 0. */
_Noreturn void skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The action could not be done: reason and errno to standard error, status 1. */
_Noreturn void die(const char *what);

int parse_flags(const char *text); /* "O_RDWR|O_CREAT" */
/* Runs argv[0..] as a program in the place of this one. Returns only by die. */
_Noreturn void run_program(char **argv);

/* ia32.c: int 0x80 with memory below 4 GiB. */
long ia32_call(long nr, long a, long b, long c, long d);
char *ia32_text(const char *text);
int ia32_ready(void); /* 0, or -1: this kernel refuses 32-bit system calls */

/* One io_uring operation, waited for. flags: IOSQE_*. */
struct io_uring;
struct io_uring_sqe;
int uring_do(struct io_uring *ring, struct io_uring_sqe *sqe, unsigned flags);
void uring_start(struct io_uring *ring, unsigned flags, int direct_slots);

#endif
