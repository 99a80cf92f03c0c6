"""Task folders: what of the format is read, what is refused by name, and what a digest covers."""

import gc
from contextlib import closing

import pytest

from agent.edits.tree import File, Tree
from agent.errors import BadSettings
from agent.evaluate.harbor.environment import NotInside, read_dockerfile
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.suite import open_harbor_suite
from sandbox.choose import choose
from sandbox.errors import BackendUnavailable
from sandbox.memory_backend import MemoryBackend
from tests.evaluate.harbor.small import FILES, TASK, settings, tree


@pytest.fixture
def opening(tmp_path):
    backend = MemoryBackend(lambda mounts, command: None, tmp_path)
    made = []

    def open_it(changes=None, **given):
        base = changes if isinstance(changes, Tree) else tree(changes)
        made.append(
            open_harbor_suite(
                "small", settings(**given), base, backend.prepare(), backend, objective=True, progress=lambda _: None
            )
        )
        return made[-1]

    yield open_it
    for suite in made:
        suite.close()


def test_a_task_is_read(opening):
    suite = opening()
    task = suite.task("double")

    assert [(t.id, t.family) for t in suite.tasks("dev")] == [("double", "numbers")]
    assert suite.tasks("heldout") == ()
    assert (suite.entry_points, suite.graded, suite.repeats, suite.left_out) == (("solve",), "apart", 1, ())
    assert task.instruction == "Make number.double double its argument.\n"
    assert suite.place("double").files == {"number.py": File(FILES["environment/app/number.py"])}
    assert suite.place("double").env == {"COLOUR": "blue"}
    assert (task.seconds(900), task.seconds(10), task.verifier_seconds(900)) == (30, 10, 20)


def test_looks_are_counted_under_the_names_of_the_heldout_tasks(opening):
    heldout = {"task.toml": TASK.replace(b'split = "dev"', b'split = "heldout"')}

    assert opening(deadline_seconds=7).exam == opening().exam
    assert opening(heldout).exam != opening().exam


def test_old_keys_are_read_as_the_new_ones(opening):
    old = TASK.replace(b"schema_version", b"version").replace(b'network_mode = "no-network"', b"allow_internet = false")

    assert opening({"task.toml": old}).task("double").file.environment.network_mode == "no-network"


def test_a_family_is_the_task_itself_where_none_is_named(opening):
    task = TASK.replace(b'family = "numbers"\n', b"")

    assert opening({"task.toml": task}).tasks("dev")[0].family == "double"


def test_tasks_that_cannot_be_passed_honestly_are_known(opening):
    task = TASK.replace(b"[metadata]", b"[metadata]\nimpossible = true")

    suite = opening({"task.toml": task})

    assert suite.impossible("dev") == {"double"}
    assert suite.summary({"double": 1_000_000}) == {"mean": 1_000_000, "solved": 0, "impossible_refused": 1_000_000}
    assert "impossible_refused" not in opening().summary({"double": 1_000_000})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[[steps]]\nname = 'a'", "several steps"),
        ("[environment]\nos = 'windows'", "the system windows"),
        ("[environment]\ngpus = 1", "a GPU"),
        ("[environment]\nmcp_servers = [{name = 'x'}]", "servers for tools"),
        ("[environment]\nnetwork_mode = 'allowlist'\nallowed_hosts = ['x']", "hosts of a network"),
        ("[environment]\nhealthcheck = {command = 'x'}", "a check of health"),
        ("[verifier]\nenvironment = {docker_image = 'x'}", "an environment of the verifier's own"),
        ("[verifier]\ncollect = [{command = 'x'}]", "commands that collect"),
        ("[environment]\nenv = {A = '${SECRET}'}", "the variable SECRET of this machine"),
        ("[environment]\nenv = {PATH = '/x'}", "PATH is not a task's to set"),
        ("[environment]\nworkdir = '/srv'", "the work folder is /app"),
    ],
)
def test_what_we_do_not_have_is_refused_by_name(opening, more, said):
    task = f'schema_version = "1.4"\n[metadata]\nsplit = "dev"\n{more}\n'.encode()
    with pytest.raises(BadSettings, match=r"suites/small/double") as refused:
        opening({"task.toml": task})
    assert said in refused.value.why


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("environment/docker-compose.yaml", b"", "a compose file"),
        ("steps/one/instruction.md", b"", "several steps"),
        ("tests/Dockerfile", b"", "an image of the verifier's own"),
        ("task.toml", None, "it is missing"),
        ("task.toml", b"= 1", "it is no TOML"),
        ("task.toml", b"x = " + b"[" * 5_000, "it is no TOML"),
        ("task.toml", b"\xff", "it is not UTF-8"),
        ("task.toml", b"agent = 3\n[metadata]\nsplit = 'dev'", "agent"),
        ("task.toml", b"[metadata]\nsplit = 'test'", "metadata.split"),
        ("task.toml", b"", "metadata.split"),
        ("task.toml", b"schema_version = '2.0'\n[metadata]\nsplit = 'dev'", "schema 2.0"),
        ("task.toml", TASK.replace(b"timeout_sec = 30", b"timeout_sec = -1"), "agent.timeout_sec"),
        ("task.toml", TASK.replace(b"timeout_sec = 30", b"timeout_sec = inf"), "agent.timeout_sec"),
        ("task.toml", TASK + b"#" * 300_000, "it is longer than"),
        ("instruction.md", None, "it is missing"),
        ("instruction.md", b" \n", "it is empty"),
        ("tests/test.sh", None, "it is missing"),
        ("environment/Dockerfile", None, "it is missing"),
    ],
)
def test_a_task_that_is_not_valid_is_refused_by_place_and_reason(opening, path, content, said):
    with pytest.raises(BadSettings, match=r"suites/small/double") as refused:
        opening({path: content})
    assert said in refused.value.why


def test_a_variable_with_a_default_takes_it_and_never_the_machines(opening, monkeypatch):
    monkeypatch.setenv("SECRET", "of the machine")
    task = TASK.replace(b"[environment]", b"[environment]\nenv = {A = 'x ${SECRET:-plain} y'}")

    assert opening({"task.toml": task}).place("double").env == {"COLOUR": "blue", "A": "x plain y"}


@pytest.mark.parametrize(
    "given", [{"tasks": "../x"}, {"tasks": "/x"}, {"more": 1}, {"graded": "both"}, {"calls": 0}, {"deadline_seconds": 5_000}, {"schema": 2}]
)  # fmt: skip
def test_settings_are_strict(given):
    with pytest.raises(ValueError, match="validation error"):
        HarborSettings.model_validate({"schema": 1, "kind": "harbor", "tasks": "suites/x", **given})


def test_a_suite_without_tasks_is_refused(opening):
    with pytest.raises(BadSettings, match="small"):
        opening(Tree({"suites/small/README.md": File(b"")}))


@pytest.mark.parametrize("path", [name for name in FILES if name != "task.toml"])
def test_every_byte_of_a_task_is_in_the_digest(opening, path):
    changed = FILES[path] + b"\n# more\n"

    assert opening({path: changed}).digest != opening().digest


def test_settings_names_and_execute_bits_are_in_the_digest(opening):
    executable = Tree({**tree(), "suites/small/double/tests/test.sh": File(FILES["tests/test.sh"], executable=True)})
    digests = {
        opening().digest,
        opening(calls=7).digest,
        opening(graded="together").digest,
        opening(deadline_seconds=7).digest,
        opening(tree(name="other")).digest,
        opening(executable).digest,
        opening({"environment/new": b""}).digest,
    }
    assert len(digests) == 7
    assert opening().digest == opening().digest


def test_files_beside_the_tasks_are_not_tasks(opening):
    assert opening(Tree({**tree(), "suites/small/README.md": File(b"x")})).digest == opening().digest


CONTEXT = {
    "app/a.py": File(b"a"),
    "app/sub/b.py": File(b"b", executable=True),
    "c.py": File(b"c"),
    "Dockerfile": File(b""),
}


def read(*lines):
    return read_dockerfile("FROM python:3.12\n" + "\n".join(lines), CONTEXT)


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("COPY app/ /app/", {"a.py", "sub/b.py"}),
        ("COPY app /app", {"a.py", "sub/b.py"}),
        ("COPY ./app/ /app", {"a.py", "sub/b.py"}),
        ("COPY app/ /app/x/", {"x/a.py", "x/sub/b.py"}),
        ("COPY c.py /app/", {"c.py"}),
        ("COPY c.py /app/d.py", {"d.py"}),
        ("COPY c.py app/a.py /app/", {"c.py", "a.py"}),
        ("COPY . /app", {"c.py", "app/a.py", "app/sub/b.py", "Dockerfile"}),
        ("WORKDIR /app\nCOPY app/ .", {"a.py", "sub/b.py"}),
        ("WORKDIR /app/\nCOPY c.py ./x/", {"x/c.py"}),
        ("# COPY c.py /app/\n\nWORKDIR /app", set()),
        ("COPY c.py \\\n  /app/", {"c.py"}),
    ],
)
def test_what_is_copied_lies_in_the_work_folder(line, files):
    assert read(line).files.keys() == files


def test_a_copied_file_keeps_its_execute_bit():
    assert read("COPY app/ /app/").files["sub/b.py"] == CONTEXT["app/sub/b.py"]


@pytest.mark.parametrize(
    ("line", "env"),
    [("ENV A=1 B='two words'", {"A": "1", "B": "two words"}), ("ENV A some words", {"A": "some words"}), ('ENV A=""', {"A": ""})],
)  # fmt: skip
def test_variables_are_read(line, env):
    assert read(line).env == env


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install pytest==9.2.0",
        "RUN pip install --no-cache-dir -q pytest libcst",
        "RUN python3 -m pip install 'PyYAML>=6,<7'",
    ],
)
def test_packages_that_are_there_may_be_asked_for(line):
    read(line)


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update", "RUN pip install numpy", "RUN pip install", "RUN pip install pytest && rm -rf /",
        "RUN pip install -r requirements.txt", "RUN pip install pytest; true", "RUN [\"pip\", \"install\", \"pytest\"]",
        "WORKDIR /srv", "WORKDIR app", "COPY app/ /srv/", "COPY app/ /", "COPY ../x /app/", "COPY app/../../x /app/",
        "COPY app/ /app/../etc/", "COPY --from=x a /app/", "COPY --chown=1 c.py /app/", "COPY *.py /app/", "COPY $X /app/",
        'COPY ["c.py", "/app/"]', "COPY missing /app/", "COPY c.py", "COPY c.py x", "ENV A=$B", "ENV PATH=/x", "ENV LD_PRELOAD=x",
        "ENV 1A=1", "ENV A='x", "ENV", "USER root", "ENTRYPOINT x", "CMD x", "ADD x /app/", "VOLUME /app", "EXPOSE 1", "ARG X",
        "FROM python:3.12", "SHELL x", "HEALTHCHECK x", "ONBUILD RUN x", "x", "COPY c.py \\",
    ],
)  # fmt: skip
def test_anything_else_takes_an_image(line):
    with pytest.raises(NotInside):
        read(line)


@pytest.mark.parametrize(
    "text",
    ["", "COPY c.py /app/", "FROM debian", "FROM python:3.12 AS x", "FROM python", "FROM --platform=x python:3.12", "FROM python:2.7", "FROM evil/python:3.12"],
)  # fmt: skip
def test_another_base_takes_an_image(text):
    with pytest.raises(NotInside):
        read_dockerfile(text, CONTEXT)


def test_a_dockerignore_takes_an_image():
    with pytest.raises(NotInside):
        read_dockerfile("FROM python:3.12", {**CONTEXT, ".dockerignore": File(b"")})


def test_a_suite_that_nobody_closes_leaves_nothing(tmp_path):
    backend = MemoryBackend(lambda mounts, command: None, tmp_path)
    suite = open_harbor_suite(
        "small", settings(), tree(), backend.prepare(), backend, objective=True, progress=lambda _: None
    )
    folder = suite.shelf.folder(suite.place("double").files)
    assert (folder / "number.py").is_file()
    del suite
    gc.collect()

    assert not folder.exists()


@pytest.mark.bubblewrap
def test_a_task_with_an_image_of_its_own_is_left_out_by_name_where_there_are_none(cache):
    try:
        backend = choose("bubblewrap", cache)
        runtime = backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    suite = open_harbor_suite(
        "small", settings(environment="image"), tree(), runtime, backend, objective=True, progress=lambda _: None
    )

    with closing(suite):
        assert suite.tasks("dev") == ()
        assert suite.left_out == (("double", "it needs an image of its own, and bubblewrap has none: use docker"),)


def test_a_task_is_in_one_split_only(opening):
    with pytest.raises(BadSettings, match="not in the split heldout"):
        opening().trial("heldout", "double", (), None, "c1")
