"""Templates with branches, loops, filters and mistakes."""

RENDER = """
from render import prepare, render
result = [render(prepare(template), values) for template, values in given]
"""
WRONG = """
from lexer import TemplateError
from render import prepare
result = []
for template in given:
    try:
        prepare(template)
        result.append("taken")
    except TemplateError as error:
        result.append([error.line, str(error).startswith(f"line {error.line}: ")])
"""


def rendered(check, *cases):
    check(RENDER, [[template, values] for template, values, _ in cases], [text for _, _, text in cases])


def test_what_worked_works(check):
    rendered(
        check,
        ("Hi {{ user.name | upper }}{{ none }}!\n", {"user": {"name": "ann"}}, "Hi ANN!\n"),
        ("{% for x in xs %}<{{ x.0 }}>{% endfor %}{{ x }}", {"xs": [[1], [2]], "x": "o"}, "<1><2>o"),
        ("{% if a %}{% if b %}ab{% endif %}a{% endif %}.", {"a": 1, "b": 0}, "a."),
        ("{{ xs|length }} {{ t|strip|lower }} % } } {", {"xs": [1, 2], "t": " X "}, "2 x % } } {"),
    )


def test_branches(check):
    template = "{% if a %}A{% elif b|length %}B{% elif not c %}notC{% else %}else{% endif %}"
    rendered(
        check,
        (template, {"a": 1, "b": [1]}, "A"),
        (template, {"a": 0, "b": [1], "c": 1}, "B"),
        (template, {"a": "", "b": [], "c": 0}, "notC"),
        (template, {"b": "", "c": "x"}, "else"),
        (
            "{% if not a %}1{% endif %}{% if nothing %}2{% else %}{% if a %}3{% else %}4{% endif %}5{% endif %}",
            {},
            "145",
        ),
        ("{% if note %}{{ note }}{% endif %}", {"note": "n"}, "n"),
        ("{% if not note %}none{% elif note.x %}x{% endif %}", {"note": {"x": 1}}, "x"),
    )


def test_loops(check):
    outer = "{% for r in rows %}{{ loop.index }}:{% for c in r %}{{ c }}{% if not loop.last %},{% endif %}{% else %}-{% endfor %}"
    rendered(
        check,
        (outer + "{% if loop.first %}<{% elif loop.last %}>{% endif %}{{ loop.index }} {% endfor %}.",
         {"rows": [[7, 8], [], ["x"]]}, "1:7,8<1 2:-2 3:x>3 ."),
        ("{% for x in gone.list %}x{% else %}empty {{ loop }}{{ x }}{% endfor %}", {"x": 5, "loop": "L"}, "empty L5"),
        ("{% for x in xs %}{{ loop.index }}{% endfor %}{{ loop }}{{ x }}", {"xs": "ab", "x": 5, "loop": "L"}, "12L5"),
        ("{% for x in xs|default:other %}{{ x }}{{ loop.last }} {% endfor %}", {"other": [0]}, "0True "),
    )  # fmt: skip


def test_filters_with_arguments(check):
    rendered(
        check,
        ('{{ name|default:"none"|cut:3 }}', {}, "non"),
        (
            '{{ a|default:"x" }}{{ b|default:"x" }}{{ c|default:7 }}{{ d|default:-7 }}',
            {"a": 0, "b": False, "c": ""},
            "0False7-7",
        ),
        ('{{ t|replace:"a":"b"|upper }}', {"t": "banana"}, "BBNBNB"),
        (
            '{{ xs|join:", " }}|{{ none|join:"," }}|{{ xs | join:sep.of }}',
            {"xs": [1, None, "b"], "none": [], "sep": {"of": "-"}},
            "1, , b||1--b",
        ),
        ("{{ n|cut:2 }}{{ n|cut:0 }}{{ n|cut:size }}", {"n": 12345, "size": 1}, "121"),
        ("{{ a|default:user.name }}", {"user": {"name": "ann"}}, "ann"),
    )


def test_texts_hold_what_would_end_a_tag(check):
    rendered(
        check,
        ('{{ a|default:"}}" }}{{ a|default:"%}" }}{{ a|default:"x|upper:y" }}', {}, "}}%}x|upper:y"),
        ('{% if a|default:"%}" %}yes{% endif %}', {}, "yes"),
        ('{{ a|default:"say \\"hi\\" \\\\" }}', {}, 'say "hi" \\'),
        ('"{{ a }}" {{ a|default:"{{" }}"', {"a": ""}, '"" {{"'),
        ('{{ a|replace:"\\"":"" }}', {"a": 'x"y'}, "xy"),
    )


def test_mistakes_and_their_lines(check):
    templates = {
        "a\n{% if x %}\n{% else %}{% elif y %}{% endif %}": 3,
        "{% if x %}\n{% else %}\n\n{% else %}{% endif %}": 4,
        "\n{% else %}": 2,
        "{% elif x %}": 1,
        "{% for x in y %}\n{% elif x %}{% endfor %}": 2,
        "{% for x in y %}{% else %}\n{% else %}{% endfor %}": 2,
        "x\n\n{% for x in y %}{% if x %}{% endif %}": 3,
        "\n{% if a %}{% else %}\n": 2,
        "{{ a|\nnofilter }}": 1,
        "\n{{ a|cut }}": 2,
        "{{ a|cut:1:2 }}": 1,
        '{{ a|upper:"x" }}': 1,
        '{{ a|replace:"x" }}': 1,
        '\n\n{{ a|default:"x }}\n': 3,
        "{{ a|cut:1x }}": 1,
        "{{ a b }}": 1,
        "{% if %}{% endif %}": 1,
        "{% if not %}": 1,
        "{% endfor %}": 1,
        "{% while x %}": 1,
        "{{ }}": 1,
        "{% if a %}{{ b|nofilter }}{% endif %}": 1,
    }
    check(WRONG, list(templates), [[line, True] for line in templates.values()])
