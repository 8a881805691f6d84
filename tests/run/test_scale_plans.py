"""What corpora are cut into: shards, their plan, and the files that are inputs."""

from __future__ import annotations

import pytest
import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_relx.errors import RelxError, RelxWarning
from spacy_relx.run.inputs import Input
from spacy_relx.run.plan import Job, Plan, Shard, cut, input_files
from spacy_relx.run.shard import shard_items

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=25),
    ended=st.booleans(),
    shard_size=st.integers(1, 7),
    read=st.integers(1, 40),
    max_bytes=st.integers(1, 60),
)
def test_parts_of_a_file_are_its_lines(tmp_path, lines, ended, shard_size, read, max_bytes):
    """However the file is read, and wherever it is cut: each line is in one part, under its own number."""
    from spacy_relx.run import plan

    path = tmp_path / "some.txt"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ended and lines else b""))
    data = path.read_bytes()
    expected = data.split(b"\n")[:-1] if data.endswith(b"\n") else data.split(b"\n") if data else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "_READ", read)
        patch.setattr(plan, "MAX_SHARD_BYTES", max_bytes)
        shards = list(cut([(path, "some.txt")], shard_size))
    found = []
    for shard in shards:
        part = data[shard.start : shard.end]
        inside = part.split(b"\n")[:-1] if part.endswith(b"\n") else part.split(b"\n")
        assert shard.first == len(found) + 1
        assert shard.n == len(inside) <= shard_size
        assert len(inside) == 1 or sum(len(line) + 1 for line in inside[:-1]) < max_bytes
        found += inside
    assert found == expected
    assert len({shard.name for shard in shards}) == len(shards)


def test_row_groups_make_shards(tmp_path):
    path = tmp_path / "some.parquet"
    parquet.write_table(pa.table({"text": [f"t{number}" for number in range(10)]}), path, row_group_size=2)
    shards = list(cut([(path, "some.parquet")], 3))
    assert [(shard.start, shard.end, shard.first, shard.n) for shard in shards] == [
        (0, 2, 1, 4),
        (2, 4, 5, 4),
        (4, 5, 9, 2),
    ]
    job = Job("", "", batch_size=3)
    texts = [[(item.text, item.where) for item in shard_items(shard, spacy.blank("xx").vocab, job)] for shard in shards]
    assert [len(part) for part in texts] == [4, 4, 2]
    assert texts[1][0] == ("t4", "some.parquet:5")


def test_a_plan_reads_back(tmp_path):
    plan = Plan(
        {"model": "m"},
        {"a.txt": Input("a.txt", 1, 2, "0f")},
        [Shard("00000-a", "a.txt", "a.txt", 0, 10, 1, 2), Shard("00001-b", "b.spacy", "b.spacy")],
    )
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan


@pytest.mark.parametrize("name", ["../../x", "/x", "00000-/x", "00000-a\\x", "", "x", None])
def test_a_plan_names_no_other_files(tmp_path, name):
    """Files of the output are written and removed by the names of shards."""
    Plan({}, {}, [Shard(name, "a.txt", "a.txt")]).save(tmp_path)
    with pytest.raises(RelxError, match="RX402"):
        Plan.load(tmp_path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "", "{}", "[]", '{"version": 2, "identity": {}, "shards": []}', '{"version": 1}']
)
def test_a_broken_plan(tmp_path, text):
    (tmp_path / "_plan.json").write_text(text, encoding="utf8")
    with pytest.raises(RelxError) as info:
        Plan.load(tmp_path)
    assert info.value.code == "RX402"


def test_inputs(tmp_path):
    for name in ("a/x.jsonl", "b/x.jsonl", "b/y.txt.gz", "b/.hidden/z.txt", "b/readme.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "link.jsonl").symlink_to(tmp_path / "a" / "x.jsonl")
    with pytest.warns(RelxWarning, match=r"RX410.* 1 of the files .* readme\.md"):
        found = input_files([tmp_path / "a", tmp_path / "b"])
    assert [name for _, name in found] == ["a/x.jsonl", "b/x.jsonl", "b/y.txt.gz"]
    (tmp_path / "b" / "readme.md").rename(tmp_path / "readme.md")
    assert [name for _, name in input_files([tmp_path / "a" / "x.jsonl"])] == ["x.jsonl"]
    for wrong in (
        [tmp_path / "readme.md"],
        [tmp_path / "b", tmp_path / "b" / "x.jsonl"],
        [tmp_path / "a" / "x.jsonl", tmp_path / "b" / "x.jsonl"],  # of one name, of which ids are made
        [tmp_path / "a", tmp_path / "c"],
    ):
        with pytest.raises(RelxError) as info:
            input_files(wrong)
        assert info.value.code == "RX182"
    with pytest.raises(FileNotFoundError, match="RX120"):
        input_files([tmp_path / "none"])
