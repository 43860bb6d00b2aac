/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* libpepctl: revisions, and changes that wait to be confirmed. */
#include <stdio.h>

#include "client/library.h"
#include "common/change.h"
#include "common/iface_pattern.h"
#include "pepctl.pb-c.h"

#define MILLISECOND 1000000

void pepctl_client_set_confirm(pepctl_client *client, int milliseconds)
{
	client->confirm = milliseconds > 0 ? (int64_t)milliseconds * MILLISECOND : 0;
}

/* The answer is valid until the next call. */
static int ask(pepctl_client *client, enum method_id method, const ProtobufCMessage *request,
	void *ret_answer, struct pepctl_error *error)
{
	struct error err = ERROR_INIT;

	arena_reset(&client->arena);
	if (call_unary(client->connection, method, request, &client->arena, ret_answer, &err))
		return library_fail(&err, error);
	return PEPCTL_OK;
}

static int no_memory(struct pepctl_error *error)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_LIMIT, "MEMORY", "out of memory");
	return library_fail(&err, error);
}

/* --- history */

static int show(const Pepctl__V1__Revision *m,
	int (*each)(void *data, const struct pepctl_revision *revision), void *data)
{
	return each(data, &(struct pepctl_revision){
				  .revision = m->revision,
				  .time = m->time,
				  .uid = m->uid,
				  .pid = m->pid,
				  .command = m->command,
				  .comment = m->comment,
				  .changes = (const char *const *)m->changes,
				  .change_count = m->n_changes,
				  .changes_total = m->changes_total,
				  .confirm_left = m->confirm_left_nano,
			  });
}

int pepctl_revision_list(pepctl_client *client,
	int (*each)(void *data, const struct pepctl_revision *revision), void *data,
	struct pepctl_error *error)
{
	Pepctl__V1__ListRevisionsRequest request;
	_cleanup_free_ char *token = strdup("");
	int r;

	pepctl__v1__list_revisions_request__init(&request);
	do {
		Pepctl__V1__ListRevisionsResponse *answer;

		if (!token)
			return no_memory(error);
		request.page_token = token;
		r = ask(client, METHOD_LIST_REVISIONS, &request.base, &answer, error);
		if (r)
			return r;
		for (size_t i = 0; i < answer->n_revisions; i++)
			if (show(answer->revisions[i], each, data))
				return PEPCTL_OK;
		free(token);
		token = strdup(answer->next_page_token);
	} while (!token || *token);
	return PEPCTL_OK;
}

/* --- back and forth */

int pepctl_revision_rollback(pepctl_client *client, uint64_t revision, uint64_t *ret_revision,
	struct pepctl_error *error)
{
	Pepctl__V1__RollbackRevisionRequest request;
	Pepctl__V1__ApplyChangesResponse *answer;
	int r;

	pepctl__v1__rollback_revision_request__init(&request);
	request.revision = revision;
	request.force = client->force;
	request.confirm_timeout_nano = client->confirm;
	r = ask(client, METHOD_ROLLBACK_REVISION, &request.base, &answer, error);
	if (!r && ret_revision)
		*ret_revision = answer->revision;
	return r;
}

int pepctl_revision_confirm(pepctl_client *client, uint64_t revision, uint64_t *ret_revision,
	struct pepctl_error *error)
{
	Pepctl__V1__ConfirmRevisionRequest request;
	Pepctl__V1__ConfirmRevisionResponse *answer;
	int r;

	pepctl__v1__confirm_revision_request__init(&request);
	request.revision = revision;
	r = ask(client, METHOD_CONFIRM_REVISION, &request.base, &answer, error);
	if (!r && ret_revision)
		*ret_revision = answer->revision;
	return r;
}

/* --- attachments, which only a transaction can let wait */

static int apply_iface(pepctl_client *client, enum change_kind kind, const char *iface,
	enum pepctl_mode mode, struct pepctl_error *error)
{
	_cleanup_changes_ struct change_list changes = {0};
	struct error err = ERROR_INIT;
	struct change change;

	if (!iface_or_pattern_valid(iface)) {
		error_violation(
			&err, "iface", "\"%.80s\" is no interface name and no pattern", iface);
		return library_fail(&err, error);
	}
	change_init(&change, kind);
	change.mode = (enum attach_mode)mode;
	snprintf(change.iface, sizeof(change.iface), "%s", iface);
	if (change_list_push(&changes, &change) < 0)
		return no_memory(error);
	return library_apply(client, &changes, false, NULL, error);
}

/* `mode` when it is not to be learnt: the change is made all the same. */
static enum pepctl_mode mode_of(pepctl_client *client, const char *iface, enum pepctl_mode mode)
{
	Pepctl__V1__ListInterfacesRequest request;
	Pepctl__V1__ListInterfacesResponse *answer;

	pepctl__v1__list_interfaces_request__init(&request);
	if (ask(client, METHOD_LIST_INTERFACES, &request.base, &answer, NULL))
		return mode;
	for (size_t i = 0; i < answer->n_interfaces; i++)
		if (streq(answer->interfaces[i]->name, iface))
			return (enum pepctl_mode)answer->interfaces[i]->mode;
	return mode;
}

int library_attach(pepctl_client *client, const char *iface, enum pepctl_mode mode,
	enum pepctl_mode *ret_mode, struct pepctl_error *error)
{
	int r = apply_iface(client, CHANGE_ATTACH, iface, mode, error);

	if (!r && ret_mode)
		*ret_mode = mode_of(client, iface, mode);
	return r;
}

int library_detach(pepctl_client *client, const char *iface, struct pepctl_error *error)
{
	return apply_iface(client, CHANGE_DETACH, iface, PEPCTL_MODE_AUTO, error);
}
