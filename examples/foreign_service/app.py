"""A service that knows nothing of Claimbench: orders behind a log-in. Four seconds after the first order its
stock is counted, and for three seconds no order is answered.

    SHOP_PASSWORD=secret uvicorn --app-dir examples/foreign_service app:app --port 8000 --no-access-log
    SHOP_PASSWORD=secret claimbench load examples/foreign_service/load.toml
"""

import asyncio
import os
import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

COUNTED_AFTER_S = float(os.environ.get("SHOP_COUNTED_AFTER_S", "4"))
COUNTED_FOR_S = float(os.environ.get("SHOP_COUNTED_FOR_S", "3"))
app, token, is_open, orders = FastAPI(), secrets.token_urlsafe(), asyncio.Event(), list["Order"]()
is_open.set()


class Account(BaseModel):
    user: str
    password: str


class Order(BaseModel):
    article: int = Field(ge=1, le=500)
    amount: int = Field(ge=1)
    note: str


@app.post("/login")
async def log_in(account: Account) -> dict[str, str]:
    if not secrets.compare_digest(account.password, os.environ["SHOP_PASSWORD"]):
        raise HTTPException(401)
    return {"access_token": token}


@app.post("/orders", status_code=201)
async def order(
    new: Order, shown: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> dict[str, int]:
    if not secrets.compare_digest(shown.credentials, token):
        raise HTTPException(401)
    if not orders:
        loop = asyncio.get_running_loop()
        loop.call_later(COUNTED_AFTER_S, is_open.clear)
        loop.call_later(COUNTED_AFTER_S + COUNTED_FOR_S, is_open.set)
    orders.append(new)
    await is_open.wait()
    return {"id": len(orders)}
