"""Reading what pytest printed. The samples are what pytest wrote."""

from scaffold.testoutput import Failure, parse_report

FAILED = """\
============================= test session starts ==============================
collected 4 items

tests/test_a.py .F.E                                                     [100%]

==================================== ERRORS ====================================
_________________________ ERROR at setup of test_broken _________________________

    @pytest.fixture
    def thing():
>       raise OSError("no disk")
E       OSError: no disk

tests/test_a.py:21: OSError
=================================== FAILURES ===================================
______________________________ TestB.test_c[a-1] _______________________________

self = <test_a.TestB object at 0x7f>

    def test_c(self, x):
>       assert helper(x) == 2

tests/test_a.py:9:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

    def helper(x):
>       raise ValueError("first\\nsecond")
E       ValueError: first
E       second

src/helper.py:4: ValueError
=========================== short test summary info ============================
FAILED tests/test_a.py::TestB::test_c[a-1] - ValueError: first
ERROR tests/test_a.py::test_broken - OSError: no disk
==================== 1 failed, 2 passed, 1 error in 0.05s ======================
"""


def test_counts_and_failures_are_read() -> None:
    report = parse_report(FAILED)

    assert report.finished
    assert not report.passed
    assert report.counts == {"failed": 1, "passed": 2, "error": 1}
    assert report.failures == (
        Failure("tests/test_a.py::TestB::test_c[a-1]", False, "src/helper.py", 4, "ValueError: first\nsecond"),
        Failure("tests/test_a.py::test_broken", True, "tests/test_a.py", 21, "OSError: no disk"),
    )


def test_colours_and_carriage_returns_do_not_matter() -> None:
    coloured = FAILED.replace("FAILED tests", "\x1b[31mFAILED\x1b[0m tests").replace("\n", "\r\n")

    assert parse_report(coloured) == parse_report(FAILED)


def test_a_quiet_run_that_passed() -> None:
    report = parse_report(".\n1 passed, 2 warnings in 0.01s\n")

    assert report.passed
    assert report.counts == {"passed": 1, "warning": 2}
    assert report.failures == ()


def test_several_errors_are_counted_as_errors() -> None:
    report = parse_report("2 passed, 3 errors in 1.20s (0:00:01)\n")

    assert report.counts == {"passed": 2, "error": 3}
    assert not report.passed


def test_nothing_run_is_finished_but_has_not_passed() -> None:
    report = parse_report("no tests ran in 0.00s\n")

    assert report.finished
    assert not report.passed
    assert report.counts == {}


def test_a_run_without_its_closing_line_is_not_finished() -> None:
    report = parse_report(FAILED.rpartition("=====")[0].rpartition("=====")[0][:-200])

    assert not report.finished
    assert not report.passed


def test_the_last_closing_line_counts_because_a_test_may_print_one() -> None:
    assert parse_report("1 passed in 0.1s\n1 failed in 0.2s\n").counts == {"failed": 1}


def test_a_file_that_cannot_be_collected_is_a_failure_without_a_test() -> None:
    output = (
        "==== ERRORS ====\n_______ ERROR collecting tests/test_x.py _______\n"
        "tests/test_x.py:1: in <module>\n    import nothing\nE   ModuleNotFoundError: No module named 'nothing'\n"
        "=== short test summary info ===\nERROR tests/test_x.py\n!!! Interrupted: 1 error during collection !!!\n"
        "=== 1 error in 0.04s ===\n"
    )

    assert parse_report(output).failures == (
        Failure("tests/test_x.py", True, "tests/test_x.py", 1, "ModuleNotFoundError: No module named 'nothing'"),
    )


def test_a_failure_without_a_section_has_the_reason_of_the_summary() -> None:
    report = parse_report("FAILED tests/test_a.py::test_b - assert 1 == 2\n1 failed in 0.01s\n")

    assert report.failures == (Failure("tests/test_a.py::test_b", False, "tests/test_a.py", 0, "assert 1 == 2"),)
