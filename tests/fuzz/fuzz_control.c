/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Requests on the control socket: any bytes get an answer that is one object, and only a request
 * with a command reaches who answers.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/control.h"

static json_t *answer(void *arg, const char *command, const json_t *request)
{
	const char *given = json_string_value(json_object_get(request, "command"));

	if (!given || strcmp(given, command))
		abort();
	++*(int *)arg;
	return json_pack("{s:s}", "echo", command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int asked = 0;
	json_t *got;
	char *text;

	if (size > CONTROL_REQUEST_MAX)
		return 0;
	got = control_answer((const char *)data, size, answer, &asked);
	if (!json_is_object(got) || asked > 1 || (!asked && !json_object_get(got, "error")))
		abort();
	text = json_dumps(got, JSON_COMPACT);
	if (!text || strchr(text, '\n'))
		abort();
	free(text);
	json_decref(got);
	return 0;
}
