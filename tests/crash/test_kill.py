"""Whatever was acknowledged survives SIGKILL, and every batch is there wholly or not at all.

A process writes numbered batches over two partitions with checkpoints close together; it is killed
at a random instant, the table is opened and read, and the next process goes on, eight times.
"""

import importlib.util
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).with_name("writing_process.py")
SPECIFICATION = importlib.util.spec_from_file_location("writing_process", SCRIPT)
assert SPECIFICATION is not None
assert SPECIFICATION.loader is not None
writing = importlib.util.module_from_spec(SPECIFICATION)
SPECIFICATION.loader.exec_module(writing)

ROUNDS = 8


def test_killing_the_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    chance = random.Random()
    seed = chance.randrange(2**32)
    chance.seed(seed)
    acknowledged, next_number = set[int](), 1
    for number_of_round in range(ROUNDS):
        acknowledged |= write_until_killed(tmp_path, next_number, chance.uniform(0.05, 0.6))
        found = batches_found(tmp_path)
        told = f"round {number_of_round}, seed {seed}"
        assert acknowledged <= found, f"lost {sorted(acknowledged - found)[:5]}; {told}"
        unanswered = found - acknowledged
        assert all(number >= next_number for number in unanswered - set(range(next_number))), told
        next_number = max(found, default=0) + 1
        acknowledged = found
    assert len(acknowledged) > ROUNDS, "the processes hardly wrote"


def write_until_killed(directory: Path, first: int, after_s: float) -> set[int]:
    """Run the writing process, kill it some time after it opened; the acknowledged numbers."""
    process = subprocess.Popen(
        [sys.executable, SCRIPT, directory, str(first)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        # The first acknowledgement also waits for kernels to load; the instant counts from there.
        lines = [process.stdout.readline(), process.stdout.readline()]
        assert lines[0] == "open\n"
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    lines += rest.splitlines(keepends=True)
    return {int(line) for line in lines[1:] if line.endswith("\n")}


def batches_found(directory: Path) -> set[int]:
    """The numbers of the batches in the table; fails on one that is there in part."""
    table, writer, log = writing.open_table(directory)
    seen: dict[int, int] = {}
    for partition in table._partitions:
        tags, species = partition.dictionaries[3], partition.dictionaries[2]
        for shard in partition.shards.values():
            positions = np.array(shard.exists.to_array(), dtype=np.uint32)
            amounts, is_present = shard.fields[1].values.get(positions)
            codes, has_species = shard.fields[2].values.get(positions)
            spots, has_spot = shard.fields[4].vectors.get(positions)
            assert is_present.all()
            assert has_species.all()
            assert has_spot.all()
            assert spots.tolist() == [[n, 0.5] for n in positions.tolist()], "another's vector"
            assert amounts.tolist() == positions.tolist(), "a record has another's amount"
            assert species.rows_at(codes).tolist() == [f"species {n % 50}" for n in amounts]
            tag_codes = tags.find_codes([f"tag {number}" for number in amounts.tolist()])
            for number, code in zip(amounts.tolist(), tag_codes.tolist(), strict=True):
                assert shard.fields[3].rows.row(code).to_array().tolist() == [number]
                seen[number] = seen.get(number, 0) + 1
    torn = {number: count for number, count in seen.items() if count != len(writing.SHARDS)}
    assert not torn, f"batches in part: {torn}"
    writer.close()
    log.close()
    return set(seen)
