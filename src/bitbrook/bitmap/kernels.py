"""Every kernel of the process made ready, so that no request waits for a compiler.

A kernel is compiled for each combination of types it is called with, once a machine, and loaded
from disk by every process after that. `warm` calls each with every combination that occurs; whoever
adds a kernel, or calls one with other types, adds the call here.
"""

import numpy as np

from bitbrook.bitmap import (
    group_kernels,
    key_kernels,
    key_table,
    member_kernels,
    number_kernels,
    row_kernels,
    row_words,
    value_kernels,
    vector_kernels,
    word_kernels,
)
from bitbrook.bitmap.word_kernels import SHARD_WIDTH, SHARD_WORDS, read_only

UNSIGNED_TYPES = (np.uint8, np.uint16, np.uint32, np.uint64)
SIGNED_TYPES = (np.int8, np.int16, np.int32, np.int64)


def warm() -> None:
    """Load every kernel, compiling those that no run before has left on disk."""
    key_table.warm()
    value_kernels.warm()
    row_kernels.warm()
    vector_kernels.warm()
    _warm_keys()
    _warm_words()
    _warm_numbers()
    _warm_groups()
    _warm_members()


def _warm_keys() -> None:
    octets, codes = np.zeros(1, dtype=np.uint8), np.zeros(1, dtype=np.uint64)
    for kind in (np.uint32, np.int64):
        bounds = read_only(np.array([0, 1], dtype=kind))
        key_kernels.keys_below(read_only(octets), bounds, read_only(codes), 0, codes)


def _warm_words() -> None:
    words = np.zeros(SHARD_WORDS, dtype=np.uint64)
    positions = np.zeros(1, dtype=np.uint32)
    octets = np.empty(word_kernels.PORTABLE_BYTES_MAX, dtype=np.uint8)
    word_kernels.words_from_positions(read_only(positions), words)
    length = word_kernels.portable_from_words(read_only(words), octets)
    word_kernels.words_from_portable(read_only(octets[:length]), words)
    word_kernels.positions_from_words(read_only(words), positions)
    word_kernels.keep_in_words(read_only(positions), read_only(words), positions)
    kept = row_words.KeptWords(words, words.ctypes.data)
    row_words.count_common([[kept]])
    row_words.count_each_of([[kept]], [words], np.zeros(1, dtype=np.int64))


def _warm_numbers() -> None:
    words = np.zeros(SHARD_WORDS, dtype=np.uint64)
    for kind in UNSIGNED_TYPES:
        numbers = np.zeros(64, dtype=kind)
        number_kernels.words_in_range(read_only(numbers), kind(0), kind(0), words)
        arguments = (kind(0), kind(0), bool(words[0]), read_only(words))
        number_kernels.sum_in_range(read_only(numbers), *arguments)
    for signed in SIGNED_TYPES:
        numbers = np.zeros(64, dtype=signed)
        number_kernels.extremes_in_words(read_only(numbers), read_only(words))
    number_kernels.halves_in_words(read_only(np.zeros(64, dtype=np.int64)), read_only(words))


def _warm_groups() -> None:
    words = np.zeros(1, dtype=np.uint64)
    groups = np.zeros(64, dtype=np.uint32)
    positions = read_only(np.zeros(1, dtype=np.uint32))
    counts, sums = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for kind in UNSIGNED_TYPES:
        numbers = np.zeros(64, dtype=kind)
        group_kernels.refine_groups(read_only(numbers), kind(0), np.uint32(0), np.uint32(1), groups)
        arguments = (kind(0), np.uint32(0), np.uint32(1), groups[:1])
        group_kernels.refine_groups_at(positions, read_only(numbers), *arguments)
        if kind is not np.uint64:
            group_kernels.count_in_words(read_only(numbers), read_only(words), counts)
    for signed in SIGNED_TYPES:
        numbers = np.zeros(64, dtype=signed)
        group_kernels.total_in_words(
            read_only(groups), read_only(numbers), read_only(words), counts, sums
        )
        group_kernels.extremes_in_words_by_group(
            read_only(groups), read_only(numbers), read_only(words), counts, sums, sums
        )
    for kind in (np.uint8, np.uint16, np.uint32):
        numbers = read_only(np.zeros(64, dtype=kind))
        group_kernels.refine_cells(numbers, read_only(words), np.uint32(1), groups)
    entries = np.zeros(1, dtype=np.int64)
    group_kernels.total_entries(entries, entries, sums)
    group_kernels.extremes_of_entries(entries, entries, counts, sums)
    group_kernels.number_keys(entries, entries, np.full(2, -1), entries.copy(), 0, entries.copy())


def _warm_members() -> None:
    positions = read_only(np.zeros(1, dtype=np.uint32))
    bounds, codes = np.array([0, 1]), np.zeros(1, dtype=np.int64)
    words = read_only(np.zeros(SHARD_WORDS, dtype=np.uint64))
    member_kernels.count_rows_in_words(positions, bounds, words, codes.copy())
    for kind in (np.uint16, np.uint32):
        starts, members = np.zeros(SHARD_WIDTH + 1, dtype=np.int32), np.zeros(1, dtype=kind)
        member_kernels.turn_round(positions, bounds, codes, starts, members)
        arrays = (read_only(starts), read_only(members), positions)
        member_kernels.count_members(*arrays, codes.astype(np.uint32))
    slots = np.empty(member_kernels.SLOTS * SHARD_WIDTH, dtype=np.uint16)
    starts, members = np.zeros(SHARD_WIDTH + 1, dtype=np.int32), np.zeros(1, dtype=np.uint16)
    member_kernels.spread(read_only(starts), read_only(members), slots, starts[:1], members)
    more = (read_only(starts[:1]), read_only(members))
    member_kernels.count_slots(read_only(slots), *more, positions, codes.astype(np.uint32))
