/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the files of the command share. */
#ifndef PEP_CLIENT_CLI_H
#define PEP_CLIENT_CLI_H

#include <jansson.h>

#include "client/call.h"
#include "common/policy_proto.h"
#include "common/text.h"
#include "pepctl.pb-c.h"

/* Exit statuses: scripts rely on them. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_NO_RIGHT = 4 };

struct cli {
	const char *socket; /* NULL = $PEPCTL_SOCKET or the default */
	int timeout;        /* ms */
	bool json, quiet, verbose;
	bool force; /* changes are not checked for locking out */
	int64_t confirm; /* ns until a change is undone unless it is confirmed; 0 = it stays */
	struct client *client; /* of cli_client(); NULL before */
	struct arena arena;    /* of the command's messages */
};

/* The words behind an object. */
struct words {
	char **list;
	int count;
	int at; /* the next one */
	int options_end; /* words from this one on, behind "--", are no options */
};

/* One row of a table of verbs or objects; `help` NULL ends it. */
struct verb {
	const char *name;
	int (*run)(struct cli *cli, struct words *words);
	const char *usage; /* the words behind it */
	const char *help;
};

/* --- words.c */

/* The next word, NULL at the end. */
const char *words_next(struct words *words);
/* Takes the next word when it is that one. */
bool words_take(struct words *words, const char *word);
/* Whether the next word asks for help. */
bool words_at_help(const struct words *words);
/* Complains about the word when it looks like an option; EXIT_DONE when it may be a name. */
int words_check_name(const struct words *words, int at);
/* Complains about what is left; EXIT_DONE when nothing is. */
int words_end(const struct words *words);
/* A revision's number; `what` it is for. NULL is none. */
int words_revision(const char *what, const char *word, uint64_t *ret);
/* Runs the verb that the next word names or abbreviates; `help` and no word print the table. */
int words_run(struct cli *cli, struct words *words, const char *object, const struct verb *verbs);

/* Asks on the terminal. Without one, or with another answer than yes: EXIT_REFUSED, having said why. */
int words_confirm(const char *what, const char *question);

/* One line on stderr; returns EXIT_USAGE. */
int usage_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* --- cli.c */

/* --confirm, which a change takes along; what takes none of it is refused by cli_no_confirm(). */
int64_t cli_take_confirm(struct cli *cli);
int cli_no_confirm(const struct cli *cli);
/* Connects at the first call. EXIT_DONE or the exit status, having said why. */
int cli_client(struct cli *cli);
/* The exit status of a failed call. */
int cli_status(const struct error *err);
/* Says what went wrong, all of it; returns the exit status. `err` is emptied. */
int cli_fail(struct error *err);
/* Whether all output has been written; says so if not. A status. */
int cli_end_output(void);
/* What an answer warns of, on stderr. */
void cli_warn(char *const *warnings, size_t count);
/* cli_client() and call_unary(). */
int cli_call(struct cli *cli, enum method_id method, const ProtobufCMessage *request,
	void *ret_answer);
/* A transaction of one change; says `done` unless quiet or JSON. */
int cli_apply(struct cli *cli, struct change *change, const char *done);
/* The same of several changes, all or none. */
int cli_apply_all(struct cli *cli, const struct change_list *changes, const char *done);

/* --- confirm.c */

/*
 * After a change: when it waits to be confirmed, asks on the terminal until somebody does or its
 * time is up, or says without one what to do. A status; EXIT_DONE when nothing waits.
 */
int confirm_wait(struct cli *cli, const Pepctl__V1__ApplyChangesResponse *answer);
/* An answer that was given before does not know whether the change waits now. */
void confirm_refresh(struct cli *cli, Pepctl__V1__ApplyChangesResponse *answer);
/* "confirm_left" of an object; nothing when nothing waits. */
void confirm_json(json_t *object, int64_t left);

/* --- output.c */

/* Prints a JSON object as one line (streams) or as it is, and releases it. */
void output_json(json_t *object);
/* "2026-01-31T12:00:00.123456Z", null for 0. */
json_t *output_time(int64_t ns);
/* Local time for people; "never" for 0. */
void output_local_time(int64_t ns, char ret[static 40]);
/* 1234567 as 1.23M. */
void output_amount(double value, char ret[static 24]);
/* A policy with its counters, as of a message. */
json_t *output_policy(const Pepctl__V1__PolicyStatus *status);

/* --- objects: one file each */
int apply_main(struct cli *cli, struct words *words);
int check_main(struct cli *cli, struct words *words);
int diff_main(struct cli *cli, struct words *words);
int export_main(struct cli *cli, struct words *words);
int policy_main(struct cli *cli, struct words *words);
int default_main(struct cli *cli, struct words *words);
int setting_main(struct cli *cli, struct words *words);
int set_main(struct cli *cli, struct words *words);
int ban_main(struct cli *cli, struct words *words);
int unban_main(struct cli *cli, struct words *words);
int iface_main(struct cli *cli, struct words *words);
int stats_main(struct cli *cli, struct words *words);
int events_main(struct cli *cli, struct words *words);
int explain_main(struct cli *cli, struct words *words);
int history_main(struct cli *cli, struct words *words);
int rollback_main(struct cli *cli, struct words *words);
int confirm_main(struct cli *cli, struct words *words);
int info_main(struct cli *cli, struct words *words);
int panic_main(struct cli *cli, struct words *words);
int completion_main(struct cli *cli, struct words *words);
extern const struct verb objects[];

/* Adds the members of a block-list file, - is standard input; says every bad line. A status. */
int set_read_file(const char *path, struct member_list *ret);

void policy_help(void);
int policy_set(struct cli *cli, struct words *words);

typedef int (*policy_parser)(const char *const words[], size_t count, struct policy *ret,
	struct text_problems *problems);
/* The words that are left into a policy; refused before anything is sent. */
int policy_parse(struct words *words, policy_parser read, struct policy *ret);
/* As a transaction, which can wait to be confirmed; takes the policy, says "policy NAME `what`". */
int policy_apply(struct cli *cli, enum change_kind kind, struct policy *policy, const char *what);
/* "policy NAME `what`", warnings first. */
int policy_say(struct cli *cli, const char *name, const char *what,
	const Pepctl__V1__PolicyResponse *answer);

/* The newest first, until `cb` returns something else than 0; `answer` is the page that it is of. */
int history_each(struct cli *cli,
	int (*cb)(void *data, const Pepctl__V1__Revision *revision,
		const Pepctl__V1__ListRevisionsResponse *answer),
	void *data);

/* What the daemon says of itself. */
int info_get(struct cli *cli, Pepctl__V1__GetServerInfoResponse **ret);

/* "allow" or "block": of what no policy matches on the interface, "" = on others. */
const char *default_of(const Pepctl__V1__GetServerInfoResponse *info, const char *iface);
/* Defaults of interfaces as a JSON array, and as lines. */
json_t *default_json(Pepctl__V1__InterfaceDefault *const *defaults, size_t count);
void default_print(Pepctl__V1__InterfaceDefault *const *defaults, size_t count);

/* Which events: the message, and room for what it points to. */
struct events_filter {
	Pepctl__V1__StreamEventsRequest *request;
	Pepctl__V1__EventFilter message;
	char *policies[16], *ifaces[16];
	Pepctl__V1__ActionKind actions[POLICY_ACTION_MAX];
	Pepctl__V1__PortRange dport;
	const char *pcapng; /* the file, "-" is standard output; NULL = text or JSON */
};
/* Reads all words into the request, which points into `ret` then. */
int events_filter(struct words *words, struct events_filter *ret,
	Pepctl__V1__StreamEventsRequest *request);
void events_help(void);
const char *events_key(size_t index); /* NULL behind the last */

/* Prints what may stand in the place of the last word. */
int completion_words(struct cli *cli, struct words *words);

/* All policies in deciding order, page by page; `answer` has the first page's heading. */
int policy_each(struct cli *cli, const char *prefix,
	int (*cb)(void *data, const Pepctl__V1__PolicyStatus *status), void *data,
	Pepctl__V1__ListPoliciesResponse **ret_heading);

#endif
