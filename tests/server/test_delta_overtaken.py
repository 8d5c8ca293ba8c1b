"""Rows list the values that they have overtaken, in every kind of response."""

from __future__ import annotations

from accounts import Person
from devices import Device, conversation_op, message_op

from sterna.sync.wire import DeltaResponse, Op


def setting(value: str, base: int = 0) -> Op:
    return Op("s", "c1/system_prompt", "put", base=base, value={"value": value})


def overtook(answer: DeltaResponse) -> dict[str, tuple[int, ...]]:
    return {row.id: tuple(row.overtook) for row in answer.rows}


def test_a_row_names_what_it_overtook_unseen_on_every_way(ada: Person) -> None:
    first, two = Device(ada), Device(ada, "r2")
    made = {
        row.id: row.seq for ack in first.push(conversation_op(), message_op(), setting("x")).acks if (row := ack.row)
    }
    bases = {"c1": made["c1"], "m1": made["m1"], "c1/system_prompt": made["c1/system_prompt"]}
    answer = first.push(
        conversation_op(title="Mine", base=bases["c1"], edited_at=1),
        message_op(content="mine", base=bases["m1"], edited_at=1),
        setting("mine", bases["c1/system_prompt"]),
    )
    lost = {row.id: row.seq for ack in answer.acks if (row := ack.row)}
    two.push(
        conversation_op(title="Yours", base=bases["c1"]),
        message_op(content="yours", base=bases["m1"]),
        setting("yours", bases["c1/system_prompt"]),
    )
    expected = {key: (seq,) for key, seq in lost.items()}
    assert overtook(first.pull()) == expected
    assert overtook(Device(ada, "r3").pull(1, newest=9)) == {"c1": (lost["c1"],)}
    assert overtook(Device(ada, "r4").pull(since=0, session="c1")) == expected
    # an edit by somebody who had seen the winner overtakes nothing, and forgets nothing
    seen = {row.id: row.seq for row in Device(ada, "r5").pull().rows}
    two.push(conversation_op(title="Later", base=seen["c1"]))
    assert overtook(first.pull()) == {"c1": (lost["c1"],)}


def test_a_row_that_was_replaced_by_who_had_seen_it_names_nothing(ada: Person) -> None:
    result = Device(ada)
    for number in range(3):
        base = result.pull().rows[-1].seq if number else 0
        result.push(conversation_op(title=f"Title {number}", base=base))
    assert overtook(result.pull()) == {"c1": ()}
