/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Commands to a running agent, over a Unix stream socket that only its owner can open (mode 0600):
 * the client sends one JSON object and a line feed, {"command":"reload"}; the agent answers with
 * one JSON object and closes. Main thread.
 */
#ifndef TOCSIN_CONTROL_H
#define TOCSIN_CONTROL_H

#include <jansson.h>
#include <stddef.h>

enum { CONTROL_REQUEST_MAX = 64 << 10 }; /* bytes */

struct control;

/* Answers a request, a JSON object with a text "command". Gives a new object away; NULL: out of
 * memory. */
typedef json_t *control_fn(void *arg, const char *command, const json_t *request);

/* Listens at path; makes its directory (mode 0755) if that alone is missing. What a dead agent left
 * there is replaced. 0; -EADDRINUSE: a living agent listens there; or another negative errno. */
int control_open(struct control **out, const char *path);
void control_close(struct control *c); /* removes the socket; NULL is legal */
int control_fd(const struct control *c); /* readable: a client has come */
/* Serves one client that has come. A client that is slow, too long or not understood gets an error
 * and holds the agent up for a second at most. */
void control_serve(struct control *c, control_fn *fn, void *arg);
/* The answer to a request as it was read; always an object, {"error":…} if it is not understood;
 * NULL: out of memory. */
json_t *control_answer(const char *text, size_t len, control_fn *fn, void *arg);

/* The client's side: sends the request, waits for the answer. 0 with *answer, a new object; or
 * negative errno: -ECONNREFUSED and -ENOENT mean that no agent listens there, -EBADMSG that the
 * answer is none. */
int control_ask(const char *path, const json_t *request, json_t **answer);

#endif
