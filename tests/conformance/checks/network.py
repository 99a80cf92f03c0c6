"""There is no way out of a sandbox."""

import secrets

from tests.conformance.registry import check
from tests.conformance.walls import text


@check
def tcp_leads_nowhere(wall):
    code = """
import socket
for address in (("1.1.1.1", 53), ("8.8.8.8", 443), ("10.0.0.1", 80), ("172.17.0.1", 22), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, 2)
        print("reached", address)
    except OSError as error:
        assert error.errno, error  # refused by the kernel at once, not a time-out of a network that is there
"""
    assert text(wall.python(code)) == ""


@check
def udp_leads_nowhere(wall):
    code = """
import socket
for family, address in ((socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET6, ("2606:4700:4700::1111", 53))):
    try:
        socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", address)
        print("sent", address)
    except OSError:
        pass
"""
    assert text(wall.python(code)) == ""


@check
def names_do_not_resolve(wall):
    code = "import socket\ntry:\n    print(socket.getaddrinfo('example.com', 80))\nexcept OSError:\n    pass"
    assert text(wall.python(code, deadline=20)) == ""


@check
def there_is_only_a_loopback(wall):
    assert text(wall.python("import socket; print([name for _, name in socket.if_nameindex()])")) == "['lo']"


@check
def abstract_sockets_of_the_machine_are_out_of_reach(wall):
    import socket

    name = f"\0successor-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        code = f"import socket\ntry:\n    socket.socket(socket.AF_UNIX).connect({name!r})\n    print('reached')\nexcept OSError:\n    pass"
        assert text(wall.python(code)) == ""


@check
def the_engine_is_out_of_reach(wall):
    code = "import os; print([p for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd') if os.path.lexists(p)])"
    assert text(wall.python(code)) == "[]"


@check
def sockets_of_other_kinds_cannot_be_made(wall):
    """Raw ones, and families that lead past the network to the machine (VSOCK) or into rarely used code of the kernel."""
    code = """
import errno, socket
RAW, VSOCK = socket.SOCK_RAW, 40
for family, kind, protocol in ((socket.AF_INET, RAW, 1), (socket.AF_INET6, RAW, 58), (socket.AF_INET, RAW, 255),
                               (17, RAW, 3), (17, socket.SOCK_DGRAM, 3), (38, socket.SOCK_SEQPACKET, 0), (VSOCK, 1, 0),
                               (VSOCK, 2, 0), (44, RAW, 0), (29, RAW, 1), (30, 5, 0), (31, RAW, 1), (15, RAW, 2), (21, 5, 0)):
    try:
        socket.socket(family, kind, protocol)
        print("made", family, kind)
    except OSError as error:
        wanted = errno.EPERM if family in (socket.AF_INET, socket.AF_INET6) else errno.EAFNOSUPPORT
        if error.errno != wanted:
            print(family, kind, error)
"""
    assert text(wall.python(code)) == ""
