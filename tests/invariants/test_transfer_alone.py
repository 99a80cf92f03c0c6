"""One way out of a sandbox: no archive is ever unpacked by `tarfile`, `shutil` or the engine."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(p for f in ("agent", "sandbox", "bench") for p in (ROOT / f).rglob("*.py") if "_data" not in p.parts)
FORBIDDEN = {
    "extractall", "extract_all", "unpack_archive", "put_archive", "get_archive", "extraction_filter", "data_filter",
    "tar_filter", "fully_trusted_filter", "_extract_member", "copy_from", "copy_to",
}  # fmt: skip
READS = {"sources.extractfile", "self._source.extractfile", "tarfile.open to read"}
READS_ARCHIVES = {
    "sandbox/image/collect.py": "reads, member by member, the sources that the host packed; runs inside",
    "sandbox/task_image.py": "opens what an engine exported, to be written to another archive; nothing comes to be a file",
    "sandbox/task_tree.py": "member by member, to that archive; the work folder by `transfer.stage`, under caps",
}


def findings(source: str) -> list[str]:
    """What in `source` unpacks an archive, or reads one with `tarfile`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            found += [name] if name in FORBIDDEN else []
        if isinstance(node, ast.ImportFrom) and node.module in {"tarfile", "shutil", "zipfile"}:
            found += [
                f"from {node.module}" for alias in node.names if node.module != "shutil" or alias.name in FORBIDDEN
            ]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            holder = ast.unparse(node.func.value)
            words = [k.arg for k in node.keywords]
            if node.func.attr in {"extract", "extractfile"}:
                found.append(f"{holder}.{node.func.attr}")
            if "filter" in words and node.func.attr != "add":  # `add` packs
                found.append(f"{node.func.attr}(filter=)")
            if holder == "tarfile" and node.func.attr in {"open", "TarFile"}:
                modes = [
                    a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)
                ]
                found += [] if any(str(mode).startswith(("w", "x")) for mode in modes) else ["tarfile.open to read"]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_unpacks_an_archive_but_the_strict_extractor(path):
    name = str(path.relative_to(ROOT))
    found = findings(path.read_text("utf-8"))

    assert found == [] or (name in READS_ARCHIVES and set(found) <= READS)


@pytest.mark.parametrize(
    "source",
    [
        "import tarfile\ntarfile.open(fileobj=f).extractall(d, filter='data')",
        "import tarfile\ntarfile.open(path)",
        "import tarfile\ntarfile.open(path, 'r|')",
        "from tarfile import open",
        "import shutil\nshutil.unpack_archive(a, b)",
        "from shutil import unpack_archive",
        "client.put_archive(container, '/', data)",
        "stream, stat = client.get_archive(container, path)",
        "archive.extract(member, d)",
        "archive.extract(member, d, filter='data')",
    ],
)
def test_a_planted_way_out_is_seen(source):
    assert findings(source)
