"""Endpoints, one module for each group of paths."""

from __future__ import annotations

from fastapi import APIRouter

from . import (
    account,
    analytics,
    attachments,
    auth,
    auth_settings,
    chat,
    device,
    health,
    messages,
    models,
    recovery,
    rest,
    rpc,
    search,
    session,
    sessions,
    sync,
    sync_head,
    usage,
    user_data,
    visits,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    auth.router,
    auth_settings.router,
    device.router,
    recovery.router,
    recovery.page_router,
    sessions.router,
    session.router,
    sync.router,
    sync_head.router,
    attachments.status_router,
    attachments.router,
    messages.router,
    sessions.clear_router,
    search.router,
    models.router,
    chat.router,
    user_data.router,
    usage.router,
    account.router,
    visits.router,
    analytics.router,
    rpc.router,
    rest.router,
)
