/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "server/monitor.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

/* What the messages say is not used: whoever is told looks for itself, so losing some is fine. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct monitor *m = CONTAINER_OF(poll, struct monitor, poll);
	char buffer[8192];
	bool any = false;

	(void)status;
	(void)events;
	while (recv(m->fd, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC) > 0 || errno == ENOBUFS)
		any = true;
	if (any)
		m->changed(m->data);
}

static void on_pins(uv_fs_event_t *watch, const char *name, int events, int status)
{
	struct monitor *m = CONTAINER_OF(watch, struct monitor, pins);

	(void)name;
	(void)events;
	if (!status)
		m->changed(m->data);
}

int monitor_init(struct monitor *m, uv_loop_t *loop, const char *pins,
	void (*changed)(void *data), void *data, struct error *err)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

	*m = (struct monitor){.changed = changed, .data = data};
	m->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (m->fd < 0 || bind(m->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		uv_poll_init(loop, &m->poll, m->fd) < 0) {
		closep(&m->fd);
		return error_set(err, ERROR_PRECONDITION, "NETLINK",
			"interfaces cannot be watched: %s", strerror(errno));
	}
	m->open = true;
	uv_poll_start(&m->poll, UV_READABLE, on_poll);
	m->watches_pins = uv_fs_event_init(loop, &m->pins) == 0;
	if (m->watches_pins)
		uv_fs_event_start(&m->pins, on_pins, pins, 0);
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	close(CONTAINER_OF(handle, struct monitor, poll)->fd);
}

void monitor_close(struct monitor *m)
{
	if (m->open)
		uv_close((uv_handle_t *)&m->poll, on_closed);
	if (m->watches_pins)
		uv_close((uv_handle_t *)&m->pins, NULL);
	m->open = m->watches_pins = false;
}
