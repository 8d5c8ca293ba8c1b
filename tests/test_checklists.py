"""The requirements of docs/specification/features.md: which test shows each line.

A test that is renamed is missed here. Those of docs/specification/features.md#chat-memory are the tests of
server/test_sql_memory.py and storage/test_search_history.py themselves.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

LINES = (
    ("the trigger and its function", "server/test_sql_patch.py", "test_the_published_test_passes_word_for_word"),
    ("an idempotent script", "server/test_sql_patch.py", "test_the_patch_can_be_applied_again_and_counts_once"),
    ("its rollback", "server/test_sql_patch.py",
     "test_after_the_rollback_nothing_is_counted_until_the_patch_is_back"),
    ("bulk import", "server/test_sql_sync_stamps.py", "test_many_rows_at_once"),
    ("bulk import in the mirror", "storage/test_bulk_import.py", ""),
    ("schema deploys", "server/test_sql_visits.py",
     "test_schema_deployed_without_errors_under_the_published_names"),
    ("indexes", "storage/test_schema.py", "test_a_specified_index_is_there"),
    ("creation works", "server/test_visits_endpoint.py", "test_session_creation_working"),
    ("hash stable", "server/test_visits_endpoint.py", "test_hash_generation_producing_consistent_identifiers"),
    ("toggle", "server/test_visits_endpoint.py",
     "test_environment_toggle_a_server_that_was_not_told_to_keeps_nothing"),
    ("errors", "server/test_visits_endpoint.py", "test_errors_are_answered_in_the_words_that_clients_know"),
    ("same ip and agent, same hash; devices; last 5", "server/test_sql_visits.py",
     "test_every_published_verifying_statement_runs_as_it_stands"),
    ("start once, silent failure", "sync/test_tracker.py", "test_a_visit_is_announced_once_and_a_failure_is_silent"),
    ("token form", "sync/test_tracker.py", "test_a_token_has_the_form_that_web_clients_give_it"),
    ("no chat slowdown", "tui/test_analytics.py", "test_what_is_done_is_noted_by_its_name"),
    ("embeddings", "server/test_sql_visits.py", "test_embeddings_are_pgvector_s_where_that_is_to_be_had"),
    ("matches", "server/test_visits_endpoint.py", "test_messages_are_kept_and_a_question_asked_before_is_found"),
    ("matches in the mirror", "storage/test_visits.py",
     "test_a_question_asked_before_in_other_words_is_found_with_its_answer"),
    ("idle visits", "server/test_sql_visits.py",
     "test_a_visit_in_which_nothing_happens_ended_when_something_last_did"),
    ("start returns the database's id", "server/test_sql_analytics.py",
     "test_start_returns_the_id_that_the_database_made"),
    ("end sets ended_at", "server/test_sql_analytics.py", "test_start_batch_end_end_again"),
    ("track", "server/test_sql_analytics.py", "test_track_keeps_one_event_of_an_open_session"),
    ("batch", "server/test_sql_analytics.py", "test_what_is_wrong_with_one_event_stops_no_other"),
    ("no event before the start", "sync/test_tracker.py",
     "test_no_event_is_sent_before_a_session_and_none_is_dropped"),
    ("buffer and flush", "sync/test_tracker.py", "test_events_are_gathered_for_five_seconds_and_carry_the_session"),
    ("flush before the end", "sync/test_tracker.py", "test_the_end_sends_what_waits_and_only_then_ends_the_session"),
    ("nothing lost in a crash", "sync/test_tracker.py", "test_what_a_killed_run_left_is_sent_by_the_next_one"),
    ("opt-in", "tui/test_analytics.py", "test_without_a_yes_there_is_no_tracker"),
    ("no text", "sync/test_tracker.py", "test_no_text_gets_into_an_event_whatever_it_is_given"),
    ("helpers", "cli/test_analytics_command.py", "test_the_doctor_sees_one_event_arrive"),
    ("the mirror", "storage/test_interactions.py", "test_start_batch_end_end_again"),
)  # fmt: skip


@pytest.mark.parametrize(("line", "file", "name"), LINES, ids=[line for line, _, _ in LINES])
def test_each_line_of_a_checklist_has_its_test(line: str, file: str, name: str) -> None:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    there = {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert any(one.startswith("test_") for one in there) if not name else any(one.startswith(name) for one in there)
