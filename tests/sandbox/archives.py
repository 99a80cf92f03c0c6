"""A corpus of hostile archives, made by code: each with one thing wrong, and what it must be refused for.

Used by the tests of the extractor, and as the seeds of its fuzzer (`python -m bench fuzz`).
"""

from __future__ import annotations

import gzip
import lzma

END = bytes(1024)


def header(
    name: bytes = b"file",
    size: int = 0,
    kind: bytes = b"0",
    *,
    mode: bytes = b"0000644",
    raw_size: bytes | None = None,
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
    link: bytes = b"",
) -> bytes:
    """Make one tar header by hand, also those that no honest library would write."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:108] = mode + b"\0"
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = raw_size if raw_size is not None else b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = magic
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(
    name: bytes = b"file",
    content: bytes = b"x",
    kind: bytes = b"0",
    *,
    mode: bytes = b"0000644",
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
) -> bytes:
    """Make a header with its content and padding."""
    start = header(name, len(content), kind, mode=mode, prefix=prefix, magic=magic)
    return start + content + bytes(-len(content) % 512)


def pax(*records: bytes) -> bytes:
    """Make an extended header."""
    content = b"".join(records)
    return member(b"PaxHeader", content, kind=b"x")


def record(key: bytes, value: bytes) -> bytes:
    """Make one record of an extended header, with the length that counts itself."""
    body = b" %s=%s\n" % (key, value)
    length = len(body) + 1
    while len(b"%d" % length) + len(body) != length:
        length += 1
    return b"%d" % length + body


def cve_2025_4517() -> bytes:
    """Links that only leave when their resolved path grows too long to be resolved, then a file written through them.

    The shape of the public pattern: each level is a folder with a very long name and a short link to it, so that the
    path of links is short and the real one passes the longest that the system can resolve.
    """
    folder, made, path = b"d" * 247, b"", b""
    for step in b"abcdefghijklmnop":
        made += pax(record(b"path", path + folder)) + header(kind=b"5")
        made += pax(record(b"path", path + bytes([step])), record(b"linkpath", folder)) + header(kind=b"2")
        path += folder + b"/"
    short = b"/".join(bytes([step]) for step in b"abcdefghijklmnop")
    link = short + b"/" + b"l" * 254
    made += pax(record(b"path", link), record(b"linkpath", b"../" * 16)) + header(kind=b"2")
    made += pax(record(b"path", b"escape"), record(b"linkpath", link + b"/..")) + header(kind=b"2")
    made += header(b"planted", kind=b"1", link=b"escape/planted")
    return made + member(b"planted", b"owned") + END


HOSTILE: dict[str, tuple[bytes, str]] = {
    "a symlink": (header(b"link", kind=b"2", link=b"/etc/passwd") + END, 'neither a regular'),
    "a symlink, then a file through it": (header(b"d", kind=b"2", link=b"/tmp") + member(b"d/planted") + END, 'neither'),
    "a hard link": (header(b"link", kind=b"1", link=b"/etc/passwd") + END, 'neither'),
    "a character device": (header(b"null", kind=b"3") + END, 'neither'),
    "a block device": (header(b"sda", kind=b"4") + END, 'neither'),
    "a pipe": (header(b"fifo", kind=b"6") + END, 'neither'),
    "a contiguous file": (member(b"file", kind=b"7") + END, 'neither'),
    "a sparse file": (member(b"file", kind=b"S") + END, 'neither'),
    "a long name of GNU tar": (member(b"././@LongLink", b"../planted\0", kind=b"L") + member() + END, 'neither'),
    "a long link of GNU tar": (member(b"././@LongLink", b"/etc\0", kind=b"K") + member() + END, 'neither'),
    "a global extended header": (member(b"g", record(b"path", b"../planted"), kind=b"g") + member() + END, 'neither'),
    "a kind nobody knows": (member(b"file", kind=b"Z") + END, 'neither'),
    "a parent folder": (member(b"../planted") + END, 'plain relative'),
    "a parent folder within": (member(b"a/../../planted") + END, 'plain relative'),
    "a parent folder in the prefix": (member(b"planted", prefix=b"..") + END, 'plain relative'),
    "a parent folder in an extended header": (pax(record(b"path", b"../planted")) + member() + END, 'plain relative'),
    "an absolute name": (member(b"/planted") + END, 'plain relative'),
    "an absolute name in an extended header": (pax(record(b"path", b"/planted")) + member() + END, 'plain relative'),
    "an empty name": (member(b"") + END, 'plain relative'),
    "a name that is only a dot": (member(b".") + END, 'plain relative'),
    "an empty part": (member(b"a//b") + END, 'plain relative'),
    "a dot part": (member(b"a/./b") + END, 'plain relative'),
    "a file that ends in a slash": (member(b"a/") + END, 'plain relative'),
    "a NUL in an extended name": (pax(record(b"path", b"a\0b")) + member() + END, 'plain relative'),
    "a name that is not UTF-8": (member(b"\xff\xfe") + END, 'not UTF-8'),
    "a lone surrogate in a name": (pax(record(b"path", b"\xed\xa0\x80")) + member() + END, 'not UTF-8'),
    "a part too long for a file system": (pax(record(b"path", b"a" * 256)) + member() + END, 'longer than 255'),
    "too deep": (pax(record(b"path", b"/".join([b"d"] * 21))) + member() + END, 'deeper than 20'),
    "the same file twice": (member() + member() + END, 'twice'),
    "the same file twice, once with a dot": (member() + member(b"./file") + END, 'twice'),
    "the same folder twice": (header(b"d/", kind=b"5") + header(b"d", kind=b"5") + END, 'twice'),
    "a file, then a folder": (member(b"a") + member(b"a/b") + END, 'cannot be written'),
    "a folder, then a file": (member(b"a/b") + member(b"a") + END, 'cannot be written'),
    "a folder with content": (member(b"d", b"x" * 600, kind=b"5") + END, 'claims to have content'),
    "a negative size": (header(raw_size=b"\xff" * 10 + b"\xfe\x00") + END, 'not octal'),
    "a size in base 256": (header(raw_size=b"\x80" + bytes(10) + b"\x01") + b"x" + bytes(511) + END, 'not octal'),
    "a size with a sign": (header(raw_size=b"-0000000010\0") + END, 'not octal'),
    "a size that is no number": (header(raw_size=b"0000000009\0\0") + END, 'not octal'),
    "a size that is empty": (header(raw_size=b"\0" * 12) + END, 'not octal'),
    "a size far beyond the archive": (header(raw_size=b"77777777777\0") + END, 'more than 67108864 bytes'),
    "a size just beyond the archive": (header(size=4096) + b"x" * 512, 'cut short'),
    "a size changed by an extended header": (pax(record(b"size", b"0")) + member() + END, "changes 'size'"),
    "a link target in an extended header": (pax(record(b"linkpath", b"/etc")) + member() + END, "changes 'linkpath'"),
    "a sparse map in an extended header": (pax(record(b"GNU.sparse.major", b"1")) + member() + END, "changes 'GNU.sparse.major'"),
    "an extended header without length": (pax(b"path=x\n") + member() + END, 'extended header is damaged'),
    "an extended header with a length too long": (pax(b"99 path=x\n") + member() + END, 'extended header is damaged'),
    "an extended header with a length of nothing": (pax(b"0 path=x\n") + member() + END, 'extended header is damaged'),
    "an extended header without newline": (pax(b"9 path=xx") + member() + END, 'extended header'),
    "an extended header on an extended header": (pax(record(b"path", b"a")) + pax(record(b"path", b"b")) + member() + END, 'neither'),
    "an extended header at the end": (pax(record(b"path", b"a")) + END, "not octal"),
    "a damaged checksum": (b"F" + member()[1:] + END, 'header of the archive is damaged'),
    "no end": (member(), 'cut short'),
    "half an end": (member() + bytes(512), 'cut short'),
    "half a header": (member() + header()[:100], 'cut short'),
    "more after the end": (member() + END + member(b"second"), 'goes on after'),
    "something between the end blocks": (member() + bytes(512) + member(b"second") + END, 'goes on after'),
    "nothing at all": (b"", 'cut short'),
    "no archive": (b"this is not an archive" * 100, 'not octal|damaged'),
    "a compressed archive": (gzip.compress(member() + END), 'cut short|damaged|not octal'),
    # Path overrides and names
    "the pattern of CVE-2025-4517": (cve_2025_4517(), "changes 'linkpath'"),
    "a name that leaves through a link of links": (
        header(b"a", kind=b"2", link=b"../b") + header(b"a/x", kind=b"1", link=b"a/../../etc/passwd") + END, "neither"),
    "a folder that is only a dot": (header(b"./", kind=b"5") + END, "plain relative"),
    "an empty name in an extended header": (pax(record(b"path", b"")) + member() + END, "plain relative"),
    "two names in one extended header": (
        pax(record(b"path", b"good"), record(b"path", b"../planted")) + member() + END, "twice"),
    "a name that goes on behind its NUL": (member(b"a\0../planted") + END, "goes on after its end"),
    "a prefix that goes on behind its NUL": (member(prefix=b"a\0b") + END, "goes on after its end"),
    "a name behind the prefix that leaves": (member(b"../../planted", prefix=b"a/b") + END, "plain relative"),
    "the same file in another case": (member(b"Makefile") + member(b"makefile") + END, "spells"),
    "the same file in another composition": (
        pax(record(b"path", "\u00e9".encode())) + member() + pax(record(b"path", "e\u0301".encode())) + member() + END,
        "spells"),
    "the same folder in another case": (member(b"Dir/a") + member(b"dir/b") + END, "spells"),
    "a file where a folder is in another case": (member(b"Dir/a") + member(b"dir") + END, "spells"),
    # Extended headers that change what a member is
    "a hdrcharset that makes names binary": (
        pax(record(b"hdrcharset", b"BINARY"), record(b"path", b"\xff\xfe")) + member() + END, "changes 'hdrcharset'"),
    "a name that is not UTF-8 in an extended header": (pax(record(b"path", b"\xff\xfe")) + member() + END, "not UTF-8"),
    "a key that is not UTF-8": (pax(record(b"\xff", b"x")) + member() + END, "not UTF-8"),
    "a negative size in an extended header": (pax(record(b"size", b"-512")) + member() + END, "changes 'size'"),
    "a huge size in an extended header": (pax(record(b"size", b"9" * 30)) + member() + END, "changes 'size'"),
    "a sparse file of GNU tar 0.0": (
        pax(record(b"GNU.sparse.size", b"1048576"), record(b"GNU.sparse.numblocks", b"1"),
            record(b"GNU.sparse.offset", b"0"), record(b"GNU.sparse.numbytes", b"1")) + member() + END,
        "changes 'GNU.sparse.size'"),
    "a sparse file of GNU tar 0.1": (
        pax(record(b"GNU.sparse.map", b"0,1,1099511627776,0"), record(b"GNU.sparse.name", b"../planted"))
        + member() + END, "changes 'GNU.sparse.map'"),
    "a sparse file of GNU tar 1.0": (
        pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.minor", b"0"),
            record(b"GNU.sparse.realsize", b"1099511627776")) + member(b"file", b"1\n0\n1\n" + bytes(506)) + END,
        "changes 'GNU.sparse.major'"),
    "a sparse file of the old format, with a map": (
        header(b"file", 512, b"S", magic=b"ustar  \0") + bytes(512) + END, "neither"),
    "an extended attribute": (pax(record(b"SCHILY.xattr.security.capability", b"x")) + member() + END, "changes 'SCHILY"),
    "an access list": (pax(record(b"SCHILY.acl.access", b"user::rwx")) + member() + END, "changes 'SCHILY"),
    "an extended header too long": (pax(record(b"path", b"a" * 17000)) + member() + END, "too long"),
    "an extended header of claimed 8 GiB": (header(b"PaxHeader", kind=b"x", raw_size=b"77777777777\0") + END, "too long"),
    "an extended header of Solaris": (member(b"x", record(b"path", b"../planted"), kind=b"X") + member() + END, "neither"),
    # Sizes and lengths
    "10 GB claimed, nothing there": (header(raw_size=b"112402762000") + END, "more than 67108864 bytes"),
    "a size in base 256 of 2 to the 87": (header(raw_size=b"\x80" + b"\x7f" + bytes(10)) + END, "not octal"),
    "a size with another sign": (header(raw_size=b"+0000000010\0") + END, "not octal"),
    "a size with an underscore": (header(raw_size=b"0000000_010\0") + END, "not octal"),
    "a size of other digits": (header(raw_size="\u0661".encode() * 5 + b"\0\0") + END, "not octal"),
    "a mode in base 256": (header(mode=b"\x80\0\0\0\0\0\x01") + END, "not octal"),
    "a link with a size": (header(b"link", 1024, b"1", link=b"x") + bytes(1024) + END, "neither"),
    "a pipe with a size": (header(b"pipe", 512, b"6") + bytes(512) + END, "neither"),
    "a setuid device": (header(b"d", kind=b"3", mode=b"0006777") + END, "neither"),
    "more members than there may be": (b"".join(header(b"f%d" % n) for n in range(5001)) + END, "more than 5000 members"),
    "more folders than there may be, implied": (
        b"".join(header(b"/".join(b"%d" % (n * 20 + d) for d in range(20))) for n in range(260)) + END,
        "more than 5000 members"),
    # Ends
    "two archives, one after the other": (member() + END + member(b"second") + END, "goes on after"),
    "a checksum of nothing": (header()[:148] + bytes(8) + header()[156:] + END, "not octal"),
    "a checksum with the signs of old Suns": (header(b"\xc3\xa4")[:148] + b"001000\0 " + header()[156:] + END, "damaged"),
    "an archive in xz": (lzma.compress(member() + END), "cut short|damaged|not octal"),
}  # fmt: skip
"""Name -> the archive, and a pattern of what it must be refused for."""

HONEST = (
    header(b"d/", kind=b"5")
    + member(b"d/file", b"content")
    + member(b"old", b"", kind=b"\0")
    + member(b"planted", b"y", prefix=b"long/prefix")
    + pax(record(b"mtime", b"1.5"), record(b"path", "n\u00e4me".encode())) + member(b"x", b"z")
    + END
)  # fmt: skip
"""Made by the same maker, and accepted: so the refusals of the others have the named cause."""
