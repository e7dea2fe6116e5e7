"""The same bytes on another processor: what computes runs natively and under an emulator, side by side."""

import platform

import pytest
from emulating import finish, need_emulator, start_python

from stages.common.basics.processor import SAME_BYTES
from stages.common.network import graph_check
from tests.networks_alone import KINDS
from tests.operations_alone import INEXACT, PROBES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SAME_BYTES or platform.system() != "Linux", reason="no x86-64 Linux with AVX2"),
]


@pytest.fixture(scope="module")
def computed() -> list[dict[str, str]]:
    """What all of it comes to: natively, and as the emulator's richest processor."""
    need_emulator()
    code = "from tests import networks_alone, operations_alone as o; o.main(); networks_alone.main()"
    started = [start_python(["-c", code], processor) for processor in (None, "max")]
    return [finish(process) for process in started]


@pytest.mark.parametrize("name", PROBES)
def test_a_listed_operation_gives_the_same_bits(computed: list[dict[str, str]], name: str) -> None:
    native, emulated = computed
    assert emulated[name] == native[name]


@pytest.mark.parametrize("name", KINDS)
def test_a_network_gives_the_same_bytes(computed: list[dict[str, str]], name: str) -> None:
    native, emulated = computed
    assert emulated[name] == native[name]


@pytest.mark.parametrize("name", INEXACT)
def test_the_emulator_shows_what_is_inexact(computed: list[dict[str, str]], name: str) -> None:
    native, emulated = computed
    assert emulated[name] != native[name]
    assert name not in graph_check.EXACT


def test_every_operation_that_computes_is_tried() -> None:
    assert PROBES.keys() == (graph_check.EXACT - graph_check.COPIES) | {"_UnaryOpsComposition"}
