/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/frame.h"

#include <endian.h>

void frame_encode(const struct frame *frame, uint8_t ret[static FRAME_HEADER_SIZE])
{
	uint32_t length = htobe32(frame->length), stream = htobe32(frame->stream);

	memcpy(ret, &length, sizeof(length));
	memcpy(ret + 4, &stream, sizeof(stream));
	ret[8] = frame->type;
	ret[9] = frame->flags;
}

void frame_decode(const uint8_t bytes[static FRAME_HEADER_SIZE], struct frame *ret)
{
	uint32_t length, stream;

	memcpy(&length, bytes, sizeof(length));
	memcpy(&stream, bytes + 4, sizeof(stream));
	*ret = (struct frame){
		.length = be32toh(length),
		.stream = be32toh(stream),
		.type = bytes[8],
		.flags = bytes[9],
	};
}

enum frame_verdict frame_judge(const struct frame *frame)
{
	if (frame->length <= FRAME_BODY_MAX)
		return FRAME_ACCEPT;
	return frame->length <= FRAME_DISCARD_MAX ? FRAME_DISCARD : FRAME_CLOSE;
}
