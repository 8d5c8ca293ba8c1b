"""Whose sign-in goes with which file, server and setting; and that where they disagree nothing is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sterna.config import ConfigError, load
from sterna.config.credentials import Credentials
from sterna.storage import AccountLinking, Store, StoreError, data_dir, open_account
from sterna.storage.accounts import registry
from sterna.sync.auth.accounts import Account, Accounts, SignedIn, check_sign_in
from sterna.sync.auth.gotrue import Tokens
from sterna.sync.auth.token_session import CommandTokenSession, StoredTokenSession
from sterna.sync.errors import BadAddress, Refused, SignInNeeded, SyncDisabled, WrongAccount
from sterna.sync.network.server_address import server_of

ORIGIN = "https://sterna.example.org"
OTHER = "https://other.example.org"
ADA = "11111111-1111-4111-8111-111111111111"
BOB = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return data_dir(tmp_path / "data")


@pytest.fixture
def accounts(folder: Path, tmp_path: Path) -> Accounts:
    keys = Credentials(tmp_path / "config", lambda: None)
    return Accounts(folder, tmp_path / "config", environ={}, now=lambda: 1000.0, keys=keys)


def signed(user: str = ADA, origin: str = ORIGIN, email: str = "ada@example.org", kind: Any = "sterna") -> SignedIn:
    raw = {"access_token": "access", "expires_in": 3600}
    return SignedIn(server_of(origin), kind, Tokens(user, email, "access", f"refresh-{user}", 3600, raw))


def talk(folder: Path, title: str) -> str:
    store = Store.open(open_account(folder))
    try:
        return store.conversations.create(title).id
    finally:
        store.close()


def opened(account: Account) -> Store:
    return Store.open(account.file)


def test_an_empty_history_is_adopted_without_a_question(accounts: Accounts) -> None:
    assert accounts.offer(signed()).choices == ("adopt",)


def test_a_history_is_adopted_or_left_beside(accounts: Accounts, folder: Path) -> None:
    talk(folder, "One")
    offer = accounts.offer(signed())
    assert (offer.choices, offer.history.conversations) == (("adopt", "beside"), 1)


async def test_adopting_keeps_the_file_and_names_it_for_the_account(
    accounts: Accounts, folder: Path, tmp_path: Path
) -> None:
    talk(folder, "One")
    before = accounts.current()
    account = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    assert account == Account(before.file, ADA, ORIGIN, "ada@example.org", "sterna", True)
    assert accounts.current() == account
    assert accounts.all() == [account]
    assert accounts.is_signed_in(account)
    settings = load(tmp_path / "config").sync
    assert (settings.server, settings.kind, settings.enabled) == (ORIGIN, "sterna", True)
    assert accounts.sync_obstacle(account) is None
    assert accounts.offer(signed()).choices == ("again",)


async def test_a_second_account_begins_with_a_file_of_its_own_and_the_first_keeps_its(
    accounts: Accounts, folder: Path
) -> None:
    talk(folder, "One")
    ada = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    assert accounts.offer(signed(BOB)).choices == ("beside", "merge")
    bob = await accounts.complete_sign_in(signed(BOB, email="bob@example.org"), "beside", sending=True)
    assert ada.file != bob.file
    assert accounts.current() == bob
    store = opened(bob)
    assert (store.linking.owner(), store.conversations.count(), store.sync_metadata.waiting()) == ((ORIGIN, BOB), 0, 0)
    store.close()
    assert accounts.offer(signed()).choices == ("open",)
    assert await accounts.complete_sign_in(signed(), "open", sending=True) == ada
    store = opened(ada)
    assert (store.linking.owner(), store.conversations.count(), store.sync_metadata.waiting()) == ((ORIGIN, ADA), 1, 1)
    store.close()


async def test_the_same_person_at_two_servers_is_two_accounts(accounts: Accounts) -> None:
    one = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    other = await accounts.complete_sign_in(signed(origin=OTHER), "beside", sending=True)
    assert one.file != other.file
    with pytest.raises(Refused, match="Several accounts are named ada@"):
        accounts.find("ada@example.org")
    assert accounts.find(OTHER) == other
    assert accounts.find(one.file.stem) == one


async def test_merging_opens_the_accounts_file_with_both_histories(accounts: Accounts, folder: Path) -> None:
    talk(folder, "local")
    local = accounts.current()
    account = await accounts.complete_sign_in(signed(), "beside", sending=True)
    accounts.switch(local)
    assert accounts.offer(signed()).choices == ("merge", "open")
    assert await accounts.complete_sign_in(signed(), "merge", sending=True) == account
    store, before = opened(account), opened(local)
    assert [row.title for row in store.conversations.page(0, 9)] == ["local"]
    assert (before.linking.owner(), before.conversations.count()) == (None, 1)
    store.close()
    before.close()


async def test_switching_means_the_server_of_the_account(accounts: Accounts, tmp_path: Path) -> None:
    one = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    other = await accounts.complete_sign_in(signed(origin=OTHER), "beside", sending=True)
    assert load(tmp_path / "config").sync.server == OTHER
    assert "names the server" in (accounts.sync_obstacle(one) or "")
    assert accounts.sync_obstacle(other) is None
    accounts.switch(one)
    assert load(tmp_path / "config").sync.server == ORIGIN
    assert accounts.sync_obstacle(one) is None


async def test_the_yes_of_one_account_is_not_anothers(accounts: Accounts) -> None:
    one = await accounts.complete_sign_in(signed(), "adopt", sending=False)
    assert "sterna sync on" in (accounts.sync_obstacle(one) or "")
    other = await accounts.complete_sign_in(signed(BOB), "beside", sending=True)
    assert accounts.sync_obstacle(other) is None
    accounts.switch(one)
    assert "sterna sync on" in (accounts.sync_obstacle(accounts.current()) or "")
    accounts.set_sending(accounts.current(), True)
    assert accounts.sync_obstacle(accounts.current()) is None
    assert accounts.set_sending(accounts.current(), False).sending is False
    assert accounts.sync_obstacle(accounts.current()) is not None


async def test_tokens_that_cannot_be_kept_leave_the_history_local(
    accounts: Accounts, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(folder, "One")

    def full(*args: Any) -> None:
        raise ConfigError("No space.")

    monkeypatch.setattr(Credentials, "put", full)
    with pytest.raises(ConfigError):
        await accounts.complete_sign_in(signed(), "adopt", sending=True)
    assert accounts.current().local
    store = Store.open(open_account(folder))
    assert store.linking.owner() is None
    store.close()


async def test_a_history_that_changed_hands_meanwhile_is_not_taken(
    accounts: Accounts, folder: Path, tmp_path: Path
) -> None:
    talk(folder, "One")
    store = Store.open(open_account(folder))
    store.linking.adopt(ORIGIN, BOB, "bob@example.org")
    store.close()
    with pytest.raises(StoreError, match="belongs to another account"):
        await accounts.complete_sign_in(signed(), "adopt", sending=True)
    assert json.loads((tmp_path / "config" / "credentials.json").read_text()) == {}


@pytest.mark.parametrize("crash", ["adopt", "keep"])
async def test_a_crash_in_the_middle_of_a_sign_in_is_mended_by_the_next(
    accounts: Accounts, folder: Path, monkeypatch: pytest.MonkeyPatch, crash: str
) -> None:
    talk(folder, "One")

    class Crash(BaseException): ...

    def crashing(*args: Any, **kwargs: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(*((AccountLinking, "adopt", crashing) if crash == "adopt" else (registry, "keep", crashing)))
        with pytest.raises(Crash):
            await accounts.complete_sign_in(signed(), "adopt", sending=True)
    store = Store.open(open_account(folder))
    agreed = accounts.reconcile(store.linking.owner())
    store.close()
    assert agreed.local is (crash == "adopt")
    assert accounts.sync_obstacle(agreed) is not None  # nothing is sent before the sign-in came to its end
    (choice,) = accounts.offer(signed()).choices[:1]
    assert choice == ("adopt" if crash == "adopt" else "again")
    account = await accounts.complete_sign_in(signed(), choice, sending=True)
    assert accounts.all() == [account]
    assert accounts.sync_obstacle(account) is None


async def test_signing_out_keeps_the_file_its_owner_and_what_waits(accounts: Accounts, folder: Path) -> None:
    talk(folder, "One")
    account = await accounts.complete_sign_in(signed(origin="http://127.0.0.1:9"), "adopt", sending=True)
    assert not await accounts.sign_out(account)
    assert not accounts.is_signed_in(account)
    assert accounts.current() == account
    store = opened(account)
    assert (store.linking.owner(), store.conversations.count(), store.sync_metadata.waiting()) == (
        (account.origin, ADA),
        1,
        1,
    )
    store.close()
    with pytest.raises(SignInNeeded):
        await accounts.session(account).token()


async def test_file_account_and_token_have_to_agree_before_anything_is_sent(accounts: Accounts) -> None:
    account = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    session = accounts.session(account)
    await check_sign_in(session, account, (ORIGIN, ADA))
    with pytest.raises(SignInNeeded):
        await check_sign_in(session, account, None)
    for owner in ((ORIGIN, BOB), (OTHER, ADA)):
        with pytest.raises(WrongAccount):
            await check_sign_in(session, account, owner)


async def test_a_no_counts_at_once_for_whoever_syncs(accounts: Accounts, tmp_path: Path) -> None:
    account = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    session = accounts.session(account)
    await check_sign_in(session, account, (ORIGIN, ADA))
    accounts.set_sending(account, False)
    with pytest.raises(SyncDisabled, match="sterna sync on"):
        await check_sign_in(session, account, (ORIGIN, ADA))
    accounts.set_sending(account, True)
    await check_sign_in(session, account, (ORIGIN, ADA))
    path = tmp_path / "config" / "config.toml"
    path.write_text(path.read_text().replace("enabled = true", "enabled = false"))
    with pytest.raises(SyncDisabled):
        await check_sign_in(session, account, (ORIGIN, ADA))


async def test_a_token_of_another_subject_is_not_used(accounts: Accounts, tmp_path: Path) -> None:
    account = await accounts.complete_sign_in(signed(), "adopt", sending=True)
    path = tmp_path / "config" / "credentials.json"
    stranger = "e30.eyJzdWIiOiIyMjIyMjIyMi0yMjIyLTQyMjItODIyMi0yMjIyMjIyMjIyMjIifQ.x"
    path.write_text(path.read_text().replace('\\"access\\":\\"access\\"', f'\\"access\\":\\"{stranger}\\"'))
    assert stranger in path.read_text()
    with pytest.raises(WrongAccount):
        await check_sign_in(accounts.session(account), account, (ORIGIN, ADA))


async def test_an_upstream_account_signs_in_at_supabase_and_keeps_what_cookies_are_made_of(
    accounts: Accounts, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(f'[sync]\nserver = "{ORIGIN}"\nkind = "upstream"\n')
    with pytest.raises(BadAddress, match=r"sync\.supabase_url and sync\.anon_key"):
        accounts.sign_in_server(ORIGIN)
    with (tmp_path / "config" / "config.toml").open("a") as file:
        file.write('supabase_url = "https://abc.supabase.co"\nanon_key = "public"\n')
    server, kind, signer = accounts.sign_in_server(ORIGIN)
    assert (server.origin, kind, signer.server.origin) == (ORIGIN, "upstream", "https://abc.supabase.co")
    assert accounts.sign_in_server(OTHER)[1] == "sterna"
    account = await accounts.complete_sign_in(signed(kind="upstream"), "adopt", sending=True)
    session = accounts.session(account)
    assert isinstance(session, StoredTokenSession)
    assert (await session.stored()).raw == {"access_token": "access", "expires_in": 3600}
    assert load(tmp_path / "config").sync.kind == "upstream"


def test_a_token_command_takes_the_place_of_a_kept_sign_in(accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('[sync]\ntoken_command = "echo abc"\n')
    account = Account(tmp_path / "x.db", ADA, ORIGIN, "", "sterna")
    assert isinstance(accounts.session(account), CommandTokenSession)


async def test_nothing_of_an_email_reaches_a_file_name(accounts: Accounts, folder: Path) -> None:
    account = await accounts.complete_sign_in(signed(email="../../\x1b[2J@x"), "beside", sending=False)
    assert account.file.parent == folder
    assert account.file.stem.isalnum()
