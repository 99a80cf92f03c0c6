"""Each kind of mutation by example: what it makes of a piece of code, and where it must not fire."""

import pytest

from agent.propose.mutations import Kind

# kind -> pairs of a file and one of the files that the kind must make of it
FIRES = {
    Kind.ALTERNATIVE: [
        (
            'def f(mode: Literal["a", "b"] = "a"):\n    return mode\n',
            'def f(mode: Literal["a", "b"] = "b"):\n    return mode\n',
        ),
        ("MODE: typing.Literal['a', 'b'] = 'a'\n", "MODE: typing.Literal['a', 'b'] = 'b'\n"),
        ("class C:\n    size: Literal[1, 2] = 1\n", "class C:\n    size: Literal[1, 2] = 2\n"),
        ('Mode = Literal["a", "b"]\nM: Mode = "a"\n', 'Mode = Literal["a", "b"]\nM: Mode = "b"\n'),
        ('M: Literal["a", "b"] | None = "a"\n', 'M: Literal["a", "b"] | None = "b"\n'),
        ('M: tuple[Literal["a", "b"], ...] = ("a", "a")\n', 'M: tuple[Literal["a", "b"], ...] = ("b", "a")\n'),
        ('M: dict[str, Literal["a", "b"]] = {"k": "a"}\n', 'M: dict[str, Literal["a", "b"]] = {"k": "b"}\n'),
        (
            'def f(x, mode: Literal["a", "b"]):\n    return x\n\n\nF = f(1, mode="a")\n',
            'def f(x, mode: Literal["a", "b"]):\n    return x\n\n\nF = f(1, mode="b")\n',
        ),
        (
            'def f(x, mode: Literal["a", "b"]):\n    return x\n\n\nF = f(1, "a")\n',
            'def f(x, mode: Literal["a", "b"]):\n    return x\n\n\nF = f(1, "b")\n',
        ),
        (
            "class Mode(StrEnum):\n    FAST = 'f'\n    SLOW = 's'\n\n\nM = Mode.FAST\n",
            "class Mode(StrEnum):\n    FAST = 'f'\n    SLOW = 's'\n\n\nM = Mode.SLOW\n",
        ),
    ],
    Kind.REGISTRY: [
        ('T = {"a": f, "b": g}\n', 'T = {"a": g, "b": g}\n'),
        ('T: dict[str, F] = {"a": make(1), "b": g}\n', 'T: dict[str, F] = {"a": g, "b": g}\n'),
    ],
    Kind.DEFAULT: [
        ("def f(k: float = 1.5):\n    return k\n", "def f(k: float = 3.0):\n    return k\n"),
        ("def f(*, n: int = 10):\n    return n\n", "def f(*, n: int = 20):\n    return n\n"),
        ("def f(k: float = 1):\n    return k\n", "def f(k: float = 0.5):\n    return k\n"),
        ("K = 0.75\n", "K = 0.85\n"),
        ("class C:\n    k: int = 4\n", "class C:\n    k: int = 3\n"),
        ("def f(fast: bool = False):\n    return fast\n", "def f(fast: bool = True):\n    return fast\n"),
        ("K = -2.0\n", "K = -4.0\n"),
        ("K = 0.0\n", "K = 0.5\n"),
    ],
    Kind.ARGUMENT: [
        (
            "def f(x, n: int = 2):\n    return x\n\n\nX = f(1)\n",
            "def f(x, n: int = 2):\n    return x\n\n\nX = f(1, n=4)\n",
        ),
        (
            "def f(fast=False):\n    return fast\n\n\nX = f()\n",
            "def f(fast=False):\n    return fast\n\n\nX = f(fast=True)\n",
        ),
        (
            'def f(m: Literal["a", "b"] = "a"):\n    return m\n\n\nX = f()\n',
            'def f(m: Literal["a", "b"] = "a"):\n    return m\n\n\nX = f(m="b")\n',
        ),
        (
            "class C:\n    def f(self, n=1):\n        return n\n\n    def g(self):\n        return self.f()\n",
            "class C:\n    def f(self, n=1):\n        return n\n\n    def g(self):\n        return self.f(n=2)\n",
        ),
    ],
    Kind.SEQUENCE: [
        ("S = (a, b, c)\n", "S = (a, c)\n"),
        ("S = (a, b)\n", "S = (a,)\n"),
        ("S = (a, b)\n", "S = (b,)\n"),
        ("S = [a, b]\n", "S = [b, a]\n"),
        ("S = [\n    a,\n    b,\n    c,\n]\n", "S = [\n    a,\n    c,\n]\n"),
        ("S = {a, b, c}\n", "S = {a, b}\n"),
        (
            "def f(x):\n    return x\n\n\ndef g(x):\n    return x\n\n\ndef h(x):\n    return x\n\n\nS = (f, g)\n",
            "def f(x):\n    return x\n\n\ndef g(x):\n    return x\n\n\ndef h(x):\n    return x\n\n\nS = (f, g, h)\n",
        ),
        (
            'S: tuple[Literal["a", "b", "c"], ...] = ("a", "b")\n',
            'S: tuple[Literal["a", "b", "c"], ...] = ("a", "b", "c")\n',
        ),
    ],
    Kind.NUMBER: [
        ("def f(x):\n    return x[:10]\n", "def f(x):\n    return x[:5]\n"),
        ("def f(x):\n    return x * 1.5\n", "def f(x):\n    return x * 0.75\n"),
    ],
    Kind.BOOL: [("def f(x):\n    return sort(x, reverse=True)\n", "def f(x):\n    return sort(x, reverse=False)\n")],
    Kind.STRING: [
        (
            'T = {"a": f, "b": g}\n\n\ndef h(x):\n    return T["a"](x)\n',
            'T = {"a": f, "b": g}\n\n\ndef h(x):\n    return T["b"](x)\n',
        ),
        (
            'T = {"a": f, "b": g}\n\n\ndef h(x, kind=\'a\'):\n    return T[kind](x)\n',
            'T = {"a": f, "b": g}\n\n\ndef h(x, kind="b"):\n    return T[kind](x)\n',
        ),
    ],
    Kind.CALL: [
        (
            "def f(x: str) -> str:\n    return x\n\n\ndef g(x: str) -> str:\n    return x\n\n\ndef h(x):\n    return f(x)\n",
            "def f(x: str) -> str:\n    return x\n\n\ndef g(x: str) -> str:\n    return x\n\n\ndef h(x):\n    return g(x)\n",
        ),
        (
            "A = re.compile('a')\nB = re.compile('b')\n\n\ndef h(x):\n    return A.findall(x)\n",
            "A = re.compile('a')\nB = re.compile('b')\n\n\ndef h(x):\n    return B.findall(x)\n",
        ),
        (
            "class C:\n    def f(self, x):\n        return x\n\n    def g(self, x):\n        return x\n\n    def h(self):\n        return self.f(1)\n",
            "class C:\n    def f(self, x):\n        return x\n\n    def g(self, x):\n        return x\n\n    def h(self):\n        return self.g(1)\n",
        ),
    ],
    Kind.WRAP: [
        (
            "def f(x: str) -> str:\n    return x\n\n\ndef h(y: str):\n    return y\n",
            "def f(x: str) -> str:\n    return x\n\n\ndef h(y: str):\n    return f(y)\n",
        ),
        (
            "def f(x: str) -> str:\n    return x\n\n\ndef h(y):\n    return [z for z in y.split()]\n",
            "def f(x: str) -> str:\n    return x\n\n\ndef h(y):\n    return [f(z) for z in y.split()]\n",
        ),
    ],
    Kind.OPERATOR: [
        ("def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
        ("def f(a, b):\n    return a + b\n", "def f(a, b):\n    return a - b\n"),
        ("def f(a, b):\n    return a and b\n", "def f(a, b):\n    return a or b\n"),
        ("def f(a):\n    return not a\n", "def f(a):\n    return a\n"),
        ("def f(a, b):\n    return a not  in b\n", "def f(a, b):\n    return a in b\n"),
        ("def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a -= 1\n    return a\n"),
    ],
    Kind.DELETE: [
        ("def f(a):\n    a = g(a)\n    return a\n", "def f(a):\n    return a\n"),
        ("def f(a):\n    if a:\n        g(a)\n    return a\n", "def f(a):\n    if a:\n        pass\n    return a\n"),
        ("def f(a):\n    # why\n    g(a)\n    return a\n", "def f(a):\n    return a\n"),
        ("def f(a):\n    for b in a:\n        g(b)\n    return a\n", "def f(a):\n    return a\n"),
        ("def f(a):\n    g(a); h(a)\n    return a\n", "def f(a):\n    return a\n"),
    ],
    Kind.COPY: [
        (
            "def f(x):\n    x = sorted(x)\n    return x\n\n\ndef g(x):\n    if x:\n        return x\n    return 0\n",
            "def f(x):\n    x = sorted(x)\n    return x\n\n\ndef g(x):\n    if x:\n        x = sorted(x)\n        return x\n    return 0\n",
        ),
    ],
    Kind.MOVE: [
        ("def f(a):\n    g(a)\n    h(a)\n    return a\n", "def f(a):\n    h(a)\n    g(a)\n    return a\n"),
        (
            "def f(a):\n    g(a)\n    h(a)\n    i(a)\n    return a\n",
            "def f(a):\n    h(a)\n    i(a)\n    g(a)\n    return a\n",
        ),
    ],
    Kind.DUPLICATE: [
        (
            "def f(a):\n    # why\n    a = g(a)\n    return a\n",
            "def f(a):\n    # why\n    a = g(a)\n    a = g(a)\n    return a\n",
        ),
        ("def f(a):\n    a += 1\n    return a\n", "def f(a):\n    a += 1\n    a += 1\n    return a\n"),
    ],
}

# kind -> files in which there is nothing for it
SILENT = {
    Kind.ALTERNATIVE: [
        'def f(mode: str = "a"):\n    return mode\n',
        'M: Literal["a"] = "a"\n',
        'M: Literal["a", "b"] = "c"\n',
        'def f(mode: Literal["a", "b"]):\n    return mode == "a"\n',
    ],
    Kind.REGISTRY: ['T = {"a": f}\n', "T = {f: 1, g: 2}\n", 'T = {"a": f, "b": f}\n', 'def h():\n    return {"a": f, "b": g}\n'],
    Kind.DEFAULT: ['K = "x"\n', "K = 0x10\n", "K = 1j\n", "def f(k: int = None):\n    return 3\n", "K: Literal[1]\n"],
    Kind.ARGUMENT: [
        "def f(x, n: int = 2):\n    return x\n\n\nX = f(1, n=2)\n",
        "def f(x, n: int = 2):\n    return x\n\n\nX = f(1, 2)\n",
        "def f(x, n: int = 2):\n    return x\n\n\nX = f(*y)\n",
        "X = unknown(1)\n",
        "def f(*x, n=2):\n    return x\n\n\nX = f(1)\n",
    ],
    Kind.SEQUENCE: ["S = (a,)\n", "S = (a, *b)\n", "def f(a):\n    return a, b\n", "S = [\n    a,  # one\n    b,\n]\n", "a, b = c\n"],
    Kind.NUMBER: ['def f(x: Literal[1, 2]) -> "3":\n    """4"""\n    return x\n', "K = 5\n", "@cache(6)\ndef f(x):\n    return x\n"],
    Kind.BOOL: ["def f(x):\n    return x is None\n", "class C:\n    True_ = x\n"],
    Kind.STRING: [
        'T = {"a": f, "b": g}\n',
        'T = {"a": f, "b": g}\n\n\ndef h(x):\n    return x == "c"\n',
        'def h(x):\n    T = {"a": f, "b": g}\n    return T["a"]\n',
    ],
    Kind.CALL: [
        "def f(x: str) -> str:\n    return x\n\n\ndef g(x: str) -> int:\n    return 1\n\n\ndef h(x):\n    return f(x)\n",
        "def f(x):\n    return x\n\n\ndef g(x, y):\n    return x\n\n\ndef h(x):\n    return f(x)\n",
        "def f(x):\n    return x\n\n\ndef h(x):\n    return f(x)\n",
        "A = re.compile('a')\nB = set('b')\n\n\ndef h(x):\n    return A.findall(x)\n",
    ],
    Kind.WRAP: [
        "def f(x: str) -> int:\n    return x\n",
        "def f(x: str) -> str:\n    return x\n",
        "def f(x: str) -> str:\n    return x\n\n\ndef h(y: int):\n    return y\n",
        "def f(x, y):\n    return x\n\n\nK = z\n",
    ],
    Kind.OPERATOR: ["def f(a):\n    return a @ b\n", 'def f(a):\n    """a < b"""\n    return a\n'],
    Kind.DELETE: ["def f(a):\n    return a\n", "K = 1\n", "def f(a):\n    pass\n", "def f(a):\n    import b\n    return b\n"],
    Kind.COPY: [
        "def f(x):\n    x = sorted(x)\n    return x\n\n\ndef g(y):\n    return y\n",
        "def f(x):\n    x = unknown(x)\n    return x\n\n\ndef g(x):\n    return x\n",
        "def f(x):\n    return x\n\n\ndef g(x):\n    return x\n",
    ],
    Kind.MOVE: ["def f(a):\n    g(a)\n    return a\n", "def f(a):\n    import b\n    import c\n", "g(a)\nh(a)\n"],
    Kind.DUPLICATE: ["def f(a):\n    b = g(a)\n    return b\n", "def f(a):\n    return a\n"],
}  # fmt: skip


def test_every_kind_has_examples_of_both_sorts():
    assert FIRES.keys() == SILENT.keys() == set(Kind)


@pytest.mark.parametrize(
    ("kind", "before", "after"), [(kind, *pair) for kind, pairs in FIRES.items() for pair in pairs]
)
def test_a_kind_makes_of_a_file_what_its_example_says(results, kind, before, after):
    assert after in results(kind, before)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in SILENT.items() for code in codes])
def test_a_kind_does_not_fire_where_it_has_no_business(results, kind, code):
    assert results(kind, code) == set()


@pytest.mark.parametrize("text", ["0", "1", "7", "1500", "0.0", "0.5", "1.0", "1e6", "3.25"])
@pytest.mark.parametrize("whole", [True, False])
def test_other_numbers_differ_keep_their_sign_and_their_sort(text, whole):
    from agent.propose.kinds.values import number_alternatives

    found = number_alternatives(text, whole=whole)
    assert found
    assert len(set(found)) == len(found)
    assert all(float(other) >= 0 and float(other) != float(text) for other in found)
    if text.isdigit() and whole:
        assert all(other.isdigit() for other in found)


def test_a_function_of_another_file_comes_with_its_import(results):
    files = {
        "mind/a.py": '"""Doc."""\n\nimport re\n\n\ndef h(y: str) -> str:\n    return y\n',
        "mind/b.py": "def f(x: str) -> str:\n    return x\n",
    }
    wanted = '"""Doc."""\n\nimport re\nfrom mind.b import f\n\n\ndef h(y: str) -> str:\n    return f(y)\n'
    assert wanted in results(Kind.WRAP, files)


def test_a_file_without_imports_gets_one_where_a_person_would_put_it(results):
    plain = {"mind/a.py": "def h(y: str) -> str:\n    return y\n", "mind/b.py": "def f(x: str) -> str:\n    return x\n"}
    assert "from mind.b import f\n\n\ndef h(y: str) -> str:\n    return f(y)\n" in results(Kind.WRAP, plain)
    dressed = plain | {"mind/a.py": '"""Doc."""\n\n\ndef h(y: str) -> str:\n    return y\n'}
    wanted = '"""Doc."""\n\nfrom mind.b import f\n\n\ndef h(y: str) -> str:\n    return f(y)\n'
    assert wanted in results(Kind.WRAP, dressed)


def test_a_private_function_is_not_imported_from_another_file(results):
    files = {
        "mind/a.py": "def h(y: str) -> str:\n    return y\n",
        "mind/b.py": "def _f(x: str) -> str:\n    return x\n",
    }
    assert not [code for code in results(Kind.WRAP, files) if "mind.b" in code]


def test_a_name_that_a_file_already_has_is_not_imported_over_it(results):
    files = {
        "mind/a.py": "from other import f\n\n\ndef h(y: str) -> str:\n    return y\n",
        "mind/b.py": "def f(x: str) -> str:\n    return x\n",
    }
    assert not [code for code in results(Kind.WRAP, files) if "mind.b" in code]
