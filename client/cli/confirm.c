/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * confirm [REVISION], and the wait at the terminal of who made a change with --confirm. The timer
 * is the daemon's: whatever becomes of this process, an unconfirmed change is undone in time.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>

#include "client/cli/cli.h"
#include "client/cli/confirm_state.h"

#define LOOK_TIMEOUT 1000        /* ms: a daemon that hangs must not hold up the keyboard */
#define GRACE        10000000000 /* ns that a daemon may be late to say what it has undone */

struct wait {
	struct cli *cli;
	uint64_t revision;
	int64_t end; /* CLOCK_MONOTONIC ns, by the last that the daemon said */
	int signals; /* that Ctrl-C comes by */
	bool silent; /* the daemon does not answer */
	struct arena arena;
};

/* --- calls, over a connection that may have been lost meanwhile */

static int ask(struct wait *w, enum method_id method, const ProtobufCMessage *request, int timeout,
	void *ret_answer, struct error *err)
{
	struct cli *cli = w->cli;
	int r;

	arena_reset(&w->arena);
	if (!cli->client && client_open(cli->socket, err, &cli->client))
		return -EREMOTEIO;
	cli->client->timeout = timeout;
	r = call_unary(cli->client, method, request, &w->arena, ret_answer, err);
	if (r && cli_status(err) == EXIT_UNREACHABLE) {
		client_free(cli->client);
		cli->client = NULL;
	}
	return r;
}

static int patience(const struct cli *cli)
{
	return cli->timeout ? cli->timeout : CLIENT_TIMEOUT_DEFAULT;
}

static enum confirm_fate look(struct wait *w, uint64_t *ret_in_force)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	Pepctl__V1__GetServerInfoRequest request;
	Pepctl__V1__GetServerInfoResponse *info;
	int64_t left = w->end - client_now();

	pepctl__v1__get_server_info_request__init(&request);
	w->silent = ask(w, METHOD_GET_SERVER_INFO, &request.base, LOOK_TIMEOUT, &info, &err);
	if (w->silent)
		return CONFIRM_WAITS;
	*ret_in_force = info->revision;
	if (info->confirm_revision == w->revision)
		w->end = client_now() + info->confirm_left_nano;
	return confirm_fate_of(w->revision, info->confirm_revision, info->revision, left);
}

static int keep(struct wait *w, struct error *err)
{
	Pepctl__V1__ConfirmRevisionRequest request;
	Pepctl__V1__ConfirmRevisionResponse *answer;

	pepctl__v1__confirm_revision_request__init(&request);
	request.revision = w->revision;
	return ask(w, METHOD_CONFIRM_REVISION, &request.base, patience(w->cli), &answer, err);
}

/* Forced: the timer would do the same, only later. */
static int undo(struct wait *w, uint64_t *ret_in_force, struct error *err)
{
	Pepctl__V1__RollbackRevisionRequest request;
	Pepctl__V1__ApplyChangesResponse *answer;
	int r;

	pepctl__v1__rollback_revision_request__init(&request);
	request.revision = w->revision - 1;
	request.expected_present_case =
		PEPCTL__V1__ROLLBACK_REVISION_REQUEST__EXPECTED_PRESENT_EXPECTED_REVISION;
	request.expected_revision = w->revision;
	request.force = true;
	r = ask(w, METHOD_ROLLBACK_REVISION, &request.base, patience(w->cli), &answer, err);
	if (!r)
		*ret_in_force = answer->revision;
	return r;
}

/* --- the terminal; all that is said there, and nothing of it to standard output */

static bool has_terminal(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) &&
	       tcgetpgrp(STDIN_FILENO) == getpgrp(); /* not in the background of a shell */
}

/* Good news are for those who want to hear them. */
static void say(const struct wait *w, bool good, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(const struct wait *w, bool good, const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "\r\033[K");
	if (good && w->cli->quiet)
		return;
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

static void show(const struct wait *w)
{
	char left[32];

	confirm_format_left(w->end - client_now(), left);
	fprintf(stderr, "\r\033[KEnter keeps revision %llu, Ctrl-C undoes it; undone in %s%s",
		(unsigned long long)w->revision, left,
		w->silent ? " (pepctld does not answer)" : "");
	fflush(stderr);
}

static enum confirm_wish read_keys(void)
{
	char line[256];
	ssize_t got = read(STDIN_FILENO, line, sizeof(line));

	return got < 0 && errno == EINTR ? CONFIRM_NOTHING : confirm_wish_of(line, got);
}

static enum confirm_wish next_wish(const struct wait *w)
{
	struct signalfd_siginfo taken;
	struct pollfd fds[] = {
		{.fd = w->signals, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};

	if (poll(fds, ARRAY_SIZE(fds), confirm_tick(w->end - client_now())) <= 0)
		return CONFIRM_NOTHING;
	if (fds[0].revents && read(w->signals, &taken, sizeof(taken)) > 0)
		return CONFIRM_UNDO;
	return fds[1].revents ? read_keys() : CONFIRM_NOTHING;
}

/* --- how it ends; -1 = not yet */

static int end_by_fate(const struct wait *w, enum confirm_fate fate, uint64_t in_force)
{
	unsigned long long revision = w->revision, now = in_force;

	switch (fate) {
	case CONFIRM_CONFIRMED:
		say(w, true, "revision %llu was confirmed from elsewhere", revision);
		return EXIT_DONE;
	case CONFIRM_UNDONE:
		say(w, false, "the time is up: revision %llu was undone; revision %llu is in force",
			revision, now);
		return EXIT_REFUSED;
	case CONFIRM_GONE:
		say(w, false,
			"revision %llu waits no longer; revision %llu is in force, see pepctl "
			"history",
			revision, now);
		return EXIT_REFUSED;
	case CONFIRM_WAITS:
		break;
	}
	if (w->end + GRACE > client_now())
		return -1;
	say(w, false,
		w->silent
			? "the time is up, and pepctld does not answer: it undoes revision %llu as "
			  "soon as it runs"
			: "the time is up, but revision %llu still waits: see pepctl info",
		revision);
	return w->silent ? EXIT_UNREACHABLE : EXIT_REFUSED;
}

/* What fails for want of a daemon may be asked again; a look tells what became of it. */
static int end_failed(struct error *err)
{
	bool again = err->kind == ERROR_UNAVAILABLE || err->kind == ERROR_DEADLINE ||
		     err->kind == ERROR_UNKNOWN || cli_status(err) == EXIT_UNREACHABLE;
	int status;

	fprintf(stderr, "\r\033[K");
	status = cli_fail(err);
	return again ? -1 : status;
}

static int end_by_wish(struct wait *w, enum confirm_wish wish)
{
	struct error err = ERROR_INIT;
	uint64_t in_force;

	switch (wish) {
	case CONFIRM_KEEP:
		if (keep(w, &err))
			return end_failed(&err);
		say(w, true, "revision %llu confirmed", (unsigned long long)w->revision);
		return EXIT_DONE;
	case CONFIRM_UNDO:
		if (undo(w, &in_force, &err))
			return end_failed(&err);
		say(w, false, "revision %llu undone; revision %llu is in force",
			(unsigned long long)w->revision, (unsigned long long)in_force);
		return EXIT_REFUSED;
	case CONFIRM_LEAVE:
		say(w, false, "revision %llu is not confirmed: pepctl confirm, or it is undone",
			(unsigned long long)w->revision);
		return EXIT_REFUSED;
	case CONFIRM_HINT:
		say(w, false, "Enter alone keeps it; nothing else does");
		break;
	case CONFIRM_NOTHING:
		break;
	}
	return -1;
}

static int wait_at_terminal(struct wait *w)
{
	int status;

	tcflush(STDIN_FILENO, TCIFLUSH); /* an Enter of before was meant for something else */
	do {
		uint64_t in_force = 0;
		enum confirm_fate fate = look(w, &in_force);

		status = end_by_fate(w, fate, in_force);
		if (status >= 0)
			break;
		show(w);
		status = end_by_wish(w, next_wish(w));
	} while (status < 0);
	return status;
}

/* Ctrl-C comes by a descriptor meanwhile. */
static int wait_with_signals(struct wait *w)
{
	sigset_t interrupt, before;
	int status = EXIT_REFUSED;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, &before);
	w->signals = signalfd(-1, &interrupt, SFD_CLOEXEC);
	if (w->signals < 0)
		usage_error("signalfd: %s; the change waits: pepctl confirm", strerror(errno));
	else
		status = wait_at_terminal(w);
	closep(&w->signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

/* --- without a terminal */

static void say_what_to_do(const struct cli *cli, uint64_t revision, int64_t left)
{
	struct timespec now;
	char until[40];

	if (cli->quiet)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	output_local_time(now.tv_sec * 1000000000 + now.tv_nsec + left, until);
	fprintf(stderr,
		"pepctl: revision %llu waits to be confirmed: pepctl confirm %llu; undone at %.19s "
		"otherwise\n",
		(unsigned long long)revision, (unsigned long long)revision, until);
}

void confirm_refresh(struct cli *cli, Pepctl__V1__ApplyChangesResponse *answer)
{
	_cleanup_error_ struct error err = ERROR_INIT;
	Pepctl__V1__GetServerInfoRequest request;
	Pepctl__V1__GetServerInfoResponse *info;

	if (!answer->repeated)
		return;
	answer->confirm_left_nano = 0;
	pepctl__v1__get_server_info_request__init(&request);
	if (!call_unary(
		    cli->client, METHOD_GET_SERVER_INFO, &request.base, &cli->arena, &info, &err) &&
		info->confirm_revision == answer->revision)
		answer->confirm_left_nano = info->confirm_left_nano;
}

int confirm_wait(struct cli *cli, const Pepctl__V1__ApplyChangesResponse *answer)
{
	struct wait w = {.cli = cli,
		.revision = answer->revision,
		.signals = -1,
		.end = client_now() + answer->confirm_left_nano};
	int status;

	if (answer->confirm_left_nano <= 0)
		return EXIT_DONE;
	if (!has_terminal()) {
		say_what_to_do(cli, answer->revision, answer->confirm_left_nano);
		return EXIT_DONE;
	}
	fflush(stdout);
	arena_init(&w.arena, ARENA_BUDGET_DEFAULT);
	status = wait_with_signals(&w);
	arena_deinit(&w.arena);
	return status;
}

void confirm_json(json_t *object, int64_t left)
{
	char text[32];

	confirm_format_left(left, text);
	if (left > 0)
		json_object_set_new(object, "confirm_left", json_string(text));
}

/* --- confirm */

int confirm_main(struct cli *cli, struct words *words)
{
	Pepctl__V1__ConfirmRevisionRequest request;
	Pepctl__V1__ConfirmRevisionResponse *answer;
	const char *word;
	int status = EXIT_DONE;

	if (words_take(words, "help")) {
		printf("Usage: pepctl confirm [REVISION]\n"
		       "  keep a change that was made with --confirm: that one, or whichever "
		       "waits\n");
		return EXIT_DONE;
	}
	pepctl__v1__confirm_revision_request__init(&request);
	word = words_next(words);
	if (word)
		status = words_revision("confirm", word, &request.revision);
	if (!status)
		status = words_end(words);
	if (!status)
		status = cli_call(cli, METHOD_CONFIRM_REVISION, &request.base, &answer);
	if (status)
		return status;
	if (cli->json)
		output_json(json_pack("{s:I}", "revision", (json_int_t)answer->revision));
	else if (!cli->quiet)
		printf("revision %llu confirmed\n", (unsigned long long)answer->revision);
	return EXIT_DONE;
}
