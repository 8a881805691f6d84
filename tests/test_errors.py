"""Classes of errors, and how they travel."""

import ast
import pickle
import re
from pathlib import Path

import pytest

from spacy_relx import errors
from spacy_relx.errors import AREAS, CATALOGUE, MESSAGES, RelxError, RelxWarning, warn
from spacy_relx.run.serving.requests import Refusal

ROOT = Path(__file__).parents[1]
ERRORS = sorted(code for code, (kind, _) in CATALOGUE.items() if issubclass(kind, RelxError))
WARNINGS = sorted(set(MESSAGES) - set(ERRORS))
#: A code of each class, and what it is for code that knows nothing of this package.
KINDS = [
    ("RX021", errors.SettingError, ValueError),
    ("RX002", errors.DataError, ValueError),
    ("RX134", errors.EmptyDataError, errors.DataError),
    ("RX120", errors.MissingFileError, FileNotFoundError),
    ("RX212", errors.InputError, ValueError),
    ("RX205", errors.DamagedFileError, ValueError),
    ("RX186", errors.OutputError, OSError),
    ("RX005", errors.MissingPackageError, ImportError),
    ("RX050", errors.PipelineError, ValueError),
    ("RX052", errors.LabelError, ValueError),
    ("RX180", errors.ModelError, ValueError),
    ("RX056", errors.TrainingError, ValueError),
    ("RX406", errors.RunError, RuntimeError),
    ("RX420", errors.RequestError, ValueError),
    ("RX344", errors.QueryError, ValueError),
]


def make_error(code):
    fields = re.findall(r"(?<!\{)\{(\w+)", MESSAGES[code])
    return RelxError(code, **dict.fromkeys(fields, 1))


@pytest.mark.parametrize("code, kind, builtin", KINDS)
def test_a_code_makes_its_class(code, kind, builtin):
    error = make_error(code)
    assert type(error) is kind and isinstance(error, (RelxError, builtin)) and issubclass(kind, builtin)
    assert error.code == code and error.args == (str(error),)
    with pytest.raises(builtin, match=rf"^\[{code}\] "):
        raise error


def test_every_class_is_listed_above():
    assert {kind for _, kind, _ in KINDS} | {RelxWarning} == {kind for kind, _ in CATALOGUE.values()}


def test_every_code_has_one_class():
    placed = [code for area in AREAS.values() for entries in area.values() for code in entries]
    assert sorted(placed) == sorted(CATALOGUE) and len(placed) == len(set(placed)) > 200
    assert all(error.code == code for code in ERRORS for error in [make_error(code)])


@pytest.mark.parametrize("code", [code for code, _, _ in KINDS])
def test_errors_travel_between_processes(code):
    error = make_error(code)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and copy.code == code
    assert str(copy) == str(error) and copy.args == error.args
    assert getattr(copy, "msg", None) == getattr(error, "msg", None)


def test_attributes_travel_too():
    refusal = pickle.loads(pickle.dumps(Refusal(503, "RX425", {"Retry-After": "1"}, reason="it stops.")))
    assert (type(refusal), refusal.status, refusal.headers) == (Refusal, 503, {"Retry-After": "1"})
    assert isinstance(refusal, errors.RequestError) and refusal.code == "RX425" and "it stops." in str(refusal)


def test_a_class_of_ones_own_is_kept():
    class Own(RelxError):
        pass

    assert type(Own("RX050")) is Own


def test_an_optional_package_that_is_missing_is_an_import_error():
    from spacy_relx.data._compat import optional_import

    with pytest.raises(ImportError, match="RX005"):
        optional_import("no_such_package_at_all", extra="viz", purpose="this test")


@pytest.mark.parametrize("code", WARNINGS)
def test_warnings_are_not_raised(code):
    with pytest.raises(TypeError, match=f"{code} is the code of a warning"):
        RelxError(code)


def test_warnings_have_their_code():
    with pytest.warns(RelxWarning, match=r"^\[RX323\]") as caught:
        warn("RX323", n=3)
    assert caught[0].message.code == "RX323"


def named_in(folder):
    files = [path for path in (ROOT / folder).rglob("*.py") if path.parent != ROOT / "spacy_relx" / "errors"]
    return {code for path in files for code in re.findall(r"\bRX\d{3}\b", path.read_text(encoding="utf8"))}


def test_every_code_that_is_named_has_a_message():
    assert named_in("spacy_relx") - set(CATALOGUE) == set()


def test_every_message_is_used_and_tested():
    assert set(CATALOGUE) - named_in("spacy_relx") == set()
    assert set(CATALOGUE) - named_in("tests") == set()


def test_a_reason_may_have_a_full_stop_of_its_own():
    for reason in ("it is gone", "it is gone.", "it is gone.\n"):
        assert str(RelxError("RX186", path="x", reason=reason)).startswith("[RX186] x cannot be written: it is gone. C")


#: What calls add to the fields that they are given.
ADDED: dict[str, frozenset[str]] = {
    **dict.fromkeys(("RelxError", "warn"), frozenset()),
    **dict.fromkeys(("BadRecord", "BadFile", "broken", "note", "pass_over"), frozenset({"where", "text"})),
}


def calls():
    """(place, code, its fields that a call does not give, those that it gives and the message has not)."""
    for path in (ROOT / "spacy_relx").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            name = isinstance(node, ast.Call) and (getattr(node.func, "id", None) or getattr(node.func, "attr", None))
            codes = [a.value for a in node.args if isinstance(a, ast.Constant)] if name in ADDED else []
            codes = [code for code in codes if code in MESSAGES]
            given = {keyword.arg for keyword in node.keywords} if codes else set()
            if codes and None not in given:
                fields = set(re.findall(r"(?<!\{)\{(\w+)", MESSAGES[codes[0]])) - ADDED[name]
                yield f"{path.name}:{node.lineno}", codes[0], fields - given, given - fields - {"line"}


def test_calls_give_the_fields_of_their_messages():
    found = list(calls())
    assert len(found) > 300
    assert [call for call in found if call[2] or call[3]] == []
