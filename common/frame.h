/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The 10-byte frame header of ttrpc 1.2: big-endian length, stream id, type, flags. */
#ifndef PEP_COMMON_FRAME_H
#define PEP_COMMON_FRAME_H

#include "common/macros.h"

#define FRAME_HEADER_SIZE 10u
#define FRAME_BODY_MAX    (4u << 20)  /* a longer one is refused on its stream */
#define FRAME_DISCARD_MAX (16u << 20) /* a longer one ends the connection */

enum frame_type { FRAME_REQUEST = 1, FRAME_RESPONSE = 2, FRAME_DATA = 3 };

enum frame_flag {
	FRAME_REMOTE_CLOSED = 1, /* the sender's half of the stream ends here */
	FRAME_REMOTE_OPEN = 2,   /* of a request: data of the client follows */
	FRAME_NO_DATA = 4,       /* the body is no message, not even an empty one */
};

struct frame {
	uint32_t length; /* of the body that follows, any value: the caller judges */
	uint32_t stream;
	uint8_t type;  /* enum frame_type, or unknown */
	uint8_t flags; /* enum frame_flag */
};

/* What a reader does with a frame of that length. */
enum frame_verdict { FRAME_ACCEPT, FRAME_DISCARD, FRAME_CLOSE };

void frame_encode(const struct frame *frame, uint8_t ret[static FRAME_HEADER_SIZE]);
void frame_decode(const uint8_t bytes[static FRAME_HEADER_SIZE], struct frame *ret);
enum frame_verdict frame_judge(const struct frame *frame);

#endif
