#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Holds PROTOCOL.md to the truth.

Every block of a hex dump in it is one frame; the block right after says in
words what the frame is. Each dump is taken apart here, by hand as far as the
framing goes and by protoc for the messages, and the words must be what comes
out. The envelope's definition is the page's own. The method table must be that
of pepctl.proto, the table of codes that of google.rpc.Code.

test_protocol_examples.py [PROTO_DIR]
"""
import pathlib
import re
import subprocess
import sys
import tempfile

PROTO = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                     pathlib.Path(__file__).resolve().parents[2] / "proto").resolve()
TYPES = {1: "request", 2: "response", 3: "data"}
FLAGS = {1: "remote closed", 2: "remote open", 4: "no data"}
FILES = ["pepctl.proto", "health.proto", "google/rpc/status.proto",
         "google/rpc/error_details.proto"]
CODES = dict(enumerate("""OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND
    ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE
    UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED""".split()))


class Wrong(Exception):
    """A dump that is no frame of the protocol."""


def protoc(message, data, folder):
    """The text of a message, by protoc; what it does not know shows as numbers."""
    files = [f for f in FILES if (PROTO / f).exists()] + ["ttrpc.proto"]
    out = subprocess.run(["protoc", f"-I{PROTO}", f"-I{folder}", f"--decode={message}", *files],
                         input=data, capture_output=True, check=False)
    if out.returncode:
        raise Wrong(f"protoc finds no {message}: {out.stderr.decode().strip()}")
    text = out.stdout.decode()
    if re.search(r"^\s*\d+[:{ ]", text, re.M):
        raise Wrong(f"the {message} has a field that the .proto does not know:\n{text}")
    return text


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """(number, value) of each field; bytes for length-delimited ones."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise Wrong(f"wire type {tag & 7} in an envelope")
        if at > len(data):
            raise Wrong("a field is longer than its message")
        yield tag >> 3, value


def methods():
    """("service", "name") -> (request, response, does the client stream, does the daemon?), as
    the .proto files say."""
    found = {}
    for file in ("pepctl.proto", "health.proto"):
        text = (PROTO / file).read_text()
        package = re.search(r"^package (\S+);", text, re.M).group(1)
        service = re.search(r"^service (\w+)", text, re.M).group(1)
        for name, sends, request, streams, response in re.findall(
                r"rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\)", text):
            found[f"{package}.{service}", name] = (
                f"{package}.{request}", f"{package}.{response}", bool(sends), bool(streams))
    return found


class Connection:
    """Knows which method each stream calls, so that answers can be read."""

    def __init__(self, folder):
        self.folder = folder
        self.methods = methods()
        self.streams = {}

    def describe(self, frame):
        """The words for one frame; Wrong when it is none."""
        if len(frame) < 10:
            raise Wrong("shorter than a header")
        length = int.from_bytes(frame[:4], "big")
        stream = int.from_bytes(frame[4:8], "big")
        kind, flags, body = TYPES.get(frame[8]), frame[9], frame[10:]
        if length != len(body):
            raise Wrong(f"the header says {length} bytes, {len(body)} follow")
        if kind is None:
            raise Wrong(f"type {frame[8]}")
        names = ", ".join(name for bit, name in FLAGS.items() if flags & bit)
        head = f"length {length}, stream {stream}, type {frame[8]} ({kind}), flags {flags}"
        lines = [head + (f" ({names})" if names else "")]
        lines += getattr(self, kind)(stream, flags, body)
        return "\n".join(lines)

    def message(self, name, data):
        text = protoc(name, data, self.folder).rstrip("\n")
        return [f"{name}, {len(data)} bytes:"] + ["  " + line for line in text.splitlines()]

    def request(self, stream, flags, body):
        protoc("ttrpc.Request", body, self.folder)
        parts = dict(fields(body))
        method = parts[1].decode(), parts[2].decode()
        self.streams[stream] = self.methods[method]
        lines = [f'service "{method[0]}", method "{method[1]}"']
        if 4 in parts:
            lines[0] += f", timeout_nano {parts[4]}"
        if 3 not in parts:
            return lines + ["no payload"]
        return lines + self.message(self.streams[stream][0], parts[3])

    def response(self, stream, flags, body):
        protoc("ttrpc.Response", body, self.folder)
        parts = dict(fields(body))
        if 1 in parts:
            return self.status(parts[1])
        if 2 not in parts:
            return [f"success, an empty {self.streams[stream][1]}"]
        return ["success"] + self.message(self.streams[stream][1], parts[2])

    def status(self, data):
        protoc("google.rpc.Status", data, self.folder)
        parts = list(fields(data))
        code, text = dict(parts).get(1, 0), dict(parts).get(2, b"").decode()
        lines = [f'status: code {code} ({CODES[code]}), message "{text}"']
        for number, value in parts:
            if number == 3:
                any_ = dict(fields(value))
                lines += [f"detail {any_[1].decode()}"]
                lines += self.message(any_[1].decode().split("/")[1], any_[2])
        return lines

    def data(self, stream, flags, body):
        request, response, sends, _ = self.streams[stream]
        if flags & 4:
            return ["the end of the client's side" if sends else "the clean end of the stream"]
        return self.message(request if sends else response, body)


DUMP_LINE = re.compile(r"^([0-9a-f]{8})  ((?:[0-9a-f]{2} ?| (?=[0-9a-f])){1,}) *(?:\|.*\|)?$")


def dump_bytes(block):
    """The bytes of `hexdump -C` lines."""
    data = b""
    for line in block.splitlines():
        found = DUMP_LINE.match(line)
        if not found or int(found.group(1), 16) != len(data):
            raise Wrong(f"no line of a dump: {line}")
        row = bytes.fromhex(found.group(2))
        text = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        if f"|{text}|" not in line:
            raise Wrong(f"bytes and characters differ: {line}")
        data += row
    return data


def blocks(page):
    """(heading, language, text) of each fenced block."""
    heading = language = None
    for line in page.splitlines():
        if language is not None:
            if line == "```":
                yield heading, language, "\n".join(text)
                language = None
            else:
                text.append(line)
        elif line.startswith("```"):
            language, text = line[3:], []
        elif line.startswith("#"):
            heading = line.lstrip("# ")


def check_examples(page, folder):
    """Faults of the dumps, and how many dumps there were."""
    faults, count, said, last = [], 0, None, None
    for heading, language, text in blocks(page):
        if heading != last:
            connection, last = Connection(folder), heading
        if language == "dump":
            try:
                said = connection.describe(dump_bytes(text))
            except (Wrong, KeyError, IndexError) as why:
                faults.append(f"{heading}: {why!r}\n{text}")
            count += 1
        elif language == "frame":
            if said != text:
                faults.append(f"{heading}: the page says\n{text}\nbut the dump says\n{said}")
            said = None
        elif said is not None:
            faults.append(f"{heading}: a dump without its words")
    return faults, count


def check_tables(page):
    """Faults of the method table and of the table of codes."""
    faults = []
    rows = re.findall(r"^\| `(\w+)` \| (stream of )?`([\w.]+)` \| (stream of )?`([\w.]+)` \|",
                      page, re.M)
    listed = {name: (request, response, bool(sends), bool(streams))
              for name, sends, request, streams, response in rows}
    real = {name: (request.rsplit(".", 1)[1], response.rsplit(".", 1)[1], *streams)
            for (_, name), (request, response, *streams) in methods().items()}
    for name in sorted(set(listed) | set(real)):
        if listed.get(name) != real.get(name):
            faults.append(f"method {name}: page {listed.get(name)}, proto {real.get(name)}")
    codes = re.findall(r"^\| (\d+) \| `([A-Z_]+)` \|", page, re.M)
    faults += [f"code {n} is {CODES[int(n)]}, not {name}"
               for n, name in codes if CODES[int(n)] != name]
    if not codes:
        faults.append("no table of codes")
    return faults


def main():
    page = (PROTO / "PROTOCOL.md").read_text()
    with tempfile.TemporaryDirectory() as folder:
        envelope = [text for _, language, text in blocks(page) if language == "proto"]
        pathlib.Path(folder, "ttrpc.proto").write_text("\n".join(envelope))
        faults, count = check_examples(page, folder)
    faults += check_tables(page)
    if count < 8:
        faults.append(f"only {count} dumps were found")
    print(*faults, f"{count} frames of PROTOCOL.md decoded, {len(faults)} faults", sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
