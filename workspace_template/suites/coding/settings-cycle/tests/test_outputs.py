"""What is loaded and what is refused, and in which order the modules stand."""

import ast

FIELDS = [["name"], ["port", "int", 80], ["debug", "bool", False], ["hosts", "list", []], ["limit", "int"]]
LOAD = """
import settings, settings.loader, settings.schema
assert settings.load is settings.loader.load and settings.SettingsError is settings.loader.SettingsError
fields = [settings.schema.Field(*field) for field in given["fields"]]
result = []
for text in given["texts"]:
    try:
        result.append(settings.load(text, fields))
    except settings.loader.SettingsError as error:
        result.append([str(error), error.line, isinstance(error, ValueError)])
"""


def modules(sources):
    return {
        path.removesuffix(".py").replace("/", "."): ast.parse(text)
        for path, text in sources.items()
        if path.startswith("settings/")
    }


def uses(name, tree):
    """Return the modules of the package that a module imports, the package itself among them."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            module = ".".join(["settings", *filter(None, [node.module])])
            found |= {f"{module}.{alias.name}" for alias in node.names} if module == "settings" else {module}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"settings.{alias.name}" for alias in node.names} if node.module == "settings" else {node.module}
    return {module for module in found if module.split(".")[0] == "settings"} - {name}


def test_what_is_loaded(check, sources):
    texts = [
        "name = x\nlimit = 3", "# all\nname = a b # why\nport=8080\n\ndebug = yes\nhosts = a, b,,c ,\nlimit=-1\n",
        "limit = 5\nname =\ndebug = no\nhosts =",
    ]  # fmt: skip
    check(LOAD, {"fields": FIELDS, "texts": texts}, [
        {"name": "x", "port": 80, "debug": False, "hosts": [], "limit": 3},
        {"name": "a b", "port": 8080, "debug": True, "hosts": ["a", "b", "c"], "limit": -1},
        {"name": "", "port": 80, "debug": False, "hosts": [], "limit": 5},
    ], files=sources)  # fmt: skip


def test_what_is_refused_and_where(check, sources):
    texts = [
        "name = x", "limit = 1", "\nname = x\nlimit = many", "name = x\nlimit = 1\ndebug = on", "name = x\ncolour = red\nlimit=1",
        "name = x\n\nname = y", "name x", "= 4", "name = a\nlimit = 1\nport = ",
    ]  # fmt: skip
    check(LOAD, {"fields": FIELDS, "texts": texts}, [
        ["limit has to be set", 0, True], ["name has to be set", 0, True], ["line 3: limit must be a number, not 'many'", 3, True],
        ["line 3: debug must be yes or no", 3, True], ["line 2: there is no setting colour", 2, True],
        ["line 3: name is set twice", 3, True], ["line 1: this is no `key = value`", 1, True],
        ["line 1: this is no `key = value`", 1, True], ["line 3: port must be a number, not ''", 3, True],
    ], files=sources)  # fmt: skip


def test_each_part_can_be_used_by_itself(check, sources):
    code = """
import importlib
module = importlib.import_module(given)
if given == "settings.schema":
    result = module.check("a = 1\\nb = 2", {"a": "1"}, [module.Field("a", "int"), module.Field("c", "text", "z")])
else:
    result = [module.line_of("x\\nport = 1\\nname=2", key) for key in ("name", "port", "x", "none")]
"""
    check(code, "settings.schema", {"a": 1, "c": "z"}, files=sources)
    check(code, "settings.loader", [3, 2, 0, 0], files=sources)


def test_no_import_is_hidden(sources):
    for name, tree in modules(sources).items():
        inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        hidden = [line for node in inner for line in ast.walk(node) if isinstance(line, ast.Import | ast.ImportFrom)]
        called = [
            node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in ("__import__", "importlib")
        ]
        assert not hidden, name
        assert not called, name


def test_nobody_depends_on_who_depends_on_him(sources):
    uses_of = {name: uses(name, tree) for name, tree in modules(sources).items() if name != "settings.__init__"}
    left = dict(uses_of)
    while free := [name for name, used in left.items() if not used & set(left)]:
        for name in free:
            del left[name]

    assert "settings.loader" not in uses_of["settings.schema"]
    assert all("settings" not in used for used in uses_of.values())
    assert not left


def test_there_is_one_class_of_errors(sources):
    classes = [
        node.name for tree in modules(sources).values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]

    assert classes.count("SettingsError") == 1
