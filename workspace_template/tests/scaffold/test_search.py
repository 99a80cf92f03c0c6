"""Finding the files that a question is about."""

from scaffold.search import Search
from scaffold.tokens import analyzer

FILES = {
    "net/http.py": "def fetch(url):\n    return open_connection(url)\n",
    "net/mail.py": "class Mailbox:\n    def deliver(self, message):\n        return message\n",
    "text/wrap.py": "def fill(text, width):\n    return text[:width]\n",
}


def test_the_file_that_shares_the_words_of_the_question_comes_first() -> None:
    assert Search(FILES).rank("deliver a message to the mailbox") == ["net/mail.py"]


def test_files_that_share_nothing_are_left_out_and_no_more_than_the_limit_are_named() -> None:
    search = Search(FILES)

    assert search.rank("zebra") == []
    assert search.rank("") == []
    assert len(search.rank("url message width")) == 3
    assert len(search.rank("url message width", limit=2)) == 2


def test_equal_scores_are_ordered_by_path_and_not_by_chance() -> None:
    same = dict.fromkeys(("c.py", "a.py", "b.py"), "x = 1\n")

    assert Search(same).rank("x") == ["a.py", "b.py", "c.py"]


def test_the_path_counts_as_much_as_its_weight_says() -> None:
    files = {"wrap.py": "x = 1\n", "other.py": "x = wrap\n"}

    assert Search(files, path_weight=5.0).rank("wrap")[0] == "wrap.py"
    assert Search(files, path_weight=0.0, definition_weight=0.0).rank("wrap")[0] == "other.py"


def test_a_field_without_weight_is_not_searched() -> None:
    files = {"wrap.py": "x = 1\n", "other.py": "y = 1\n"}

    assert Search(files, path_weight=0.0).rank("wrap") == []


def test_a_name_counts_for_more_where_it_is_defined() -> None:
    files = {"a.py": "send()\nsend()\nx = y = z\n", "b.py": "async def send():\n    pass\n"}

    assert Search(files, definition_weight=5.0).rank("send")[0] == "b.py"
    assert Search(files, definition_weight=0.0).rank("send")[0] == "a.py"


def test_a_class_is_a_definition_too() -> None:
    files = {"a.py": "Box\nBox\n", "b.py": "class Box:\n    pass\n"}

    assert Search(files, definition_weight=9.0).rank("box")[0] == "b.py"


def test_the_analyzer_decides_which_words_are_shared() -> None:
    terms = analyzer(split="parts", stemmer="singular", stop_words="english")

    assert Search(FILES, terms).rank("the connections") == ["net/http.py"]
    assert Search(FILES, analyzer(split="whole", stemmer="none")).rank("connections") == []


def test_an_empty_repository_has_nothing_to_rank() -> None:
    assert Search({}).rank("anything") == []
