/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/alarm.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>

#define SECOND 1000000000ll

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct alarm *a = CONTAINER_OF(poll, struct alarm, poll);
	uint64_t count;

	(void)status;
	(void)events;
	if (read(a->fd, &count, sizeof(count)) == sizeof(count))
		a->ring(a->data);
}

int alarm_init(struct alarm *a, uv_loop_t *loop, void (*ring)(void *data), void *data, struct error *err)
{
	int r;

	a->ring = ring;
	a->data = data;
	a->fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (a->fd < 0)
		return error_set(err, ERROR_PRECONDITION, "TIMER", "timerfd_create: %s", strerror(errno));
	r = uv_poll_init(loop, &a->poll, a->fd);
	if (!r)
		r = uv_poll_start(&a->poll, UV_READABLE, on_poll);
	if (!r)
		return 0;
	closep(&a->fd);
	return error_set(err, ERROR_PRECONDITION, "TIMER", "the timer cannot be watched: %s", uv_strerror(r));
}

void alarm_set(struct alarm *a, int64_t boottime)
{
	const int64_t at = MAX(boottime, 1); /* 0 would stop it */
	const struct itimerspec spec = {.it_value = {at / SECOND, at % SECOND}};

	timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void alarm_close(struct alarm *a)
{
	if (a->fd < 0)
		return;
	uv_close((uv_handle_t *)&a->poll, NULL);
	closep(&a->fd);
}
