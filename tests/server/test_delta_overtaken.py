"""Rows name the values that they overtook unseen, on every way by which a device is told of them."""

from __future__ import annotations

from deltas import Device, said, talk
from people import Person

from sterna.sync.wire import DeltaAnswer, Op


def setting(value: str, base: int = 0) -> Op:
    return Op("s", "c1/system_prompt", "put", base=base, value={"value": value})


def overtook(answer: DeltaAnswer) -> dict[str, tuple[int, ...]]:
    return {row.id: tuple(row.overtook) for row in answer.rows}


def test_a_row_names_what_it_overtook_unseen_on_every_way(ada: Person) -> None:
    one, two = Device(ada), Device(ada, "r2")
    made = {row.id: row.seq for ack in one.push(talk(), said(), setting("x")).acks if (row := ack.row)}
    bases = {"c1": made["c1"], "m1": made["m1"], "c1/system_prompt": made["c1/system_prompt"]}
    told = one.push(
        talk(title="Mine", base=bases["c1"], edited_at=1),
        said(content="mine", base=bases["m1"], edited_at=1),
        setting("mine", bases["c1/system_prompt"]),
    )
    lost = {row.id: row.seq for ack in told.acks if (row := ack.row)}
    two.push(
        talk(title="Yours", base=bases["c1"]),
        said(content="yours", base=bases["m1"]),
        setting("yours", bases["c1/system_prompt"]),
    )
    expected = {key: (seq,) for key, seq in lost.items()}
    assert overtook(one.pull()) == expected
    assert overtook(Device(ada, "r3").pull(1, newest=9)) == {"c1": (lost["c1"],)}
    assert overtook(Device(ada, "r4").pull(since=0, session="c1")) == expected
    # an edit by somebody who had seen the winner overtakes nothing, and forgets nothing
    seen = {row.id: row.seq for row in Device(ada, "r5").pull().rows}
    two.push(talk(title="Later", base=seen["c1"]))
    assert overtook(one.pull()) == {"c1": (lost["c1"],)}


def test_a_row_that_was_replaced_by_who_had_seen_it_names_nothing(ada: Person) -> None:
    one = Device(ada)
    for number in range(3):
        base = one.pull().rows[-1].seq if number else 0
        one.push(talk(title=f"Title {number}", base=base))
    assert overtook(one.pull()) == {"c1": ()}
